# ruff: noqa: S310 - URLs are this folder's own
"""What sizing is derived from: memory by agents, requests per core, requests to Evolux per minute.

`python -m benchmarks.sizing`; needs wrk. Small on purpose (about two minutes on two cores): each figure is
one process's, and docs/operations.md says what follows from it. The two queries are counted by second of the
gateway's processor time, which a busy machine disturbs less than the clock.
"""

import asyncio
import json
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from benchmarks.served import (
    KEY,
    QUERY,
    TOKEN,
    cpu_seconds,
    free_port,
    process,
    resident_mb,
    simulator,
    tree_of,
    write_config,
    wrk,
)
from gateway.cache.codec import pack
from gateway.cache.store import ListingKind
from gateway.domain.clock import SystemClock
from gateway.domain.secrets import ApiToken
from gateway.evolux.call_center import EvoluxCallCenter
from gateway.evolux.client import EvoluxClient
from gateway.tenancy import InlineToken

AGENTS = (62, 1000, 5000)
STATES = "{ agentStates(groupBy: [QUEUE]) { total { agents loggedIn paused } groups { counts { agents } } } }"
SECONDS = 5
WATCHED_SECONDS = 20


def asked_of(base_url: str) -> int:
    shown = urllib.request.Request(f"{base_url}/__simulator__/requests", headers={"token": TOKEN})
    with urllib.request.urlopen(shown, timeout=10) as answer:
        return int(json.load(answer)["total"])


def ask(url: str, query: str = QUERY) -> None:
    body = json.dumps({"query": query}).encode()
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}", "X-Tenant": "t0"}
    with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=60) as answer:
        assert "errors" not in json.load(answer)


def main() -> None:
    """One row for each size of the tenant."""
    print("| agents | KB in Valkey | MB idle | MB after load | page of 50 | states by queue | Evolux/min |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
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
            figures = (agents, asyncio.run(packed_kb(base_url)), idle, loaded, *rates, per_minute)
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


async def packed_kb(base_url: str) -> float:
    """The agents listing as replicas exchange it."""
    client = EvoluxClient(base_url, tokens=InlineToken(ApiToken(TOKEN)), deadline_seconds=30.0)
    call_center = EvoluxCallCenter(client, clock=SystemClock().now, on_odd=lambda _odd: None)
    reading = await call_center.agents()
    packed = await pack(reading.snapshot, kind=ListingKind.AGENTS)
    await client.aclose()
    assert packed is not None
    return len(packed) / 1000


if __name__ == "__main__":
    main()
