import asyncio

import pytest

from gateway.domain.agents import AgentState, NewAgent
from gateway.domain.errors import OutcomeUnknown, UpstreamTimeout
from gateway.domain.ids import AgentId, PauseId, QueueId
from gateway.domain.listings import FreshnessBound, ReadSource
from tests.builders import NOON, a_login, a_pause, a_queue, an_agent, an_agent_pause, queue_ids
from tests.contract.call_center_contract import CallCenterContract, ContractWorld
from tests.fakes import FakeCallCenter, FakeClock


def a_call_center() -> FakeCallCenter:
    call_center = FakeCallCenter(
        agents=[
            an_agent(1, last_login=a_login(id=1), queue_ids=queue_ids(1, 2), login="ana"),
            an_agent(2, last_login=a_login(id=2), current_pause=an_agent_pause(), queue_ids=queue_ids(1)),
            an_agent(3, last_login=a_login(id=3, ended_at=NOON), queue_ids=queue_ids(1)),
            an_agent(4, last_login=a_login(id=4), queue_ids=queue_ids(2)),
            *(an_agent(each) for each in range(5, 61)),
        ],
        queues=[a_queue(1), a_queue(2)],
        pauses=[a_pause(49), a_pause(50)],
    )
    call_center.on_call.add(AgentId(4))
    return call_center


def a_world() -> ContractWorld:
    return ContractWorld(
        call_center=a_call_center(),
        agent_ids=frozenset(AgentId(each) for each in range(1, 61)),
        queue_ids=frozenset({QueueId(1), QueueId(2)}),
        logged_in=AgentId(1),
        paused=AgentId(2),
        logged_out=AgentId(3),
        on_call=AgentId(4),
        unknown_agent=AgentId(999_999),
        allowed_pause=PauseId(50),
        unknown_pause=PauseId(999_999),
        taken_login="ana",
        free_login="julia.prado",
    )


@pytest.fixture
def world() -> ContractWorld:
    return a_world()


class TestFakeCallCenter(CallCenterContract):
    """The fake keeps the contract like any other adapter."""


async def test_calls_are_counted_by_method() -> None:
    call_center = a_call_center()
    await call_center.agents(FreshnessBound(max_age_seconds=3))
    await call_center.agents()
    await call_center.read_agent(AgentId(1), near_page=2)
    assert call_center.calls == {"agents": 2, "read_agent": 1}
    assert [bound.max_age_seconds for bound in call_center.bounds] == [3, None]
    assert call_center.near_pages == [2]


async def test_a_failure_on_request_comes_as_often_as_asked_and_changes_nothing() -> None:
    call_center = a_call_center()
    call_center.fail("unpause_agent", UpstreamTimeout("late"), times=2)
    for _ in range(2):
        with pytest.raises(UpstreamTimeout):
            await call_center.unpause_agent(AgentId(2))
        assert call_center.rows[AgentId(2)].state is AgentState.PAUSED
    await call_center.unpause_agent(AgentId(2))
    assert call_center.rows[AgentId(2)].state is AgentState.LOGGED_IN


async def test_a_lost_answer_is_of_a_write_that_happened() -> None:
    call_center = a_call_center()
    call_center.lose_answer("unpause_agent", OutcomeUnknown("lost"))
    with pytest.raises(OutcomeUnknown):
        await call_center.unpause_agent(AgentId(2))
    assert call_center.rows[AgentId(2)].state is AgentState.LOGGED_IN


async def test_a_call_can_be_held_and_let_go() -> None:
    call_center, reached, go = a_call_center(), asyncio.Event(), asyncio.Event()

    async def hold(method: str) -> None:
        assert method == "agents"
        reached.set()
        await go.wait()

    call_center.before = hold
    walk = asyncio.create_task(call_center.agents())
    await reached.wait()
    call_center.remove(AgentId(60))
    assert not walk.done()
    go.set()
    assert len((await walk).snapshot.rows) == 59


async def test_readings_carry_the_clock_and_where_they_came_from() -> None:
    clock = FakeClock()
    call_center = FakeCallCenter(agents=[an_agent()], now=clock)
    clock.advance(90)
    reading = await call_center.agents()
    assert (reading.snapshot.fetched_at - NOON).total_seconds() == 90
    assert (reading.source, reading.stale) == (ReadSource.WALKED, False)


async def test_passwords_and_levels_are_kept_for_the_test_to_see() -> None:
    call_center = a_call_center()
    created = await call_center.create_agent(NewAgent(name="Rui", login="rui", password="planted-password"))
    assert call_center.passwords == {created.id: "planted-password"}
    assert call_center.levels == {}
