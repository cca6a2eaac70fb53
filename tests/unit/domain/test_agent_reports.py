import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from itertools import permutations
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain import agent_reports, agent_tallies
from gateway.domain.agent_filters import AgentFilter, select_agents
from gateway.domain.agent_reports import (
    MANY_AGENTS,
    AgentStateReport,
    ReportMemory,
    count_agent_states,
    queue_tally,
    report_agent_states,
    report_agent_states_in_steps,
)
from gateway.domain.agent_states import AgentStateDimension
from gateway.domain.agent_tallies import group_tallies, tally
from gateway.domain.agents import Agent, AgentState
from gateway.domain.ids import QueueId
from tests.builders import NOON, a_login, a_snapshot, an_agent, queue_ids
from tests.unit.domain.populations import populations

QUEUE, PAUSE, PAUSE_TYPE, PRODUCTIVE, STATE = AgentStateDimension
EVERYBODY = AgentFilter()
PAUSED = AgentFilter(states=frozenset({AgentState.PAUSED}))
TWO = [an_agent(1, last_login=a_login(), queue_ids=queue_ids(1, 2)), an_agent(2, queue_ids=queue_ids(2))]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many agents were counted each time that any were."""
    times: list[int] = []
    form_companies = agent_tallies.form_companies

    def form(agents: tuple[Agent, ...]) -> object:
        times.append(len(agents))
        return form_companies(agents)

    monkeypatch.setattr(agent_reports, "form_companies", form)
    return times


@given(
    populations(),
    st.permutations(list(AgentStateDimension)).flatmap(
        lambda each: st.integers(0, len(each)).map(lambda count: each[:count])
    ),
    st.sampled_from([EVERYBODY, PAUSED, AgentFilter(archived=True), AgentFilter(search="joao")]),
)
def test_a_report_is_what_counting_gives_whatever_was_asked_before(
    people: list[Agent], dimensions: list[AgentStateDimension], chosen: AgentFilter
) -> None:
    snapshot = a_snapshot(people)
    agents = select_agents(snapshot, chosen)
    plain = AgentStateReport(tally(agents), group_tallies(agents, dimensions=dimensions))
    for earlier in (dimensions[::-1], [], dimensions):
        report_agent_states(snapshot, chosen=chosen, dimensions=earlier)
        assert report_agent_states(snapshot, chosen=chosen, dimensions=dimensions) == plain


def test_the_same_question_is_counted_once_for_a_snapshot(counted: list[int]) -> None:
    snapshot = a_snapshot(TWO)
    first = report_agent_states(snapshot, chosen=EVERYBODY, dimensions=[QUEUE, STATE])
    assert report_agent_states(snapshot, chosen=AgentFilter(), dimensions=[QUEUE, STATE, QUEUE]) is first
    assert counted == [2]
    report_agent_states(snapshot, chosen=PAUSED, dimensions=[QUEUE, STATE])
    report_agent_states(a_snapshot(TWO[:1]), chosen=EVERYBODY, dimensions=[QUEUE, STATE])
    assert counted == [2, 0, 1]


def test_the_same_dimensions_in_any_order_are_counted_once(counted: list[int]) -> None:
    snapshot = a_snapshot(TWO)
    for dimensions in permutations([QUEUE, PAUSE, STATE]):
        report_agent_states(snapshot, chosen=EVERYBODY, dimensions=dimensions)
    assert counted == [2]


def test_a_snapshot_of_equal_rows_inherits_what_was_counted(counted: list[int]) -> None:
    before, equal, other = a_snapshot(TWO), a_snapshot(TWO), a_snapshot(TWO[:1])
    report = report_agent_states(before, chosen=EVERYBODY, dimensions=[QUEUE])
    equal.inherit(before)
    other.inherit(before)
    assert report_agent_states(equal, chosen=EVERYBODY, dimensions=[QUEUE]) is report
    assert counted == [2]
    assert report_agent_states(other, chosen=EVERYBODY, dimensions=[QUEUE]).total.agents == 1
    assert counted == [2, 1]


def test_a_queue_is_counted_with_all_the_others(counted: list[int]) -> None:
    snapshot = a_snapshot([*TWO, an_agent(3, archived=True, queue_ids=queue_ids(2))])
    counts = [queue_tally(snapshot, QueueId(each)).at(NOON).agents for each in (1, 2, 3)]
    assert (counts, counted) == ([1, 2, 0], [2])


def test_what_is_remembered_is_bounded_by_rows_and_the_longest_unused_goes_first() -> None:
    report = report_agent_states(a_snapshot(TWO), chosen=EVERYBODY, dimensions=[QUEUE])
    assert len(report.groups) == 2
    reports = ReportMemory(max_rows=7)
    filters = [AgentFilter(search=word) for word in ("a", "b", "c")]
    for chosen in filters[:2]:
        reports.put(report, chosen=chosen, by=(QUEUE,))
    assert reports.get(filters[0], by=(QUEUE,)) is report
    reports.put(report, chosen=filters[2], by=(QUEUE,))
    assert [reports.get(chosen, by=(QUEUE,)) is report for chosen in filters] == [True, False, True]
    assert reports.rows == 6


def test_a_report_over_the_whole_bound_is_not_remembered() -> None:
    report = report_agent_states(a_snapshot(TWO), chosen=EVERYBODY, dimensions=[QUEUE])
    reports = ReportMemory(max_rows=2)
    reports.put(report, chosen=EVERYBODY, by=(QUEUE,))
    assert (reports.get(EVERYBODY, by=(QUEUE,)), reports.rows) == (None, 0)


MANY = [
    an_agent(each, last_login=a_login() if each % 2 else None, queue_ids=queue_ids(1, 1 + each % 3))
    for each in range(1, MANY_AGENTS + 2)
]


async def test_many_are_counted_in_steps_with_others_served_between(counted: list[int]) -> None:
    snapshot, turns = a_snapshot(MANY), 0
    counting = asyncio.create_task(count_agent_states(snapshot, chosen=EVERYBODY, dimensions=[STATE, QUEUE]))
    while not counting.done():
        await asyncio.sleep(0)
        turns += 1

    assert turns >= 5
    assert counted == [len(MANY)]
    assert await counting == AgentStateReport(tally(MANY), group_tallies(MANY, dimensions=[STATE, QUEUE]))
    assert report_agent_states(snapshot, chosen=EVERYBODY, dimensions=[STATE, QUEUE]) is await counting


async def test_few_and_what_was_counted_are_given_at_once(counted: list[int]) -> None:
    few, many = a_snapshot(TWO), a_snapshot(MANY)
    await count_agent_states(many, chosen=EVERYBODY, dimensions=[QUEUE])

    for snapshot in (few, many):
        at_once = report_agent_states_in_steps(snapshot, chosen=EVERYBODY, dimensions=[QUEUE])
        assert not isinstance(at_once, Awaitable)
    assert counted == [len(MANY), 2]


async def test_all_who_wait_for_a_report_have_it_counted_once(counted: list[int]) -> None:
    snapshot = a_snapshot(MANY)
    asked = [count_agent_states(snapshot, chosen=EVERYBODY, dimensions=[QUEUE]) for _ in range(5)]
    reports = await asyncio.gather(*asked)

    assert counted == [len(MANY)]
    assert all(report is reports[0] for report in reports)


async def test_one_step_of_all_counts_is_taken_in_an_iteration_of_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    iteration, taken_in = 0, list[int]()
    step = agent_reports._Count.go_on

    def go_on(count: agent_reports._Count) -> None:
        taken_in.append(iteration)
        step(count)

    monkeypatch.setattr(agent_reports._Count, "go_on", go_on)
    snapshot = a_snapshot(MANY)
    dimensions = [[QUEUE]] * 4 + [[STATE]] * 2 + [[PAUSE, QUEUE]]
    counting = asyncio.gather(
        *(count_agent_states(snapshot, chosen=EVERYBODY, dimensions=by) for by in dimensions)
    )
    while not counting.done():
        await asyncio.sleep(0)
        iteration += 1

    assert len(taken_in) == len(set(taken_in)) >= 3 * 3
    plain = [AgentStateReport(tally(MANY), group_tallies(MANY, dimensions=by)) for by in dimensions]
    assert await counting == plain


async def test_a_count_goes_on_for_those_who_stay(counted: list[int]) -> None:
    snapshot = a_snapshot(MANY)
    first, second = (
        asyncio.create_task(count_agent_states(snapshot, chosen=EVERYBODY, dimensions=[QUEUE]))
        for _ in range(2)
    )
    await asyncio.sleep(0)
    first.cancel()
    with suppress(asyncio.CancelledError):
        await first

    assert (await second).total.agents == len(MANY)
    assert counted == [len(MANY)]


async def test_a_count_that_nobody_waits_for_is_given_up() -> None:
    snapshot = a_snapshot(MANY)
    counting = asyncio.create_task(count_agent_states(snapshot, chosen=EVERYBODY, dimensions=[QUEUE]))
    await asyncio.sleep(0)
    memory = snapshot.derive(ReportMemory, lambda _: ReportMemory())
    begun = len(memory.under_way)
    counting.cancel()
    with suppress(asyncio.CancelledError):
        await counting

    assert (begun, memory.under_way) == (1, {})


async def test_whose_count_fails_all_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(agent_reports, "form_companies", fail)
    snapshot = a_snapshot(MANY)
    asked = [count_agent_states(snapshot, chosen=EVERYBODY, dimensions=[QUEUE]) for _ in range(3)]
    failures = await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), 5)

    told = sorted(type(failure).__name__ for failure in failures)
    assert told == ["RuntimeError", "RuntimeError", "ZeroDivisionError"]
    monkeypatch.undo()
    report = await count_agent_states(snapshot, chosen=EVERYBODY, dimensions=[QUEUE])
    assert report.total.agents == len(MANY)


def test_who_comes_after_a_count_has_failed_begins_another(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(agent_reports, "form_companies", fail)
    snapshot, memory = a_snapshot(MANY), ReportMemory()
    first, second = (memory.join(snapshot, chosen=EVERYBODY, by=(QUEUE,)) for _ in range(2))
    assert memory.take_step(first) is None
    with pytest.raises(ZeroDivisionError):
        memory.take_step(first)
    monkeypatch.undo()
    third = memory.join(snapshot, chosen=EVERYBODY, by=(QUEUE,))
    memory.leave(first)
    memory.leave(second)

    for _ in range(3):
        assert memory.take_step(third) is None
    report = memory.take_step(third)
    assert report is not None
    assert report.total.agents == len(MANY)


async def test_a_thread_beside_the_loop_waits_for_the_same_count(counted: list[int]) -> None:
    snapshot, found = a_snapshot(MANY), list[AgentStateReport]()

    async def ask() -> None:
        found.append(await count_agent_states(snapshot, chosen=EVERYBODY, dimensions=[QUEUE, STATE]))

    beside = [Thread(target=asyncio.run, args=(ask(),)) for _ in range(3)]
    for thread in beside:
        thread.start()
    await ask()
    for thread in beside:
        await asyncio.to_thread(thread.join)

    plain = AgentStateReport(tally(MANY), group_tallies(MANY, dimensions=[QUEUE, STATE]))
    assert found == [plain] * 4
    assert len(counted) <= 4
