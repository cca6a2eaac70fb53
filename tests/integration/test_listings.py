"""Listings over real HTTP: one walk for everybody, nothing from before a write, freshness told."""

import asyncio
import itertools

import aiohttp

from gateway.settings import CacheSettings, LimitSettings
from gateway.simulator.world import World
from tests.served import KEY, Plan, serving, token_of

AGENTS = "/api/v1/agents"
COUNT = "{ agents(first: 1) { totalCount freshness { ageSeconds stale complete } } }"
STATE = "query($id: ID!) { agent(id: $id) { state } }"
PATIENT = LimitSettings(upstream_requests_per_second=10_000, upstream_burst=10_000)


def crowd(agents: int, *, tenant: str = "acme") -> World:
    return World.seeded(agents, token=token_of(tenant))


async def test_a_thousand_callers_on_a_cold_tenant_cost_each_page_once() -> None:
    plan = Plan(limits=LimitSettings(caller_burst=100_000, max_concurrent_requests=2_000))
    async with serving(crowd(1_000), plan=plan) as (served, simulators):
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as crowding:

            async def ask() -> int:
                async with crowding.post(
                    f"{served.client.base_url}/graphql",
                    json={"query": COUNT},
                    headers={"Authorization": f"Bearer {KEY}"},
                ) as response:
                    total: int = (await response.json())["data"]["agents"]["totalCount"]
                    return total

            totals = await asyncio.gather(*(ask() for _ in range(1_000)))
        assert len(set(totals)) == 1
        assert simulators["acme"].requests.pages(AGENTS) == dict.fromkeys(range(1, 21), 1)


async def test_a_fresh_listing_is_served_without_asking_evolux() -> None:
    async with serving(crowd(120)) as (served, simulators):
        first = await served.post(COUNT)
        asked = len(simulators["acme"].requests)
        second = await served.post(COUNT)
        assert len(simulators["acme"].requests) == asked
    assert first.headers["cache-status"] == "evolux-gateway; fwd=miss; stored"
    assert second.headers["cache-status"] == "evolux-gateway; hit"
    assert second.headers["age"] == "0"
    assert second.json()["data"]["agents"]["freshness"]["stale"] is False
    assert second.json()["data"]["agents"]["freshness"]["ageSeconds"] > 0


async def test_a_stale_listing_is_served_at_once_and_refreshed_behind() -> None:
    world = crowd(60)
    plan = Plan(cache=CacheSettings(fresh_seconds=0.05, stale_seconds=60))
    async with serving(world, plan=plan) as (served, _):
        before = (await served.ask(COUNT))["agents"]["totalCount"]
        world.add_agent("Nova Pessoa", login="nova.pessoa")
        await asyncio.sleep(0.1)
        stale = await served.post(COUNT)
        assert stale.headers["cache-status"] == "evolux-gateway; hit; detail=stale-while-revalidate"
        assert stale.json()["data"]["agents"]["totalCount"] == before
        assert stale.json()["data"]["agents"]["freshness"]["stale"] is True
        for _ in range(100):
            if (await served.ask(COUNT))["agents"]["totalCount"] == before + 1:
                break
            await asyncio.sleep(0.02)
        else:
            raise AssertionError("the refresh behind the stale answer never came")


async def test_evolux_down_serves_the_last_listing_marked_stale_then_recovers() -> None:
    plan = Plan(cache=CacheSettings(fresh_seconds=0, stale_seconds=0), limits=LimitSettings(read_attempts=1))
    async with serving(crowd(60), plan=plan) as (served, simulators):
        await served.ask(COUNT)
        simulators["acme"].faults.answer(503, count=None)
        answer = await served.post(COUNT)
        assert answer.headers["cache-status"] == "evolux-gateway; hit; detail=stale-if-error"
        assert answer.json()["data"]["agents"]["freshness"]["stale"] is True
        error = await served.fail(COUNT, headers={"Cache-Control": "no-cache"})
        assert error["extensions"]["code"] == "UPSTREAM_UNAVAILABLE"
        assert error["extensions"]["retryable"] is True
        simulators["acme"].faults.clear()
        answer = await served.post(COUNT, headers={"Cache-Control": "no-cache"})
        assert answer.headers["cache-status"] == "evolux-gateway; fwd=miss; stored"


async def test_no_cache_reads_evolux_and_only_if_cached_never_does() -> None:
    async with serving(crowd(60)) as (served, simulators):
        error = await served.fail(COUNT, headers={"Cache-Control": "only-if-cached"})
        assert error["extensions"]["code"] == "UPSTREAM_UNAVAILABLE"
        assert simulators["acme"].requests.count(AGENTS) == 0
        await served.ask(COUNT)
        await served.ask(COUNT, headers={"Cache-Control": "max-age=60"})
        assert simulators["acme"].requests.count(AGENTS, page=1) == 1
        await served.ask(COUNT, headers={"Cache-Control": "no-cache"})
        assert simulators["acme"].requests.count(AGENTS, page=1) == 2


