"""Reports of 10,000 agents by state, and their export: CPU, memory, and how long the event loop is held.

`python -m benchmarks.reports`; on a busy machine only the best of many rounds means something.
"""

import asyncio
import gc
import random
import resource
import time
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

from gateway.domain.agent_filters import AgentFilter
from gateway.domain.agent_reports import report_agent_states
from gateway.domain.agent_states import AgentStateDimension, AgentStateTally
from gateway.domain.agents import Agent, AgentLogin
from gateway.domain.ids import AgentId, PauseId, QueueId
from gateway.domain.listings import Snapshot
from gateway.domain.pauses import AgentPause, Pause
from gateway.domain.queues import Queue
from gateway.rest.exports.formats import ExportFormat, chunks_of
from gateway.rest.exports.rows import ExportedAgent, agent_row
from gateway.rest.exports.tables import Table

AGENTS, QUEUES, PAUSES, COMBINATIONS, ROUNDS = 10_000, 60, 12, 300, 60
NOON = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)
QUEUE, PAUSE, PAUSE_TYPE, PRODUCTIVE, STATE = AgentStateDimension
GROUPINGS = ([], [QUEUE], [PAUSE], [QUEUE, PAUSE], [QUEUE, PAUSE, STATE], list(AgentStateDimension))


def population(*, combinations: int = COMBINATIONS) -> list[Agent]:
    """Agents who serve up to five queues, one of so many combinations; one in six is in a pause."""
    chance = random.Random(1)  # noqa: S311 - people to measure with
    serving = [
        tuple(QueueId(each) for each in chance.sample(range(1, QUEUES + 1), chance.randint(0, 5)))
        for _ in range(combinations)
    ]
    reasons = [
        Pause(id=PauseId(40 + each), description=f"Pausa {each}", productive=each % 2 == 0)
        for each in range(PAUSES)
    ]
    return [_somebody(each, chance, serving=serving, reasons=reasons) for each in range(1, AGENTS + 1)]


def _somebody(
    number: int, chance: random.Random, *, serving: list[tuple[QueueId, ...]], reasons: list[Pause]
) -> Agent:
    is_in, is_paused = chance.random() < 0.7, chance.random() < 0.25
    pause = AgentPause(
        id=number,
        started_at=NOON - timedelta(seconds=chance.randint(0, 4_000)),
        pause=chance.choice(reasons),
        max_duration_seconds=chance.choice((None, 600, 1_200)),
    )
    return Agent(
        id=AgentId(number),
        name=f"Conceição {number}",
        login=f"conceicao.{number}",
        queue_ids=chance.choice(serving),
        current_pause=pause if is_in and is_paused else None,
        last_login=AgentLogin(id=number, started_at=NOON - timedelta(hours=3)) if is_in else None,
    )


def best_milliseconds(run: Callable[[], object]) -> float:
    """The least CPU of some rounds: others use the machine too."""
    spent = []
    for _ in range(ROUNDS):
        began_at = time.thread_time()
        run()
        spent.append(time.thread_time() - began_at)
    return min(spent) * 1e3


def count_anew(snapshot: Snapshot[Agent], ask: Callable[[], object]) -> None:
    """Count as after a walk, when nothing is remembered."""
    snapshot._derived.clear()  # noqa: SLF001 - as if it were another
    ask()


def read_all(tallies: list[AgentStateTally]) -> None:
    """What a caller is shown at an instant."""
    for tally in tallies:
        tally.at(NOON)


def print_reports(agents: list[Agent], *, title: str) -> None:
    """What counting costs, the first reading at an instant, and every later one."""
    print(f"{title}\n{'by':46} rows  counted ms  first read ms  read again ms  remembered ms")
    for dimensions in GROUPINGS:
        snapshot = Snapshot(agents, fetched_at=NOON)
        ask = partial(report_agent_states, snapshot, chosen=AgentFilter(), dimensions=dimensions)
        counted = best_milliseconds(partial(count_anew, snapshot, ask))
        report = ask()
        tallies = [report.total, *(group.tally for group in report.groups)]
        began_at = time.thread_time()
        read_all(tallies)
        first = (time.thread_time() - began_at) * 1e3
        again = best_milliseconds(partial(read_all, tallies))
        remembered = best_milliseconds(ask)
        named = " x ".join(each.value for each in dimensions) or "nothing"
        print(f"{named:46} {len(tallies):4} {counted:11.2f} {first:14.2f} {again:14.2f} {remembered:14.4f}")


async def export(agents: list[Agent], chosen: ExportFormat) -> tuple[int, float, float]:
    """Bytes, seconds, and the longest time between two turns of the loop; chunks are made as at the edge."""
    queues: Snapshot[Queue] = Snapshot((), fetched_at=NOON)
    table = Table(
        row_type=ExportedAgent, sources=agents, show=partial(agent_row, queues=queues), metadata={"rows": "0"}
    )
    chunks, size, longest = chunks_of(table, chosen), 0, 0.0

    async def turn() -> None:
        nonlocal longest
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.0005)
            longest = max(longest, time.perf_counter() - before)

    turning = asyncio.create_task(turn())
    began_at = time.perf_counter()
    while chunk := await asyncio.to_thread(chunks.take):
        size += len(chunk)
    seconds = time.perf_counter() - began_at
    turning.cancel()
    return size, seconds, longest


def print_exports(agents: list[Agent]) -> None:
    """Each format: its size, its time, the loop's longest hold at best and at worst, and memory."""
    print("\nExports of all of them:")
    print("format      KB  seconds  hold ms at best  at worst  Python's peak KB  RSS grown KB")
    for chosen in ExportFormat:
        asyncio.run(export(agents[:100], chosen))  # imports
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        runs = [asyncio.run(export(agents, chosen)) for _ in range(8)]
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        tracemalloc.start()
        asyncio.run(export(agents, chosen))
        peak = tracemalloc.get_traced_memory()[1] / 1e3
        tracemalloc.stop()
        holds = sorted(longest * 1e3 for _, _, longest in runs)
        seconds = min(each for _, each, _ in runs)
        size = runs[0][0] / 1e3
        held = f"{holds[0]:16.1f} {holds[-1]:9.1f}"
        print(f"{chosen.value:8} {size:6.0f} {seconds:8.2f} {held} {peak:17.0f} {grown:13}")


if __name__ == "__main__":
    few, many = population(), population(combinations=AGENTS)
    gc.collect()
    gc.freeze()
    print_reports(few, title=f"{AGENTS:,} agents in {COMBINATIONS} combinations of {QUEUES} queues:")
    print_reports(many, title="\nEach in a combination of their own:")
    print_exports(few)
