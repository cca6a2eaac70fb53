"""The client behind its protection, against a simulator on a socket: every fault, and recovery from it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from gateway.domain.errors import (
    GatewayError,
    OutcomeUnknown,
    UpstreamRateLimited,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from gateway.domain.ids import AgentId
from gateway.evolux.call_center import EvoluxCallCenter
from gateway.evolux.client import EvoluxClient
from gateway.evolux.connection import ConnectionLimits
from gateway.evolux.protection.breaker import BreakerLimits
from gateway.evolux.protection.protection import Protection
from gateway.evolux.protection.timers import LoopTimers
from gateway.evolux.protection.turnstile import TurnstileLimits
from gateway.evolux.retries import Retries
from gateway.simulator.faults import ArmedFault, Faults
from gateway.simulator.server import RunningSimulator, running
from gateway.simulator.world import World
from gateway.telemetry.labels import BreakerState
from tests.unit.evolux.raw_evolux import Tokens

TOKEN = "planted-token"
AGENTS = "/api/v1/agents"
OPEN_SECONDS = 60.0


class MovedTimers(LoopTimers):
    """The machine's clock, which a test puts forward."""

    def __init__(self) -> None:
        self._ahead_seconds = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self._ahead_seconds

    def go_forward(self, seconds: float) -> None:
        self._ahead_seconds += seconds


