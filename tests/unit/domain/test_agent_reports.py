from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain import agent_reports, agent_tallies
from gateway.domain.agent_filters import AgentFilter, select_agents
from gateway.domain.agent_reports import AgentStateReport, ReportMemory, queue_tally, report_agent_states
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
