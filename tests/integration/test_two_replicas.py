"""Two gateways, one Evolux, one Valkey: over sockets from the callers to Evolux."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partialmethod

import pytest

from gateway.cache import valkey_writes
from gateway.cache.valkey import ValkeyListings
from gateway.domain.secrets import SecretUrl
from gateway.settings import CacheSettings, LimitSettings
from gateway.simulator.server import RunningSimulator, running
from gateway.simulator.world import World
from tests.replicas import PATIENT, RunningValkey, running_valkey, until
from tests.served import Plan, Served, serving_gateway, settings_for, token_of

AGENTS = "/api/v1/agents"
COUNT = "{ agents(first: 1) { totalCount freshness { stale complete } } }"
STATE = "query($id: ID!) { agent(id: $id) { state } }"
PAUSE = """
mutation($id: ID!, $pause: ID!) { pauseAgent(input: {agentId: $id, pauseId: $pause}) { errors { code } } }
"""
UNPAUSE = "mutation($id: ID!) { unpauseAgent(input: {agentId: $id}) { errors { code } } }"
NO_LIMITS = LimitSettings(
    caller_burst=100_000,
    max_concurrent_requests=2_000,
    upstream_requests_per_second=10_000,
    upstream_burst=10_000,
)
LUNCH = 50


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
    world: World, *, valkey: RunningValkey, cache: CacheSettings | None = None
) -> AsyncIterator[tuple[Served, Served, RunningSimulator]]:
    """Two gateways that share nothing but Evolux and the Valkey."""
    cache = cache or CacheSettings(valkey_url=SecretUrl(valkey.url))
    async with AsyncExitStack() as stack:
        simulator = await stack.enter_async_context(running(world))
        settings = settings_for(
            {"acme": simulator.base_url},
            plan=Plan(cache=cache, limits=NO_LIMITS),
            tokens={"acme": token_of("acme")},
        )
        one, other = [await stack.enter_async_context(serving_gateway(settings)) for _ in range(2)]
        yield one, other, simulator


def sharing_lines(served: Served) -> list[str]:
    return [line["event"] for line in served.log_lines() if line["event"].startswith("sharing.")]


async def test_the_callers_of_two_replicas_cost_each_page_once(valkey: RunningValkey) -> None:
    world = World.seeded(1_000, token=token_of("acme"))
    async with two_gateways(world, valkey=valkey) as (one, other, simulator):
        answers = await asyncio.gather(*(each.ask(COUNT) for each in (one, other) for _ in range(50)))

        assert len({answer["agents"]["totalCount"] for answer in answers}) == 1
        assert all(answer["agents"]["freshness"] == {"stale": False, "complete": True} for answer in answers)
        assert simulator.requests.pages(AGENTS) == dict.fromkeys(range(1, 21), 1)


async def test_a_write_at_one_replica_is_seen_at_the_other_at_once(valkey: RunningValkey) -> None:
    world = World.seeded(60, token=token_of("acme"))
    async with two_gateways(world, valkey=valkey) as pair:
        agent_id = str(an_agent_on_duty(world))
        for writer, reader in itertools.permutations(pair[:2]):
            for mutation, state in ((PAUSE, "PAUSED"), (UNPAUSE, "LOGGED_IN")) * 5:
                # A variable that the operation does not declare is ignored.
                answer = await writer.ask(mutation, id=agent_id, pause=str(LUNCH))
                assert next(iter(answer.values())) == {"errors": []}
                assert await reader.ask(STATE, id=agent_id) == {"agent": {"state": state}}
                assert await writer.ask(STATE, id=agent_id) == {"agent": {"state": state}}


def an_agent_on_duty(world: World) -> int:
    """An agent who is logged in, not paused, and may take lunch."""
    return next(
        agent.id
        for agent in world.agents.values()
        if agent.enabled
        and not agent.archived
        and agent.current_pause is None
        and agent.last_login is not None
        and agent.last_login.ended_at is None
        and any(row.pause_id == LUNCH for row in world.allowed_pauses(agent.id))
    )


async def test_a_valkey_killed_and_restarted_under_load_costs_no_answer(valkey: RunningValkey) -> None:
    world = World.seeded(120, token=token_of("acme"))
    cache = CacheSettings(fresh_seconds=0.05, stale_seconds=0.05, valkey_url=SecretUrl(valkey.url))
    async with two_gateways(world, valkey=valkey, cache=cache) as (one, other, _):
        answers = 0

        async def keep_asking(served: Served) -> None:
            nonlocal answers
            while not stop.is_set():
                assert (await served.ask(COUNT))["agents"]["freshness"]["complete"] is True
                answers += 1

        stop = asyncio.Event()
        asking = [asyncio.create_task(keep_asking(served)) for served in (one, other) for _ in range(2)]
        for change, lines in (
            (lambda: None, []),
            (valkey.kill, ["sharing.failed"]),
            (valkey.start, ["sharing.failed", "sharing.recovered"]),
        ):
            await asyncio.to_thread(change)
            await until(lambda wanted=lines: sharing_lines(one) == sharing_lines(other) == wanted, seconds=20)  # type: ignore[misc]
            before = answers
            await until(lambda since=before: answers > since + 30, seconds=20)  # type: ignore[misc]
        stop.set()
        await asyncio.gather(*asking)

        assert one.gateway._shared is not None
        assert one.gateway._shared.is_sharing


async def test_no_token_stands_in_valkey_and_no_address_in_the_log(valkey: RunningValkey) -> None:
    world = World.seeded(60, token=token_of("acme"))
    async with two_gateways(world, valkey=valkey) as (one, other, _):
        await asyncio.gather(one.ask(COUNT), other.ask(COUNT))
        await until(lambda: any(b"/agents/" in name and b"/listing/" in name for name in valkey.values()))
        values = valkey.values()
        valkey.kill()
        await until(lambda: sharing_lines(one) == sharing_lines(other) == ["sharing.failed"])

    assert {name.split(b"/")[1] for name in values} == {b"acme"}
    assert not [name for name, value in values.items() if token_of("acme").encode() in name + value]
    [failed] = [line for line in one.log_lines() if line["event"] == "sharing.failed"]
    assert str(valkey.port) not in str(failed)
