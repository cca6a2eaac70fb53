"""What every `CallCenter` does, whatever it stands on: one suite, run by each adapter on a world of its own.

A test module subclasses `CallCenterContract` as `Test…` and gives a fixture `world` with a fresh
`ContractWorld`; everything else goes through the port.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from msgspec.structs import replace

from gateway.domain.agents import Agent, AgentChange, AgentState, NewAgent, QueueLevel
from gateway.domain.call_center import CallCenter
from gateway.domain.errors import (
    AgentAlreadyPaused,
    AgentNotFound,
    AgentNotLoggedIn,
    AgentNotPaused,
    AgentOnCall,
    BadUserInput,
    LoginTaken,
    PauseNotFound,
    Refusal,
)
from gateway.domain.ids import AgentId, PauseId, QueueId
from gateway.domain.listings import FreshnessBound

NOW = FreshnessBound(max_age_seconds=0)


@dataclass(frozen=True, kw_only=True)
class ContractWorld:
    """A call centre and what is known of it: all the agents named here are enabled and not archived."""

    call_center: CallCenter
    agent_ids: frozenset[AgentId]
    """Every agent's id; more than fifty where the adapter pages."""
    queue_ids: frozenset[QueueId]
    """Every listed queue's id, at least two."""
    logged_in: AgentId
    """Logged in with a known login, not paused, not on a call, may take `allowed_pause`."""
    paused: AgentId
    """Logged in, in a pause whose reason is known, may take `allowed_pause`."""
    logged_out: AgentId
    """Logged off, may take `allowed_pause`."""
    on_call: AgentId
    """Logged in, not paused, on a call."""
    unknown_agent: AgentId
    allowed_pause: PauseId
    unknown_pause: PauseId
    taken_login: str
    free_login: str


async def agents_now(world: ContractWorld) -> Mapping[int, Agent]:
    """The agents listing, read for this."""
    return (await world.call_center.agents(NOW)).snapshot.by_id


async def held_agent(world: ContractWorld, agent_id: AgentId) -> Agent:
    """The agent as the listing shows them to a caller who makes no demand of its age."""
    return (await world.call_center.agents()).snapshot.by_id[agent_id]


@asynccontextmanager
async def refused(world: ContractWorld, kind: type[Refusal]) -> AsyncIterator[pytest.ExceptionInfo[Refusal]]:
    """Expect the block's write to be refused so, and see that the listing is as it was."""
    before = await agents_now(world)
    with pytest.raises(kind) as raised:
        yield raised
    assert raised.type is kind
    assert await agents_now(world) == before


