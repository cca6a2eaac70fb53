"""The protection as callers and operators meet it: codes, retryAfterMs, metrics, log, isolation."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from gateway.domain.call_center import CallCenter
from gateway.domain.deadlines import Deadline, current_deadline
from gateway.domain.ids import TenantId
from gateway.settings import CacheSettings, LimitSettings
from gateway.simulator.world import World
from gateway.telemetry.labels import BreakerState
from tests.served import Plan, Served, serving, token_of

AGENTS = "{ agents(first: 1) { totalCount } }"
NO_MEMORY = CacheSettings(fresh_seconds=0.001, stale_seconds=0, stale_if_error_seconds=0)
LOG_OFF = 'mutation { logoffAgent(input: {agentId: "1"}) { errors { code } } }'


def world(tenant: str = "acme") -> World:
    return World.seeded(5, token=token_of(tenant))


def breaker_of(served: Served, tenant: str = "acme") -> BreakerState:
    return served.gateway.protection()[tenant].breaker


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not is_so():  # noqa: ASYNC110 - a clock goes on without telling
            await asyncio.sleep(0.01)


async def greeted(served: Served) -> None:
    """The gateway asks each tenant's queues as it starts."""
    await served.ask("{ queues { id } }")


async def metric(served: Served, name: str, *, tenant: str = "acme") -> float:
    page = (await served.client.get("/metrics")).text
    [line] = [line for line in page.splitlines() if line.startswith(f'{name}{{tenant="{tenant}"}}')]
    return float(line.split()[-1])


async def test_an_open_breaker_is_told_to_callers_metrics_and_the_log_and_closes_by_itself() -> None:
    limits = LimitSettings(breaker_failures=3, breaker_open_seconds=3, read_attempts=1)
    async with serving(world(), plan=Plan(cache=NO_MEMORY, limits=limits)) as (served, simulators):
        await greeted(served)
        simulators["acme"].faults.answer(503, count=None)
        for _ in range(3):
            error = await served.fail(AGENTS)
            assert error["extensions"]["upstreamStatus"] == 503
        asked = len(simulators["acme"].requests)

        error = await served.fail(AGENTS)

        assert error["message"].startswith("Evolux failed too often: the gateway has stopped asking it")
        assert error["extensions"]["code"] == "UPSTREAM_UNAVAILABLE"
        assert error["extensions"]["retryable"] is True
        assert 0 < error["extensions"]["retryAfterMs"] <= 3_000
        assert "upstreamStatus" not in error["extensions"]
        assert len(simulators["acme"].requests) == asked
        assert await metric(served, "gateway_breaker_state") == 2
        simulators["acme"].faults.clear()
        await until(lambda: breaker_of(served) is BreakerState.HALF_OPEN)
        assert await metric(served, "gateway_breaker_state") == 1
        assert await served.ask(AGENTS) == {"agents": {"totalCount": 5}}
        assert await metric(served, "gateway_breaker_state") == 0
        changes = [line for line in served.log_lines() if line["event"] == "breaker.changed"]
        assert [(line["state"], line["tenant"]) for line in changes] == [
            ("open", "acme"),
            ("half_open", "acme"),
            ("closed", "acme"),
        ]


class DeadlineSeen:
    """A call centre that notes which deadline its callers have."""

    def __init__(self, inner: CallCenter) -> None:
        self._inner = inner
        self.deadlines: list[Deadline | None] = []

    def __getattr__(self, name: str) -> Any:
        ask = getattr(self._inner, name)
        if name.endswith("_at_hand"):  # what is at hand waits for nothing
            return ask

        def noted(*asked: Any, **more: Any) -> Any:
            self.deadlines.append(current_deadline())
            return ask(*asked, **more)

        return noted


async def test_a_callers_request_has_one_deadline_for_all_that_it_asks() -> None:
    limits = LimitSettings(upstream_deadline_seconds=7.5)
    async with serving(world(), plan=Plan(limits=limits)) as (served, _simulators):
        running = served.gateway._running[TenantId("acme")]
        seen = DeadlineSeen(running.call_center)
        running.call_center = seen  # type: ignore[assignment]  # it only looks on

        await served.ask("{ agents(first: 1) { totalCount } queues { id } pauses { id } }")
        [first] = set(seen.deadlines)
        asked = len(seen.deadlines)
        assert asked >= 2
        await served.ask("{ pauses { id } }")  # which the call centre is asked, though it holds them

        assert len(seen.deadlines) > asked
        assert first is not None
        assert 0 < first.left_seconds <= 7.5
        assert seen.deadlines[-1] is not first


async def test_a_request_to_a_hanging_evolux_ends_with_its_deadline() -> None:
    limits = LimitSettings(upstream_deadline_seconds=0.4, read_attempts=5, breaker_failures=1000)
    async with serving(world(), plan=Plan(cache=NO_MEMORY, limits=limits)) as (served, simulators):
        await greeted(served)
        simulators["acme"].faults.hang(count=None)

        error = await served.fail(AGENTS)

        assert error["extensions"]["code"] == "UPSTREAM_TIMEOUT"
        assert breaker_of(served) is BreakerState.CLOSED
        simulators["acme"].faults.clear()
        assert await served.ask(AGENTS) == {"agents": {"totalCount": 5}}


async def test_a_write_over_the_quota_is_rate_limited_not_sent_and_leaves_the_listing() -> None:
    limits = LimitSettings(upstream_burst=2, upstream_requests_per_second=0.01)
    cache = CacheSettings(fresh_seconds=600)
    async with serving(world(), plan=Plan(cache=cache, limits=limits)) as (served, simulators):
        await greeted(served)
        assert await served.ask(AGENTS) == {"agents": {"totalCount": 5}}

        error = await served.fail(LOG_OFF)

        assert error["extensions"]["code"] == "RATE_LIMITED"
        assert error["extensions"]["retryable"] is True
        assert 60_000 < error["extensions"]["retryAfterMs"] <= 100_000
        assert await served.ask(AGENTS) == {"agents": {"totalCount": 5}}
        assert len(simulators["acme"].requests) == 2
        assert simulators["acme"].requests.count(method="POST") == 0


async def test_a_tenant_whose_evolux_hangs_takes_nothing_from_another() -> None:
    limits = LimitSettings(upstream_concurrency=2, breaker_failures=1000)
    worlds = {"sick": world("sick"), "well": world("well")}
    async with serving(worlds, plan=Plan(cache=NO_MEMORY, limits=limits)) as (served, simulators):
        for name in worlds:
            await served.ask("{ queues { id } }", headers={"X-Tenant": name})
        hanging = simulators["sick"].faults.hang(count=None)
        queries = [AGENTS, "{ queues { id } }", '{ agent(id: "1") { allowedPauses { queue { id } } } }']
        stuck = [
            asyncio.create_task(served.post(query, headers={"X-Tenant": "sick"}))
            for query in queries
            for _ in range(10)
        ]
        await hanging.met(2)

        asking: list[Awaitable[object]] = [
            served.ask(AGENTS, headers={"X-Tenant": "well"}) for _ in range(30)
        ]
        answers = await asyncio.gather(*asking)

        assert answers == [{"agents": {"totalCount": 5}}] * 30
        assert not any(task.done() for task in stuck)
        assert await metric(served, "gateway_upstream_in_flight", tenant="sick") == 2
        assert await metric(served, "gateway_upstream_in_flight", tenant="well") == 0
        assert breaker_of(served, "well") is BreakerState.CLOSED
        simulators["sick"].faults.clear()
        assert {(await task).status_code for task in stuck} == {200}
