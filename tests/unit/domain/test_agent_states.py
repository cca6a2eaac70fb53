from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.agent_states import (
    AgentStateCounts,
    AgentStateDimension,
    AgentStateGroup,
)
from gateway.domain.agent_tallies import group_tallies, tally
from gateway.domain.agents import Agent, AgentState
from gateway.domain.ids import QueueId
from tests.builders import NOON, TEN_TO_NOON, a_login, a_pause, an_agent, an_agent_pause, queue_ids
from tests.unit.domain.populations import populations

QUEUE, PAUSE, PAUSE_TYPE, PRODUCTIVE, STATE = AgentStateDimension
LUNCH = a_pause(50, productive=True)
REST = a_pause(49, type="nr17rest10")


def paused(
    id: int,  # noqa: A002 - ids are called id
    *queues: int,
    seconds: float = 600,
    reason: str = "lunch",
    limit: int | None = None,
) -> Agent:
    pause = an_agent_pause(
        {"lunch": LUNCH, "rest": REST}.get(reason),
        known=reason != "unknown",
        started_at=NOON - timedelta(seconds=seconds),
        max_duration_seconds=limit,
    )
    return an_agent(id, last_login=a_login(), current_pause=pause, queue_ids=queue_ids(*queues))


def waiting(id: int, *queues: int) -> Agent:  # noqa: A002 - ids are called id
    return an_agent(id, last_login=a_login(), queue_ids=queue_ids(*queues))


def gone(id: int, *queues: int) -> Agent:  # noqa: A002 - ids are called id
    return an_agent(id, queue_ids=queue_ids(*queues))


def test_each_agent_counts_once_by_state() -> None:
    people = [
        an_agent(1, archived=True, last_login=a_login()),
        an_agent(2, enabled=False),
        gone(3, 1, 2),
        waiting(4, 1, 2, 3),
        waiting(5),
        waiting(6),
        paused(7, 1, seconds=30.5),
        paused(8, 1, 2, seconds=601, reason="rest", limit=600),
        paused(9, reason="unknown", seconds=0, limit=5),
    ]
    assert tally(people).at(NOON) == AgentStateCounts(
        agents=9,
        inactive=2,
        logged_out=1,
        logged_in=3,
        paused=3,
        paused_productive=1,
        longest_pause_seconds=601,
        average_pause_seconds=(30 + 601 + 0) / 3,
        over_limit=1,
    )


def test_nobody_paused_means_no_duration_rather_than_zero() -> None:
    for people in ([], [waiting(1), gone(2)]):
        counts = tally(people).at(NOON)
        assert (counts.longest_pause_seconds, counts.average_pause_seconds) == (None, None)
        assert (counts.agents, counts.paused, counts.over_limit) == (len(people), 0, 0)


def test_a_pause_of_unknown_reason_is_paused_and_not_productive() -> None:
    counts = tally([paused(1, reason="unknown"), paused(2)]).at(NOON)
    assert (counts.paused, counts.paused_productive) == (2, 1)


def test_a_tally_is_read_at_any_time() -> None:
    counted = tally([paused(1, seconds=10, limit=15), paused(2, seconds=20)])
    at = [counted.at(NOON + timedelta(seconds=each)) for each in (-60, 0, 5, 6)]
    assert [counts.longest_pause_seconds for counts in at] == [0, 20, 25, 26]
    assert [counts.average_pause_seconds for counts in at] == [0.0, 15.0, 20.0, 21.0]
    assert [counts.over_limit for counts in at] == [0, 0, 0, 1]


def test_a_left_over_pause_of_one_who_is_not_there_has_no_duration() -> None:
    pause = an_agent_pause(LUNCH, max_duration_seconds=1)
    people = [an_agent(1, current_pause=pause), an_agent(2, current_pause=pause, archived=True)]
    counts = tally(people).at(NOON)
    assert (counts.paused, counts.paused_productive, counts.over_limit) == (0, 0, 0)
    assert (counts.longest_pause_seconds, counts.logged_out, counts.inactive) == (None, 1, 1)


def test_an_agent_counts_in_each_of_their_queues_and_in_none_without() -> None:
    groups = group_tallies([waiting(1, 1, 2, 3), waiting(2, 2), gone(3)], dimensions=[QUEUE])
    assert [(group.queue_id, group.tally.agents) for group in groups] == [(1, 1), (2, 2), (3, 1), (None, 1)]


def test_a_queue_named_twice_counts_an_agent_once() -> None:
    groups = group_tallies([waiting(1, 7, 7)], dimensions=[QUEUE])
    assert [(group.queue_id, group.tally.agents) for group in groups] == [(7, 1)]


def test_queues_stand_in_the_order_given_and_unlisted_ones_after() -> None:
    people = [waiting(1, 9, 4, 2, 7), gone(2)]
    order = [QueueId(7), QueueId(2), QueueId(100)]
    groups = group_tallies(people, dimensions=[QUEUE], queue_order=order)
    assert [group.queue_id for group in groups] == [7, 2, 4, 9, None]


def test_pauses_make_rows_and_those_in_none_have_a_row_of_their_own() -> None:
    people = [paused(1), paused(2, reason="rest"), paused(3), waiting(4), paused(5, reason="unknown")]
    groups = group_tallies(people, dimensions=[PAUSE])
    assert [(group.pause, group.tally.agents) for group in groups] == [(REST, 1), (LUNCH, 2), (None, 2)]
    assert groups[2].tally.paused == 1


