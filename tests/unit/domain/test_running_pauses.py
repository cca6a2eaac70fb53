from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.agents import Agent, sort_by_state
from gateway.domain.pauses import AgentPause
from gateway.domain.running_pauses import RunningPauses, pause_span
from tests.builders import NOON, an_agent_pause
from tests.unit.domain.populations import populations

INSTANTS = st.integers(-3_000_000, 3_000_000).map(lambda each: NOON + timedelta(microseconds=each))
PAUSES = st.builds(
    lambda started_at, limit: an_agent_pause(started_at=started_at, max_duration_seconds=limit),
    INSTANTS,
    st.sampled_from([None, -1, 0, 1, 2, 600]),
)


def together(pauses: list[AgentPause]) -> RunningPauses:
    return RunningPauses(map(pause_span, pauses))


@given(st.lists(PAUSES, max_size=40), st.lists(INSTANTS, min_size=1, max_size=4))
def test_durations_are_those_of_the_single_pauses_to_the_microsecond(
    pauses: list[AgentPause], instants: list[datetime]
) -> None:
    running = together(pauses)
    for now in instants:
        elapsed = [pause.elapsed_seconds(now) for pause in pauses]
        over = sum(
            pause.max_duration_seconds is not None and seconds > pause.max_duration_seconds
            for pause, seconds in zip(pauses, elapsed, strict=True)
        )
        longest = max(elapsed) if elapsed else None
        average = sum(elapsed) / len(elapsed) if elapsed else None
        assert running.at(now) == (longest, average, over)


def test_many_pauses_are_read_as_a_few_are() -> None:
    pauses = [
        an_agent_pause(started_at=NOON - timedelta(seconds=each / 3), max_duration_seconds=each % 90)
        for each in range(-60, 3_000)
    ]
    elapsed = [pause.elapsed_seconds(NOON) for pause in pauses]
    over = sum(
        seconds > (pause.max_duration_seconds or 0) for pause, seconds in zip(pauses, elapsed, strict=True)
    )
    assert together(pauses).at(NOON) == (999, sum(elapsed) / len(elapsed), over)


def test_the_order_of_pauses_is_no_difference() -> None:
    pauses = [an_agent_pause(started_at=NOON - timedelta(seconds=each)) for each in range(20)]
    assert together(pauses) == together(pauses[::-1])
    assert together(pauses) != together(pauses[1:])


@given(populations())
def test_sorting_by_state_is_asking_each_agent_for_its_own(people: list[Agent]) -> None:
    for state, members in sort_by_state(people).items():
        assert members == [agent for agent in people if agent.state is state]
