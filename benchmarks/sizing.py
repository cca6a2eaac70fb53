# ruff: noqa: S310 - URLs are this folder's own
"""What sizing is derived from: memory by agents, requests per core, requests to Evolux per minute.

`python -m benchmarks.sizing`; needs wrk. Small on purpose (about two minutes on two cores): each figure is
one process's, and docs/operations.md says what follows from it.
"""

import json
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from benchmarks.served import (
    KEY,
    QUERY,
    cpu_seconds,
    free_port,
    process,
    resident_mb,
    simulator,
    tree_of,
    write_config,
    wrk,
)

AGENTS = (62, 1000, 5000)
STATES = "{ agentStates(groupBy: [QUEUE]) { total { agents loggedIn paused } groups { counts { agents } } } }"
SECONDS = 5
WATCHED_SECONDS = 20


def asked_of(base_url: str) -> int:
    with urllib.request.urlopen(f"{base_url}/__simulator__/requests", timeout=10) as answer:
        return int(json.load(answer)["total"])


def ask(url: str, query: str = QUERY) -> None:
    body = json.dumps({"query": query}).encode()
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}", "X-Tenant": "t0"}
    with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=60) as answer:
        assert "errors" not in json.load(answer)


def main() -> None:
    """One row for each size of the tenant."""
    print("| agents | MB idle | MB after load | page of 50: per CPU second | states by queue: per CPU second "
          "| Evolux requests/min |")  # fmt: skip
    print("| --- | --- | --- | --- | --- | --- |")
    for agents in AGENTS:
        with tempfile.TemporaryDirectory() as name, simulator(agents=agents) as base_url:
            folder = Path(name)
            config, port = write_config(folder, tenants={"t0": base_url}), free_port()
            url = f"http://127.0.0.1:{port}/graphql"
            command = (sys.executable, "-m", "gateway", "serve", "--config", str(config), "--port", str(port))
            with process(*command, ready=f"http://127.0.0.1:{port}/livez") as started:
                pids = tree_of(started.pid)
                idle = resident_mb(pids)
                ask(url)
                rates = [per_core(url, pids=pids, folder=folder, query=query) for query in (QUERY, STATES)]
                loaded = resident_mb(pids)
                per_minute = watched(url, base_url=base_url)
        figures = (agents, idle, loaded, *rates, per_minute)
        print("|", " | ".join(f"{figure:.0f}" for figure in figures), "|", flush=True)


def per_core(url: str, *, pids: list[int], folder: Path, query: str) -> float:
    """Requests for each second of processor time that the gateway used."""
    wrk(url, seconds=1, connections=16, folder=folder, query=query)
    before = cpu_seconds(pids)
    measured = wrk(url, seconds=SECONDS, connections=16, folder=folder, query=query)
    assert measured.failed == 0
    return measured.requests_per_second * SECONDS / (cpu_seconds(pids) - before)


def watched(url: str, *, base_url: str) -> float:
    """Requests that Evolux gets in a minute while somebody reads ten times a second."""
    before, began_at = asked_of(base_url), time.monotonic()
    while time.monotonic() - began_at < WATCHED_SECONDS:
        ask(url)
        time.sleep(0.1)
    return (asked_of(base_url) - before) * 60 / (time.monotonic() - began_at)


if __name__ == "__main__":
    main()