def test_types_and_productivity_make_rows() -> None:
    people = [paused(1), paused(2, reason="rest"), waiting(3)]
    by_type = group_tallies(people, dimensions=[PAUSE_TYPE])
    assert [(group.pause_type, group.tally.agents) for group in by_type] == [("nr17rest10", 1), (None, 2)]
    by_productive = group_tallies(people, dimensions=[PRODUCTIVE])
    assert [(group.productive, group.tally.agents) for group in by_productive] == [
        (True, 1),
        (False, 1),
        (None, 1),
    ]
    assert {group.pause for group in (*by_type, *by_productive)} == {None}


def test_rows_are_ordered_by_the_dimensions_as_given() -> None:
    people = [paused(1, 1, 2), waiting(2, 1)]
    keys = [
        [(group.queue_id, group.state) for group in group_tallies(people, dimensions=dimensions)]
        for dimensions in ([QUEUE, STATE], [STATE, QUEUE])
    ]
    in_, out = AgentState.LOGGED_IN, AgentState.PAUSED
    assert keys == [[(1, in_), (1, out), (2, out)], [(1, in_), (1, out), (2, out)]]
    two = [paused(1, 1), waiting(2, 2)]
    assert [group.queue_id for group in group_tallies(two, dimensions=[QUEUE, STATE])] == [1, 2]
    assert [group.queue_id for group in group_tallies(two, dimensions=[STATE, QUEUE])] == [2, 1]


def test_without_dimensions_or_people_there_are_no_rows() -> None:
    assert group_tallies([waiting(1)], dimensions=[]) == ()
    assert group_tallies([], dimensions=list(AgentStateDimension)) == ()


def test_a_dimension_said_twice_is_said_once() -> None:
    people = [paused(1, 1, 2), waiting(2, 1)]
    assert group_tallies(people, dimensions=[QUEUE, STATE, QUEUE]) == group_tallies(
        people, dimensions=[QUEUE, STATE]
    )


def test_a_started_pause_is_counted_from_its_start() -> None:
    agent = an_agent(1, last_login=a_login(), current_pause=an_agent_pause(started_at=TEN_TO_NOON))
    assert tally([agent]).at(NOON).longest_pause_seconds == 600


def counted_plainly(agents: Iterable[Agent]) -> AgentStateCounts:
    """The counts, spelt out plainly."""
    everybody = list(agents)
    states = [agent.state for agent in everybody]
    running = [agent.current_pause for agent in everybody if agent.state is AgentState.PAUSED]
    pauses = [pause for pause in running if pause is not None]
    elapsed = [pause.elapsed_seconds(NOON) for pause in pauses]
    return AgentStateCounts(
        agents=len(everybody),
        inactive=states.count(AgentState.INACTIVE),
        logged_out=states.count(AgentState.LOGGED_OUT),
        logged_in=states.count(AgentState.LOGGED_IN),
        paused=states.count(AgentState.PAUSED),
        paused_productive=len([pause for pause in pauses if pause.pause and pause.pause.productive]),
        longest_pause_seconds=max(elapsed) if elapsed else None,
        average_pause_seconds=sum(elapsed) / len(elapsed) if elapsed else None,
        over_limit=len(
            [
                pause
                for pause in pauses
                if pause.max_duration_seconds is not None
                and pause.elapsed_seconds(NOON) > pause.max_duration_seconds
            ]
        ),
    )


def belongs(agent: Agent, group: AgentStateGroup, by: Sequence[AgentStateDimension]) -> bool:
    """Whether an agent counts in a row, spelt out plainly."""
    reason = agent.current_pause.pause if agent.current_pause else None
    in_queue = group.queue_id in agent.queue_ids if agent.queue_ids else group.queue_id is None
    return (
        (QUEUE not in by or in_queue)
        and (PAUSE not in by or group.pause == reason)
        and (PAUSE_TYPE not in by or group.pause_type == (reason.type if reason else None))
        and (PRODUCTIVE not in by or group.productive == (reason.productive if reason else None))
        and (STATE not in by or group.state is agent.state)
    )


GROUPINGS = [list(each) for size in range(1, 6) for each in combinations(AgentStateDimension, size)]


@pytest.mark.parametrize("dimensions", GROUPINGS, ids=lambda each: "x".join(one.value for one in each))
@given(people=populations(max_size=20))
def test_counts_are_those_of_plain_counting_in_every_grouping(
    dimensions: list[AgentStateDimension], people: list[Agent]
) -> None:
    groups = group_tallies(people, dimensions=dimensions)
    for group in groups:
        members = [agent for agent in people if belongs(agent, group, dimensions)]
        assert members
        assert group.tally.at(NOON) == counted_plainly(members)
    rows = [
        (group.queue_id, group.pause, group.state, group.productive, group.pause_type) for group in groups
    ]
    assert len(set(rows)) == len(rows)
    places = sum(len(agent.queue_ids) or 1 for agent in people) if QUEUE in dimensions else len(people)
    assert sum(group.tally.agents for group in groups) == places
    assert tally(people).at(NOON) == counted_plainly(people)


@given(populations(max_size=20), st.permutations(list(AgentStateDimension)))
def test_rows_do_not_depend_on_the_listings_order(
    people: list[Agent], dimensions: list[AgentStateDimension]
) -> None:
    def rows(agents: list[Agent]) -> list[tuple[object, AgentStateCounts]]:
        groups = group_tallies(agents, dimensions=dimensions)
        return [((each.queue_id, each.pause, each.state), each.tally.at(NOON)) for each in groups]

    assert rows(people) == rows(people[::-1])