async def test_after_a_write_nobody_sees_the_state_from_before_it() -> None:
    world = crowd(300)
    agent = next(
        one for one in world.agents.values() if one.logged_in and not one.current_pause and one.enabled
    )
    pause_id = world.allowed_pauses(agent.id)[0].pause_id if world.allowed_pauses(agent.id) else 49
    pause = """mutation($id: ID!, $pause: ID!)
    { pauseAgent(input: {agentId: $id, pauseId: $pause}) { errors { code } } }"""
    unpause = "mutation($id: ID!) { unpauseAgent(input: {agentId: $id}) { errors { code } } }"
    async with serving(world, latency_seconds=0.005) as (served, _):
        await served.ask(COUNT)
        for _ in range(5):
            walk = asyncio.create_task(served.ask(COUNT, headers={"Cache-Control": "no-cache"}))
            await asyncio.sleep(0.01)
            await served.ask(pause, id=agent.id, pause=pause_id)
            assert (await served.ask(STATE, id=agent.id))["agent"]["state"] == "PAUSED"
            await walk
            assert (await served.ask(STATE, id=agent.id))["agent"]["state"] == "PAUSED"
            await served.ask(unpause, id=agent.id)
            assert (await served.ask(STATE, id=agent.id))["agent"]["state"] == "LOGGED_IN"


async def test_the_agent_in_a_payload_is_read_from_the_page_where_it_stood() -> None:
    world = crowd(300)
    agent = next(one for one in list(world.agents.values())[200:] if one.logged_in and not one.current_pause)
    update = 'mutation($id: ID!) { updateAgent(input: {id: $id, name: "Nome Novo"}) { %s errors { code } } }'
    async with serving(world) as (served, simulators):
        await served.ask(COUNT)
        simulators["acme"].requests.clear()
        data = await served.ask(update % "agent { name }", id=agent.id)
        assert data["updateAgent"]["agent"] == {"name": "Nome Novo"}
        assert sum(simulators["acme"].requests.pages(AGENTS).values()) == 1
        simulators["acme"].requests.clear()
        await served.ask(update % "", id=agent.id)
        assert simulators["acme"].requests.pages(AGENTS) == {}


async def test_a_listing_that_keeps_changing_is_served_as_incomplete() -> None:
    async with serving(crowd(200)) as (served, simulators):
        changing = itertools.count(1)
        simulators["acme"].faults.misstate_total(
            lambda total: total + next(changing), path=AGENTS, count=None
        )
        data = await served.ask(COUNT)
        assert data["agents"]["freshness"]["complete"] is False
        assert simulators["acme"].requests.count(AGENTS, page=1) == 3


async def test_a_cold_walk_of_5000_agents_reads_pages_side_by_side() -> None:
    plan = Plan(limits=PATIENT)
    async with serving(crowd(5_000), plan=plan) as (served, simulators):
        faults = simulators["acme"].faults
        first, others = faults.hang(path=AGENTS, page=1), faults.hang(path=AGENTS, count=10)
        asking = asyncio.create_task(served.ask(COUNT))
        await first.met()
        faults.release()
        await others.met(10)
        faults.release()
        await asking
        assert simulators["acme"].requests.pages(AGENTS) == dict.fromkeys(range(1, 101), 1)
        assert simulators["acme"].requests.peak_in_flight == 10


async def test_a_listing_that_lacks_a_page_says_which_and_never_looks_whole() -> None:
    plan = Plan(cache=CacheSettings(fresh_seconds=0, stale_seconds=0), limits=LimitSettings(read_attempts=1))
    async with serving(crowd(200), plan=plan) as (served, simulators):
        simulators["acme"].faults.answer(503, path=AGENTS, page=2, count=None)
        answer = (await served.post(COUNT)).json()
        assert answer["data"]["agents"]["freshness"]["complete"] is False
        [error] = answer["errors"]
        assert error["message"] == "A listing is not whole: page 2 of 4 could not be read."
        assert (error["path"], error["extensions"]["code"]) == (["agents"], "UPSTREAM_UNAVAILABLE")
        simulators["acme"].faults.clear()
        whole = await served.ask(COUNT)
        assert whole["agents"]["freshness"]["complete"] is True
        simulators["acme"].faults.answer(503, path=AGENTS, page=2, count=None)
        stale = await served.ask(COUNT)  # the last whole listing, rather than a newer one with a hole
        assert stale["agents"]["freshness"] == {
            "ageSeconds": stale["agents"]["freshness"]["ageSeconds"],
            "stale": True,
            "complete": True,
        }
        assert stale["agents"]["totalCount"] == whole["agents"]["totalCount"]
