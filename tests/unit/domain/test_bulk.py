"""Writes to many, over a call centre in memory: order, partial success, bounds, one listing."""

import asyncio
from datetime import datetime

import pytest

from gateway.domain.agent_filters import AgentFilter
from gateway.domain.agents import Agent, AgentState
from gateway.domain.bulk import (
    CONCURRENCY,
    MAX_AGENTS,
    BulkPlan,
    BulkResult,
    QueueAssignment,
    Selection,
    assign,
    carry_out_many,
)
from gateway.domain.errors import BadUserInput, OutcomeUnknown, UpstreamTimeout
from gateway.domain.ids import AgentId, PauseId
from gateway.domain.preconditions import Expectation
from gateway.domain.writes import LogOffOrder, Order, PauseOrder
from tests.builders import NOON, a_login, a_pause, a_queue, an_agent, queue_ids
from tests.fakes import FakeCallCenter
from tests.unit.schema.operations import a_call_center


def ids(*numbers: int) -> Selection:
    return Selection(ids=tuple(AgentId(each) for each in numbers))


def many(agents: int) -> FakeCallCenter:
    return FakeCallCenter(
        agents=[an_agent(each, last_login=a_login(id=each)) for each in range(1, agents + 1)],
        queues=[a_queue(1)],
        pauses=[a_pause(50)],
    )


async def log_off(on: FakeCallCenter, plan: BulkPlan) -> tuple[BulkResult, ...]:
    return await carry_out_many(on, plan, order=lambda one, _: LogOffOrder(agent_id=one), clock=lambda: NOON)


def told(results: tuple[BulkResult, ...]) -> list[tuple[int, str]]:
    return [(one.agent_id, "done" if one.error is None else one.error.code.value) for one in results]


async def test_each_agent_has_a_result_in_the_order_given() -> None:
    on = a_call_center()
    on.on_call.add(AgentId(1))
    results = await log_off(on, BulkPlan(selection=ids(3, 2, 77, 1)))
    assert told(results) == [
        (3, "AGENT_NOT_LOGGED_IN"),
        (2, "done"),
        (77, "AGENT_NOT_FOUND"),
        (1, "AGENT_ON_CALL"),
    ]
    assert [one.agent.state if one.agent else None for one in results] == [
        AgentState.LOGGED_OUT,
        AgentState.LOGGED_OUT,
        None,
        AgentState.PAUSED,
    ]
    assert on.calls == {"together": 1, "log_off_agent": 4, "agents": 1}


async def test_many_writes_are_bounded_at_once_and_read_one_listing() -> None:
    on, at_once, most = many(300), 0, 0

    async def slow(method: str) -> None:
        nonlocal at_once, most
        if method == "log_off_agent":
            at_once += 1
            most = max(most, at_once)
            await asyncio.sleep(0)
            at_once -= 1

    on.before = slow
    results = await log_off(on, BulkPlan(selection=ids(*range(1, 301))))
    assert {one.error for one in results} == {None}
    assert most == CONCURRENCY
    assert on.calls["agents"] == 1


async def test_a_filter_chooses_from_a_listing_read_for_it() -> None:
    on = a_call_center()
    chosen = AgentFilter(states=frozenset({AgentState.LOGGED_IN, AgentState.PAUSED}))
    results = await log_off(on, BulkPlan(selection=Selection(chosen=chosen)))
    assert told(results) == [(1, "done"), (2, "done")]
    assert [bound.max_age_seconds for bound in on.bounds] == [0, 0]


async def test_a_dry_run_says_what_would_be_refused_and_writes_nothing() -> None:
    on = a_call_center()
    before = dict(on.rows)
    plan = BulkPlan(selection=ids(2, 1, 77), dry_run=True, expected=Expectation(state=AgentState.LOGGED_IN))
    results = await log_off(on, plan)
    assert told(results) == [(2, "done"), (1, "AGENT_ALREADY_PAUSED"), (77, "AGENT_NOT_FOUND")]
    assert [one.written for one in results] == [None] * 3
    assert on.rows == before
    assert on.calls == {"agents": 1}


async def test_expectations_stop_only_those_who_are_not_so() -> None:
    on = a_call_center()
    plan = BulkPlan(selection=ids(1, 2), expected=Expectation(state=AgentState.PAUSED))
    assert told(await log_off(on, plan)) == [(1, "done"), (2, "AGENT_NOT_PAUSED")]
    assert on.calls["log_off_agent"] == 1


async def test_ensured_agents_who_are_so_already_are_done_unchanged() -> None:
    on = a_call_center()
    plan = BulkPlan(selection=ids(1, 2), ensure=True)
    pause = PauseId(50)
    results = await carry_out_many(
        on, plan, order=lambda one, _: PauseOrder(agent_id=one, pause_id=pause), clock=lambda: NOON
    )
    assert told(results) == [(1, "done"), (2, "done")]
    assert [one.written.changed for one in results if one.written] == [False, True]
    assert on.calls["read_agent"] == 0


async def test_lost_answers_are_settled_by_the_one_listing() -> None:
    on = many(20)
    for _ in range(20):
        on.lose_answer("log_off_agent", OutcomeUnknown("Lost."))
    results = await log_off(on, BulkPlan(selection=ids(*range(1, 21))))
    assert all(one.written is not None and one.written.reconciled for one in results)
    assert on.calls["agents"] == 1
    assert on.calls["read_agent"] == 0


async def test_lost_answers_stay_unknown_where_the_listing_cannot_be_read() -> None:
    on = many(2)
    on.lose_answer("log_off_agent", OutcomeUnknown("Lost."))
    on.fail("agents", UpstreamTimeout("Late."))
    results = await log_off(on, BulkPlan(selection=ids(1, 2)))
    assert told(results) == [(1, "OUTCOME_UNKNOWN"), (2, "done")]
    assert [one.agent for one in results] == [None, None]


@pytest.mark.parametrize(
    ("selection", "field"),
    [
        (ids(*range(1, MAX_AGENTS + 2)), "agentIds"),
        (Selection(chosen=AgentFilter()), "filter"),
        (Selection(), "agentIds"),
        (Selection(ids=(), chosen=AgentFilter()), "agentIds"),
    ],
)
async def test_too_many_or_nobody_said_writes_nothing(selection: Selection, field: str) -> None:
    on = many(MAX_AGENTS + 1)
    with pytest.raises(BadUserInput) as raised:
        await log_off(on, BulkPlan(selection=selection))
    assert raised.value.field == (field,)
    assert on.calls["log_off_agent"] == 0


@pytest.mark.parametrize(
    ("how", "after"),
    [
        (QueueAssignment.REPLACE, (3, 1)),
        (QueueAssignment.ADD, (1, 9, 3)),
        (QueueAssignment.REMOVE, (9,)),
    ],
)
async def test_queues_replace_are_added_or_removed(how: QueueAssignment, after: tuple[int, ...]) -> None:
    on = a_call_center()
    on.queue_rows |= {each: a_queue(each) for each in queue_ids(3, 9)}

    def order(agent_id: AgentId, agent: Agent | None) -> Order:
        return assign(agent_id, queue_ids=queue_ids(3, 1), how=how, agent=agent)

    needs_agents = how is not QueueAssignment.REPLACE
    results = await carry_out_many(
        on,
        BulkPlan(selection=ids(2)),
        order=order,
        needs_agents=needs_agents,
        clock=clock,
    )
    assert told(results) == [(2, "done")]
    assert on.rows[AgentId(2)].queue_ids == after


def clock() -> datetime:
    return NOON