class CallCenterContract:
    """The suite. Every test gets a world of its own."""

    async def test_the_agents_listing_holds_every_agent_once(self, world: ContractWorld) -> None:
        snapshot = (await world.call_center.agents()).snapshot
        assert sorted(agent.id for agent in snapshot.rows) == sorted(world.agent_ids)
        assert snapshot.complete

    async def test_states_are_as_the_world_says(self, world: ContractWorld) -> None:
        agents = await agents_now(world)
        states = {
            name: agents[getattr(world, name)].state
            for name in ("logged_in", "paused", "logged_out", "on_call")
        }
        assert states == {
            "logged_in": AgentState.LOGGED_IN,
            "paused": AgentState.PAUSED,
            "logged_out": AgentState.LOGGED_OUT,
            "on_call": AgentState.LOGGED_IN,
        }

    async def test_the_queues_listing_holds_every_listed_queue_once(self, world: ContractWorld) -> None:
        snapshot = (await world.call_center.queues()).snapshot
        assert sorted(queue.id for queue in snapshot.rows) == sorted(world.queue_ids)
        assert all(queue.name for queue in snapshot.rows)

    async def test_the_pauses_listing_holds_what_the_agent_may_take(self, world: ContractWorld) -> None:
        rows = (await world.call_center.agent_pauses(world.logged_in)).snapshot.rows
        pause_ids = {row.pause.id for row in rows}
        assert world.allowed_pause in pause_ids
        assert world.unknown_pause not in pause_ids

    async def test_an_unknown_agent_has_no_pauses_listing(self, world: ContractWorld) -> None:
        with pytest.raises(AgentNotFound):
            await world.call_center.agent_pauses(world.unknown_agent)

    async def test_one_agent_reads_as_in_the_listing(self, world: ContractWorld) -> None:
        listed = await agents_now(world)
        assert await world.call_center.read_agent(world.logged_in) == listed[world.logged_in]

    @pytest.mark.parametrize("near_page", [1, 2, 999])
    async def test_one_agent_is_found_wherever_they_were_expected(
        self, world: ContractWorld, near_page: int
    ) -> None:
        agent = await world.call_center.read_agent(world.paused, near_page=near_page)
        assert agent is not None
        assert agent.id == world.paused

    async def test_an_unknown_agent_reads_as_none(self, world: ContractWorld) -> None:
        assert await world.call_center.read_agent(world.unknown_agent) is None

    async def test_a_created_agent_is_answered_and_listed(self, world: ContractWorld) -> None:
        await world.call_center.agents()
        queue_ids = tuple(sorted(world.queue_ids))[:2]
        new = NewAgent(
            name="Júlia Prado", login=world.free_login, password="planted-password-7", queue_ids=queue_ids
        )
        created = await world.call_center.create_agent(new)
        assert (created.name, created.login, created.queue_ids) == (
            "Júlia Prado",
            world.free_login,
            queue_ids,
        )
        assert created.state is AgentState.LOGGED_OUT
        assert created.id not in world.agent_ids
        assert await held_agent(world, created.id) == created
        assert set(await agents_now(world)) == world.agent_ids | {created.id}

    async def test_a_taken_login_is_refused(self, world: ContractWorld) -> None:
        new = NewAgent(name="Outra", login=world.taken_login, password="planted-password-7")
        async with refused(world, LoginTaken) as raised:
            await world.call_center.create_agent(new)
        assert "planted-password-7" not in repr(raised.value)

    async def test_an_update_changes_the_given_fields_only(self, world: ContractWorld) -> None:
        before = await agents_now(world)
        await world.call_center.update_agent(world.logged_in, AgentChange(name="Zoé Araújo"))
        expected = dict(before) | {world.logged_in: replace(before[world.logged_in], name="Zoé Araújo")}
        assert await held_agent(world, world.logged_in) == expected[world.logged_in]
        assert await agents_now(world) == expected

    async def test_an_update_replaces_the_queues(self, world: ContractWorld) -> None:
        before = (await agents_now(world))[world.logged_in]
        queue_ids = (max(world.queue_ids),)
        await world.call_center.update_agent(world.logged_in, AgentChange(queue_ids=queue_ids))
        assert (await agents_now(world))[world.logged_in] == replace(before, queue_ids=queue_ids)

    async def test_an_update_can_take_every_queue_away(self, world: ContractWorld) -> None:
        await world.call_center.update_agent(world.logged_in, AgentChange(queue_ids=()))
        assert (await agents_now(world))[world.logged_in].queue_ids == ()

    async def test_levels_and_password_are_taken_and_never_shown(self, world: ContractWorld) -> None:
        before = await agents_now(world)
        levels = (QueueLevel(queue_id=min(world.queue_ids), priority=3),)
        change = AgentChange(password="planted-password-8", levels=levels)
        await world.call_center.update_agent(world.logged_in, change)
        assert await agents_now(world) == before

    async def test_a_blank_password_is_refused_by_name(self, world: ContractWorld) -> None:
        async with refused(world, BadUserInput) as raised:
            await world.call_center.update_agent(world.logged_in, AgentChange(name="Nova", password="  "))
        assert raised.value.field == ("password",)

    async def test_an_unknown_agent_is_not_updated(self, world: ContractWorld) -> None:
        async with refused(world, AgentNotFound):
            await world.call_center.update_agent(world.unknown_agent, AgentChange(name="Ninguém"))

    async def test_a_pause_begins(self, world: ContractWorld) -> None:
        before = await agents_now(world)
        await world.call_center.pause_agent(world.logged_in, world.allowed_pause)
        held = await held_agent(world, world.logged_in)
        after = await agents_now(world)
        for agent in (held, after[world.logged_in]):
            assert agent.state is AgentState.PAUSED
            assert agent.current_pause is not None
            assert agent.current_pause.pause_id == world.allowed_pause
            assert agent.current_pause.ended_at is None
        unpaused = replace(after[world.logged_in], current_pause=None)
        assert dict(after) | {world.logged_in: unpaused} == before

    async def test_a_second_pause_is_refused(self, world: ContractWorld) -> None:
        async with refused(world, AgentAlreadyPaused):
            await world.call_center.pause_agent(world.paused, world.allowed_pause)

    async def test_an_unknown_agent_is_not_paused(self, world: ContractWorld) -> None:
        async with refused(world, AgentNotFound):
            await world.call_center.pause_agent(world.unknown_agent, world.allowed_pause)

    async def test_an_unknown_pause_is_not_begun(self, world: ContractWorld) -> None:
        async with refused(world, PauseNotFound):
            await world.call_center.pause_agent(world.logged_in, world.unknown_pause)

    async def test_a_logged_out_agent_is_not_paused(self, world: ContractWorld) -> None:
        async with refused(world, AgentNotLoggedIn):
            await world.call_center.pause_agent(world.logged_out, world.allowed_pause)

    async def test_a_pause_ends(self, world: ContractWorld) -> None:
        before = (await agents_now(world))[world.paused]
        await world.call_center.unpause_agent(world.paused)
        agent = await held_agent(world, world.paused)
        assert agent.state is AgentState.LOGGED_IN
        assert agent.current_pause is None
        assert agent.last_pause is not None
        assert agent.last_pause.ended_at is not None
        assert replace(agent.last_pause, ended_at=None) == before.current_pause

    async def test_no_pause_is_not_ended(self, world: ContractWorld) -> None:
        async with refused(world, AgentNotPaused):
            await world.call_center.unpause_agent(world.logged_in)

    async def test_an_unknown_agent_is_not_unpaused(self, world: ContractWorld) -> None:
        async with refused(world, AgentNotFound):
            await world.call_center.unpause_agent(world.unknown_agent)

    async def test_a_login_ends(self, world: ContractWorld) -> None:
        await world.call_center.log_off_agent(world.logged_in)
        agent = await held_agent(world, world.logged_in)
        assert agent.state is AgentState.LOGGED_OUT
        assert agent.last_login is not None
        assert agent.last_login.ended_at is not None

    async def test_a_login_that_ends_ends_the_pause(self, world: ContractWorld) -> None:
        await world.call_center.log_off_agent(world.paused)
        agent = await held_agent(world, world.paused)
        assert agent.state is AgentState.LOGGED_OUT
        assert agent.current_pause is None

    async def test_no_login_is_not_ended(self, world: ContractWorld) -> None:
        async with refused(world, AgentNotLoggedIn):
            await world.call_center.log_off_agent(world.logged_out)

    async def test_a_login_does_not_end_during_a_call(self, world: ContractWorld) -> None:
        async with refused(world, AgentOnCall) as raised:
            await world.call_center.log_off_agent(world.on_call)
        assert raised.value.retryable

    async def test_an_unknown_agent_is_not_logged_off(self, world: ContractWorld) -> None:
        async with refused(world, AgentNotFound):
            await world.call_center.log_off_agent(world.unknown_agent)
