"""Reports of 10,000 agents by state: CPU.

`python -m benchmarks.reports`; on a busy machine only the best of many rounds means something.
"""

import gc
import random
import time
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


if __name__ == "__main__":
    few, many = population(), population(combinations=AGENTS)
    gc.collect()
    gc.freeze()
    print_reports(few, title=f"{AGENTS:,} agents in {COMBINATIONS} combinations of {QUEUES} queues:")
    print_reports(many, title="\nEach in a combination of their own:")