@dataclass(kw_only=True)
class Tenant:
    """One tenant's adapter, its protection, and the Evolux it meets."""

    call_center: EvoluxCallCenter
    protection: Protection
    evolux: RunningSimulator
    timers: MovedTimers

    def breaker(self) -> BreakerState:
        return self.protection.state.breaker

    async def error(self) -> GatewayError | None:
        """What a walk of the agents fails with."""
        try:
            await self.call_center.agents()
        except GatewayError as error:
            return error
        return None

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait for what only time brings."""
        async with asyncio.timeout(5):
            while not is_so():  # noqa: ASYNC110 - a clock goes on without telling
                await asyncio.sleep(0.005)


@asynccontextmanager
async def a_tenant(
    *,
    agents: int = 3,
    concurrency: int = 4,
    pages_at_once: int | None = None,
    failures: int = 3,
    attempts: int = 1,
    deadline_seconds: float = 5.0,
    read_seconds: float = 0.5,
) -> AsyncIterator[Tenant]:
    world, timers = World.seeded(agents, token=TOKEN), MovedTimers()
    async with running(world) as evolux:
        protection = Protection(
            turnstile=TurnstileLimits(concurrency=concurrency, requests_per_second=1000.0, burst=1000),
            breaker=BreakerLimits(failures=failures, window_seconds=10.0, open_seconds=OPEN_SECONDS),
            timers=timers,
        )
        client = EvoluxClient(
            evolux.base_url,
            tokens=Tokens(TOKEN),
            limits=ConnectionLimits(connections=concurrency, read_seconds=read_seconds),
            retries=Retries(attempts=attempts, wait_seconds=0.001),
            deadline_seconds=deadline_seconds,
            gate=protection.gate,
            may_retry=protection.may_retry,
        )
        try:
            yield Tenant(
                call_center=EvoluxCallCenter(client, concurrency=pages_at_once or concurrency),
                protection=protection,
                evolux=evolux,
                timers=timers,
            )
        finally:
            await client.aclose()
        assert protection.state.in_flight == 0
        assert protection.state.waiting == 0


FAULTS: dict[str, tuple[Callable[[Faults], ArmedFault], type[GatewayError]]] = {
    "503": (lambda faults: faults.answer(503, count=None), UpstreamUnavailable),
    "HTML 502": (
        lambda faults: faults.answer(502, body=b"<html>bad</html>", content_type="text/html", count=None),
        UpstreamUnavailable,
    ),
    "429 without Retry-After": (lambda faults: faults.answer(429, count=None), UpstreamRateLimited),
    "hang": (lambda faults: faults.hang(count=None), UpstreamTimeout),
    "reset": (lambda faults: faults.reset(count=None), UpstreamUnavailable),
    "truncated": (lambda faults: faults.truncate(count=None), UpstreamUnavailable),
}


@pytest.mark.parametrize("name", FAULTS)
async def test_a_failing_evolux_is_left_alone_probed_once_and_asked_again_when_it_is_well(name: str) -> None:
    arm, kind = FAULTS[name]
    async with a_tenant() as tenant:
        arm(tenant.evolux.faults)
        assert [type(await tenant.error()) for _ in range(3)] == [kind] * 3
        assert tenant.breaker() is BreakerState.OPEN
        assert len(tenant.evolux.requests) == 3

        refusals = await asyncio.gather(*(tenant.error() for _ in range(100)))
        assert {type(error) for error in refusals} == {UpstreamUnavailable}
        assert all(error and 0 < (error.retry_after_seconds or 0) <= OPEN_SECONDS for error in refusals)
        assert len(tenant.evolux.requests) == 3

        tenant.timers.go_forward(OPEN_SECONDS)
        assert tenant.breaker() is BreakerState.HALF_OPEN
        probes = await asyncio.gather(*(tenant.error() for _ in range(100)))
        assert len(tenant.evolux.requests) == 4
        assert [type(error) for error in probes].count(kind) >= 1
        assert tenant.breaker() is BreakerState.OPEN

        tenant.evolux.faults.clear()
        tenant.timers.go_forward(OPEN_SECONDS)
        assert tenant.breaker() is BreakerState.HALF_OPEN
        assert await tenant.error() is None
        assert tenant.breaker() is BreakerState.CLOSED
        assert await tenant.error() is None


async def test_refusals_and_a_wrong_token_leave_it_closed() -> None:
    async with a_tenant(failures=1) as tenant:
        for _ in range(5):
            with pytest.raises(GatewayError):
                await tenant.call_center.unpause_agent(AgentId(999_999))
        tenant.evolux.world.rotate_token("planted-token-two")
        for _ in range(5):
            await tenant.error()

        assert tenant.breaker() is BreakerState.CLOSED
        assert tenant.protection.state.failures == 0


async def test_a_write_is_not_sent_while_the_breaker_is_open_and_is_known_not_to_have_happened() -> None:
    async with a_tenant(failures=1) as tenant:
        tenant.evolux.faults.lose_answer(method="POST")
        with pytest.raises(OutcomeUnknown):
            await tenant.call_center.log_off_agent(AgentId(1))
        assert tenant.breaker() is BreakerState.OPEN

        with pytest.raises(UpstreamUnavailable, match="nothing was sent"):
            await tenant.call_center.log_off_agent(AgentId(1))

        assert tenant.evolux.requests.count(method="POST") == 1


async def test_after_429_no_read_of_the_tenant_leaves_before_evolux_allows_it() -> None:
    async with a_tenant(attempts=2, deadline_seconds=10.0) as tenant:
        tenant.evolux.faults.rate_limit(retry_after_seconds=1)
        limited = asyncio.create_task(tenant.error())
        await tenant.until(lambda: tenant.protection.state.held_seconds > 0)

        others = await asyncio.gather(*(tenant.call_center.queues() for _ in range(10)))

        assert len(others) == 10
        assert await limited is None
        first, *later = [seen.at for seen in tenant.evolux.requests]
        assert len(later) == 11
        assert min((at - first).total_seconds() for at in later) >= 0.99
        assert tenant.protection.state.failures == 1
        assert tenant.breaker() is BreakerState.CLOSED


async def test_a_read_that_cannot_wait_so_long_fails_at_once_and_a_write_goes_through() -> None:
    async with a_tenant(deadline_seconds=5.0) as tenant:
        tenant.evolux.faults.rate_limit(retry_after_seconds=30)
        assert isinstance(await tenant.error(), UpstreamRateLimited)

        error = await tenant.error()
        with pytest.raises(GatewayError) as refused:
            await tenant.call_center.unpause_agent(AgentId(999_999))

        assert isinstance(error, UpstreamRateLimited)
        assert error.retry_after_seconds == pytest.approx(30.0, abs=1.0)
        assert not isinstance(refused.value, UpstreamRateLimited)
        assert tenant.evolux.requests.count(method="GET") == 1
        assert tenant.evolux.requests.count(method="POST") == 1


async def test_retries_of_a_failing_evolux_are_a_fifth_of_what_callers_ask() -> None:
    async with a_tenant(attempts=3, failures=100_000) as tenant:
        tenant.evolux.faults.answer(503, count=None)

        errors = [await tenant.error() for _ in range(100)]

        assert {type(error) for error in errors} == {UpstreamUnavailable}
        assert 100 + 10 <= len(tenant.evolux.requests) <= 100 + 10 + 20
        assert tenant.protection.state.retries_left == 0


async def test_a_write_overtakes_the_walk_of_a_hundred_pages_which_keeps_to_the_cap() -> None:
    async with a_tenant(agents=5000, concurrency=4, pages_at_once=10, read_seconds=5.0) as tenant:
        requests, protection = tenant.evolux.requests, tenant.protection
        walk = asyncio.create_task(tenant.call_center.agents())
        await requests.reached(20)
        held = tenant.evolux.faults.hang(method="GET", count=4)
        await held.met(4)
        await tenant.until(lambda: protection.state.waiting == 6)
        assert requests.in_flight == 4
        before = len(requests)

        write = asyncio.create_task(tenant.call_center.unpause_agent(AgentId(999_999)))
        await tenant.until(lambda: protection.state.waiting == 7)
        tenant.evolux.faults.release()
        with pytest.raises(GatewayError):
            await write
        reading = await walk

        overtaken_by = [seen.method for seen in requests].index("POST") - before
        assert overtaken_by < 4, "no page that waited before the write went first"
        assert len(reading.snapshot.rows) == 5000
        assert set(requests.pages(AGENTS).values()) == {1}
        assert requests.peak_in_flight == 4


async def test_one_deadline_bounds_a_walk_with_all_its_retries_and_waits() -> None:
    async with a_tenant(
        agents=500, concurrency=1, attempts=3, deadline_seconds=0.3, read_seconds=5.0
    ) as tenant:
        tenant.evolux.faults.delay(0.08, count=None)

        error = await tenant.error()

        assert isinstance(error, UpstreamTimeout)
        assert len(tenant.evolux.requests) < 6
        assert tenant.breaker() is BreakerState.CLOSED


async def test_callers_who_hang_up_on_a_hanging_evolux_free_everything_and_count_for_nothing() -> None:
    async with a_tenant(concurrency=4, read_seconds=5.0) as tenant:
        hanging = tenant.evolux.faults.hang(count=None)
        callers = [asyncio.create_task(tenant.error()) for _ in range(50)]
        await hanging.met(4)
        assert (tenant.protection.state.in_flight, tenant.protection.state.waiting) == (4, 46)

        for caller in callers:
            caller.cancel()
        await asyncio.wait(callers)

        assert all(caller.cancelled() for caller in callers)
        assert (tenant.protection.state.in_flight, tenant.protection.state.waiting) == (0, 0)
        assert tenant.protection.state.failures == 0
        assert len(tenant.evolux.requests) == 4
        tenant.evolux.faults.clear()
        assert await tenant.error() is None


async def test_a_tenant_whose_evolux_hangs_takes_nothing_from_another() -> None:
    async with a_tenant(read_seconds=5.0) as sick, a_tenant() as well:
        hanging = sick.evolux.faults.hang(count=None)
        stuck = [asyncio.create_task(sick.error()) for _ in range(50)]
        await hanging.met(4)

        answers = await asyncio.gather(*(well.error() for _ in range(50)))

        assert answers == [None] * 50
        assert not any(task.done() for task in stuck)
        assert well.protection.state.failures == 0
        assert sick.protection.state.in_flight == 4
        sick.evolux.faults.clear()
        assert await asyncio.gather(*stuck) == [None] * 50
