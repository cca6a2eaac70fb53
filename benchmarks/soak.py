"""A million queries, each asked twice and never again: caches fill up to their bounds, and memory stays.

`python -m benchmarks.soak [REQUESTS]`: in process, through the whole application. Twice, because answers and
recognized requests are taken up at the second time. One in fifty is a document never seen before; the others
have variables never seen before.
"""

import asyncio
import gc
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from benchmarks.asgi import Running, application
from benchmarks.peers import collector
from benchmarks.served import simulator

AGENTS, REQUESTS, REPORTS = 600, 2_000_000, 20
DOCUMENT_EVERY: Final = 50
FIELDS: Final = ("name", "login", "state", "enabled", "queues { id name }", "lastLogin { startedAt }")
TEXTS: Final = (
    "query ($id: ID!) { agent(id: $id) { id name state queues { id name } } }",
    "query ($id: ID!) { agents(first: 20, filter: {ids: [$id, 1]}) { nodes { id name state } } }",
    "query ($id: String!) { agentByLogin(login: $id) { id name currentPause { startedAt } } }",
)


def field_name(pair: int, at: int) -> str:
    """An alias as long as people's are."""
    return f"field_{pair}_of_this_board_{at}"


def bodies(count: int) -> Iterator[bytes]:
    """The requests."""
    for number in range(count):
        pair = number // 2
        if pair % DOCUMENT_EVERY:
            asked = {"query": TEXTS[pair % len(TEXTS)], "variables": {"id": f"{pair}"}}
        else:
            fields = " ".join(f"{field_name(pair, at)}: {field}" for at, field in enumerate(FIELDS))
            root = f"a{pair}: agents(first: {20 + pair % 80})"
            asked = {"query": f"query Q{pair} {{ {root} {{ nodes {{ id {fields} }} }} }}"}
        yield json.dumps(asked).encode()


def resident_mb() -> float:
    """Memory in RAM of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


class Held:
    """What each cache holds, in MiB."""

    def __init__(self, running: Running) -> None:
        lane = running.at_once._lane  # noqa: SLF001 - as below
        self._executor = lane._executor  # noqa: SLF001 - what they hold is nobody's business but this file's
        self._recognition = lane._recognition._known  # noqa: SLF001
        router = running.layer("Router")
        endpoint = next(
            each for each in router.routes if each.path == "/graphql" and hasattr(each, "methods")
        )
        self._documents = endpoint.app._endpoint._documents._held  # noqa: SLF001

    def __str__(self) -> str:
        held = {
            **self._executor.held_bytes,
            "documents": self._documents.currsize,
            "recognized": self._recognition.bytes,
        }
        return "  ".join(f"{name} {size / 2**20:.1f}" for name, size in held.items())


async def soak(app: Any, *, count: int) -> list[float]:
    """Ask, and report as it goes; memory in MB at each report."""
    seen: list[float] = []
    async with Running(app) as running:
        held = Held(running)
        began_at = time.process_time()
        for number, body in enumerate(bodies(count), start=1):
            await running.ask(body=body)
            if number % (count // REPORTS) == 0:
                gc.collect()
                seen.append(resident_mb())
                spent = time.process_time() - began_at
                print(
                    f"{number:>9,} requests  {spent:5.0f} s of CPU  {seen[-1]:6.0f} MB; MiB held: {held}",
                    flush=True,
                )
    return seen


def main() -> int:
    """0 where memory ends within a tenth of its plateau, the middle of the soak."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else REQUESTS
    with (
        tempfile.TemporaryDirectory() as name,
        simulator(agents=AGENTS) as evolux,
        collector() as otlp,
        application(Path(name), evolux=evolux, otlp=otlp) as app,
    ):
        seen = asyncio.run(soak(app, count=count))
    plateau, end = seen[len(seen) // 2 - 1], seen[-1]
    print(f"Half way {plateau:.0f} MB, at the end {end:.0f} MB: {end / plateau - 1:+.1%}.")
    return 0 if end <= plateau * 1.1 else 1


if __name__ == "__main__":
    sys.exit(main())
