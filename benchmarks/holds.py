"""How long one request holds the event loop at a time: 10,000 agents, nothing else asked meanwhile.

`python -m benchmarks.holds` takes a minute. Each step of the loop is measured in its thread's processor time,
and beside it the longest time between two turns as the clock shows it, which on a busy machine counts what
others did, too. The bound is 20 ms.
"""

import asyncio
import gc
import json
import tempfile
import time
from asyncio import events
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from benchmarks.asgi import Running, application
from benchmarks.peers import collector
from benchmarks.queries import NESTED, QUERIES
from benchmarks.served import simulator

AGENTS, ROUNDS, BOUND_MS = 10_000, 5, 20.0
WALKED: Final = NESTED.replace("(first: %d)", "(first: 500, after: $after)").replace(
    "totalCount", "pageInfo { hasNextPage endCursor }"
)
STATES: Final = (
    "{ agentStates(groupBy: [QUEUE, PAUSE]) { total { agents } groups { queue { id name } "
    "pause { id description } counts { agents loggedIn paused averagePauseSeconds longestPauseSeconds } } } }"
)
NO_CACHE: Final = {"cache-control": "no-cache"}

Case = Callable[[Running], Awaitable[Any]]


class Holds:
    """The longest step of the loop since it was last asked, and the longest time between two turns."""

    def __init__(self) -> None:
        self.step_ms = self.turn_ms = 0.0

    def clear(self) -> None:
        self.step_ms = self.turn_ms = 0.0

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Measure every step of the loops of asyncio's own that run meanwhile in this thread."""
        run = events.Handle._run  # noqa: SLF001 - each step of the loop goes through it

        def timed(handle: Any) -> None:
            began_at, wall_at = time.thread_time(), time.perf_counter()
            run(handle)
            self.step_ms = max(self.step_ms, (time.thread_time() - began_at) * 1e3)
            self.turn_ms = max(self.turn_ms, (time.perf_counter() - wall_at) * 1e3)

        with patch.object(events.Handle, "_run", timed):
            yield


def _body(text: str, **variables: object) -> bytes:
    return json.dumps({"query": text, "variables": variables}).encode()


def query(text: str, **headers: str) -> Case:
    """Ask it once."""
    return lambda running: running.ask(body=_body(text), **headers)


async def walk(running: Running) -> None:
    """All agents, 500 at a time."""
    after, more = None, True
    text = f"query ($after: String) {WALKED}"
    while more:
        await asyncio.sleep(0)  # on a socket, too, the next request comes in a step of its own
        page = json.loads(await running.ask(body=_body(text, after=after)))["data"]["agents"]["pageInfo"]
        after, more = page["endCursor"], page["hasNextPage"]


def export(chosen: str) -> Case:
    """All agents as a file."""
    return lambda running: running.ask(f"/v1/exports/agents?format={chosen}", method="GET")


CASES: Final[dict[str, Case]] = {
    "500 agents, nested (Q3)": query(QUERIES["Q3"].text),
    "10,000 agents, nested, walked by cursor, 500 at a time": walk,
    "states by queue and pause": query(STATES),
    "the listing read anew (Cache-Control: no-cache), 50 of it": query(QUERIES["Q2"].text, **NO_CACHE),
    **{f"export as {chosen}": export(chosen) for chosen in ("csv", "ndjson", "arrow", "parquet")},
}


async def measure(app: Any) -> dict[str, tuple[float, float, float, float]]:
    """Of each case: the longest step and turn at first, and afterwards at best of some rounds."""
    found = {}
    holds = Holds()
    async with Running(app) as running:
        await running.ask(body=QUERIES["Q1"].body())
        gc.collect()
        gc.freeze()
        with holds.watching():
            for name, case in CASES.items():
                seen = []
                for _ in range(ROUNDS + 1):
                    holds.clear()
                    await asyncio.create_task(case(running))  # type: ignore[arg-type]  # all are coroutines
                    seen.append((holds.step_ms, holds.turn_ms))
                later = seen[1:]
                found[name] = (*seen[0], min(step for step, _ in later), min(turn for _, turn in later))
    return found


def main() -> None:
    """Print the table."""
    kept = "fresh_seconds = 600\nstale_if_error_seconds = 900"
    with (
        tempfile.TemporaryDirectory() as name,
        simulator(agents=AGENTS) as evolux,
        collector() as otlp,
    ):
        print(
            "| longest hold, ms of processor time (as the clock shows it) | asked at first | afterwards | |"
        )
        print("| --- | ---: | ---: | --- |")
        for what, remembers in (("", True), (", nothing remembered", False)):
            with application(Path(name), evolux=evolux, otlp=otlp, cache=kept, remembers=remembers) as app:
                for case, found in asyncio.run(measure(app)).items():
                    print(row(case + what, found), flush=True)


def row(case: str, found: tuple[float, float, float, float]) -> str:
    """One line of the table."""
    step, turn, step_later, turn_later = found
    over = "over" if max(step, step_later) > BOUND_MS else ""
    return f"| {case} | {step:.1f} ({turn:.1f}) | {step_later:.1f} ({turn_later:.1f}) | {over} |"


if __name__ == "__main__":
    main()
