"""The cached call centre, over the real adapter, over a simulator on a socket: the contract, read by read."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.cache.call_center import CachedCallCenter
from gateway.cache.freshness import FreshnessPolicy
from gateway.cache.generations import LocalGenerations
from gateway.cache.store import ListingKind, ListingStore
from gateway.domain.clock import SystemClock
from gateway.domain.ids import AgentId, PauseId, QueueId, TenantId
from gateway.evolux.call_center import EvoluxCallCenter
from gateway.simulator.server import running
from gateway.simulator.world import World
from tests.contract.call_center_contract import CallCenterContract, ContractWorld
from tests.unit.evolux.raw_evolux import Tokens, a_client

TOKEN = "planted-token"


def a_world() -> World:
    """130 agents, on three pages; one in each state that the contract asks for."""
    return World.seeded(130, token=TOKEN)


def contract_world(call_center: CachedCallCenter, world: World) -> ContractWorld:
    active = [agent for agent in world.agents.values() if agent.enabled and not agent.archived]
    there = [agent for agent in active if agent.logged_in]
    ready = [agent for agent in there if agent.current_pause is None]
    logged_in = next(agent for agent in ready if not agent.on_call and agent.queue_ids)
    paused = next(agent for agent in there if agent.current_pause is not None)
    logged_out = next(agent for agent in active if not agent.logged_in)
    for agent in (paused, logged_out):
        world.set_allowed_pauses(agent.id, allowed=world.allowed_pauses(logged_in.id))
    return ContractWorld(
        call_center=call_center,
        agent_ids=frozenset(AgentId(each) for each in world.agents),
        queue_ids=frozenset(QueueId(queue.id) for queue in world.queues.values() if not queue.archived),
        logged_in=AgentId(logged_in.id),
        paused=AgentId(paused.id),
        logged_out=AgentId(logged_out.id),
        on_call=AgentId(next(agent.id for agent in ready if agent.on_call)),
        unknown_agent=AgentId(999_999),
        allowed_pause=PauseId(world.allowed_pauses(logged_in.id)[0].pause_id),
        unknown_pause=PauseId(999_999),
        taken_login=logged_in.login,
        free_login="julia.prado.nova",
    )


@asynccontextmanager
async def cached_world() -> AsyncIterator[ContractWorld]:
    """Nothing is held yet, and nothing grows old during a test."""
    world = a_world()
    async with running(world) as simulator, a_client(simulator.base_url, tokens=Tokens(TOKEN)) as client:
        cached = CachedCallCenter(
            EvoluxCallCenter(client),
            tenant_id=TenantId("acme"),
            credential=lambda: "one",
            store=ListingStore(),
            generations=LocalGenerations(),
            clock=SystemClock(),
            policies=dict.fromkeys(ListingKind, FreshnessPolicy(fresh_seconds=60)),
        )
        yield contract_world(cached, world)
        await cached.close()


class TestCachedCallCenter(CallCenterContract):
    """What is held answers as Evolux would."""

    @pytest.fixture
    async def world(self) -> AsyncIterator[ContractWorld]:
        async with cached_world() as world:
            yield world


class TestCachedCallCenterThatHoldsEverything(CallCenterContract):
    """The same where the listings were read before the test began."""

    @pytest.fixture
    async def world(self) -> AsyncIterator[ContractWorld]:
        async with cached_world() as world:
            await world.call_center.agents()
            await world.call_center.queues()
            yield world
