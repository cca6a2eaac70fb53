"""Subscriptions at two replicas on a real Valkey: one walk per poll, and a reader may come back to either."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partialmethod

import pytest

from gateway.cache import valkey_writes
from gateway.cache.valkey import ValkeyListings
from gateway.domain.secrets import SecretUrl
from gateway.settings import CacheSettings, SubscriptionSettings
from gateway.simulator.server import RunningSimulator, running
from gateway.simulator.world import World
from tests.integration.test_event_streams import RENAME, SLOW
from tests.replicas import PATIENT, RunningValkey, running_valkey, until
from tests.served import Plan, Served, serving_gateway, settings_for, token_of
from tests.streams import subscribed

AGENTS_PATH = "/api/v1/agents"
POLLING = SubscriptionSettings(poll_seconds=0.4, refresh_seconds=600)


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(valkey_writes, "ACKNOWLEDGEMENT_SECONDS", PATIENT)
    patient = partialmethod(ValkeyListings.__init__, call_seconds=PATIENT)
    monkeypatch.setattr(ValkeyListings, "__init__", patient)


@pytest.fixture
def valkey() -> Iterator[RunningValkey]:
    with running_valkey() as server:
        yield server


@asynccontextmanager
async def two_gateways(
    valkey: RunningValkey, settings: SubscriptionSettings
) -> AsyncIterator[tuple[Served, Served, RunningSimulator]]:
    world = World(token=token_of("acme"))
    for name in ("Ana", "Bruno", "Carla"):
        world.add_agent(name, login=name.lower())
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(running(world))
        plan = Plan(cache=CacheSettings(valkey_url=SecretUrl(valkey.url)), subscriptions=settings)
        configured = settings_for({"acme": simulator.base_url}, plan=plan, tokens={"acme": token_of("acme")})
        one, other = [await stack.enter_async_context(serving_gateway(configured)) for _ in range(2)]
        yield one, other, simulator


def polls(served: Served) -> int:
    body, _ = served.gateway._telemetry.metrics.render()
    lines = [line for line in body.decode().splitlines() if line.startswith("gateway_subscriptions_polls")]
    return sum(int(float(line.rpartition(" ")[2])) for line in lines)


async def test_readers_at_both_replicas_cost_one_walk_per_poll(valkey: RunningValkey) -> None:
    async with (
        two_gateways(valkey, POLLING) as (one, other, simulator),
        subscribed(one.client) as first,
        subscribed(other.client) as second,
    ):
        assert (await first.next()).changes["totalCount"] == 3
        assert (await second.next()).changes["totalCount"] == 3
        await until(lambda: min(polls(one), polls(other)) >= 3)
        loop = asyncio.get_running_loop()
        began_at, before = loop.time(), simulator.requests.count(AGENTS_PATH)
        await until(lambda: min(polls(one), polls(other)) >= 20, seconds=20)
        walks = simulator.requests.count(AGENTS_PATH) - before
        intervals = (loop.time() - began_at) / POLLING.poll_seconds
    assert 0 < walks <= intervals + 1


async def test_a_reader_comes_back_to_the_other_replica_and_gets_exactly_what_changed(
    valkey: RunningValkey,
) -> None:
    async with two_gateways(valkey, SLOW) as (one, other, _simulator):
        async with subscribed(one.client) as reader:
            seen = await reader.next()
            await one.ask(RENAME)
            renamed = await reader.next()
        async with subscribed(other.client, headers={"Last-Event-ID": renamed.id}) as reader:
            nothing = await reader.next()
        with valkey.client() as client:
            await until(lambda: client.xlen("evolux-gateway/changes/acme") >= 1)
            assert client.pttl("evolux-gateway/changes/acme") > 0
        async with subscribed(other.client, headers={"Last-Event-ID": seen.id}) as reader:
            missed = await reader.next()
        async with subscribed(other.client, extensions={"lastEventId": "forged." + seen.id[-8:]}) as reader:
            unknown = await reader.next()
    assert (nothing.changes["initial"], nothing.changes["agents"]) == (False, [])
    assert (missed.changes["initial"], missed.changes["left"]) == (False, [])
    assert [agent["name"] for agent in missed.changes["agents"]] == ["Ana Maria"]
    assert unknown.changes["initial"] is True


async def test_without_the_memory_of_valkey_a_reader_begins_anew_and_hears_on(valkey: RunningValkey) -> None:
    async with two_gateways(valkey, SLOW) as (one, other, _simulator):
        async with subscribed(one.client) as reader:
            seen = await reader.next()
            await one.ask(RENAME)
            await reader.next()
        valkey.kill()
        async with subscribed(other.client, headers={"Last-Event-ID": seen.id}) as reader:
            anew = await reader.next()
        events = {line["event"] for line in other.log_lines()}
    assert anew.changes["initial"] is True
    assert anew.changes["agents"][0]["name"] == "Ana Maria"
    assert "changes.failed" in events
