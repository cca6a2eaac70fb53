"""The quota, Evolux's own wish for rest, and requests whose time is over."""

import asyncio

import pytest

from gateway.domain.errors import (
    RateLimited,
    UpstreamRateLimited,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from gateway.evolux.operations import Operation
from gateway.telemetry.labels import BreakerState
from tests.unit.evolux.hand_timers import Bench, answer_all, turns

PAUSE = Operation.PAUSE_AGENT


async def test_after_the_burst_the_quota_sets_the_pace() -> None:
    bench = Bench(concurrency=100, requests_per_second=2.0, burst=3)
    attempts = [bench.send() for _ in range(6)]
    await turns()
    assert len(bench.at_evolux) == 3

    await bench.timers.advance(0.4)
    assert len(bench.at_evolux) == 3
    await bench.timers.advance(0.1)
    assert len(bench.at_evolux) == 4
    await bench.timers.advance(1.0)
    assert len(bench.at_evolux) == 6

    assert bench.protection.state.tokens == pytest.approx(0.0)
    await answer_all(attempts)
    await bench.timers.advance(100.0)
    assert bench.protection.state.tokens == 3.0


async def test_who_cannot_have_a_token_in_time_is_rate_limited_at_once() -> None:
    bench = Bench(concurrency=100, requests_per_second=0.5, burst=1)
    sent = bench.send()
    first_waiting = bench.send(deadline_seconds=3.0)
    await turns()

    refused = bench.send(deadline_seconds=3.0)
    await turns()

    error = refused.task.result()
    assert type(error) is RateLimited
    assert error.retry_after_seconds == pytest.approx(4.0)
    assert not refused.is_sent
    await bench.timers.advance(2.0)
    assert first_waiting.is_sent
    await answer_all([sent, first_waiting])
    assert bench.protection.state.breaker is BreakerState.CLOSED
    assert bench.protection.state.failures == 0


async def test_a_retry_after_holds_back_every_read_of_the_tenant_and_no_write() -> None:
    bench = Bench(concurrency=10)
    limited = bench.send()
    await turns()
    await limited.answer(UpstreamRateLimited("x", upstream_status=429, retry_after_seconds=7.0))

    reads = [bench.send(f"read {number}") for number in range(3)]
    write = bench.send("write", operation=PAUSE)
    await turns()

    assert bench.at_evolux == ["LIST_AGENTS", "write"]
    assert bench.protection.state.held_seconds == 7.0
    await bench.timers.advance(6.9)
    assert len(bench.at_evolux) == 2
    await bench.timers.advance(0.1)
    assert bench.at_evolux[2:] == ["read 0", "read 1", "read 2"]
    await answer_all([*reads, write])
    assert bench.protection.state.held_seconds == 0.0


async def test_a_read_that_cannot_wait_for_evoluxs_rest_is_told_at_once_how_long_it_lasts() -> None:
    bench = Bench(concurrency=1)
    limited = bench.send()
    waiting = bench.send(deadline_seconds=5.0)
    patient = bench.send(deadline_seconds=100.0)
    await turns()

    await limited.answer(UpstreamRateLimited("x", upstream_status=429, retry_after_seconds=30.0))
    late = await bench.send(deadline_seconds=10.0).task

    for error in (await waiting.task, late):
        assert type(error) is UpstreamRateLimited
        assert error.retry_after_seconds == pytest.approx(30.0)
        assert error.upstream_status is None
    assert len(bench.at_evolux) == 1
    await bench.timers.advance(30.0)
    assert patient.is_sent
    await patient.answer()


async def test_evoluxs_rest_is_bounded() -> None:
    bench = Bench()

    await bench.outcome(UpstreamUnavailable("x", upstream_status=503, retry_after_seconds=86_400.0))

    assert bench.protection.state.held_seconds == 60.0


async def test_a_shorter_rest_does_not_end_a_longer_one() -> None:
    bench = Bench(concurrency=2)
    attempts = [bench.send(), bench.send()]
    await turns()

    await attempts[0].answer(UpstreamRateLimited("x", upstream_status=429, retry_after_seconds=9.0))
    await attempts[1].answer(UpstreamRateLimited("x", upstream_status=429, retry_after_seconds=1.0))

    assert bench.protection.state.held_seconds == 9.0


async def test_a_burst_that_is_rate_limited_as_one_counts_as_one_failure() -> None:
    bench = Bench(concurrency=10, failures=3)
    attempts = [bench.send() for _ in range(10)]
    await turns()

    for attempt in attempts:
        await attempt.answer(UpstreamRateLimited("x", upstream_status=429, retry_after_seconds=2.0))

    assert bench.protection.state.failures == 1
    assert bench.protection.state.breaker is BreakerState.CLOSED


async def test_429_without_retry_after_holds_nothing_back_and_counts_each_time() -> None:
    bench = Bench(concurrency=10, failures=3)

    for _ in range(3):
        await bench.outcome(UpstreamRateLimited("x", upstream_status=429))

    assert bench.protection.state.held_seconds == 0.0
    assert bench.protection.state.breaker is BreakerState.OPEN


async def test_a_write_waits_for_its_token_and_not_for_evoluxs_rest() -> None:
    bench = Bench(concurrency=10, burst=1, requests_per_second=1.0)
    await bench.outcome(UpstreamRateLimited("x", upstream_status=429, retry_after_seconds=9.0))
    read = bench.send("read")
    write = bench.send("write", operation=PAUSE)
    await turns()
    assert len(bench.at_evolux) == 1

    await bench.timers.advance(1.0)

    assert bench.at_evolux[1:] == ["write"]
    await bench.timers.advance(8.0)
    assert bench.at_evolux[1:] == ["write", "read"]
    await answer_all([read, write])


async def test_a_walk_that_waits_for_the_quota_makes_no_other_read_hopeless() -> None:
    bench = Bench(concurrency=10, burst=1, requests_per_second=1.0)
    answer = asyncio.Event()
    answer.set()
    walk = asyncio.create_task(bench.walk("walk", pages=20, answer=answer))
    await turns()
    assert bench.protection.state.waiting == 10

    small = bench.send("small", deadline_seconds=2.5)
    await turns()
    await bench.timers.advance(2.0)

    assert bench.at_evolux == ["walk", "walk", "small"]
    await small.answer()
    walk.cancel()
    await asyncio.wait([walk])
    assert bench.protection.state.waiting == 0


@pytest.mark.parametrize(
    ("operation", "kind"), [(Operation.LIST_AGENTS, UpstreamTimeout), (PAUSE, UpstreamUnavailable)]
)
async def test_nothing_is_sent_for_a_request_whose_time_is_over(
    operation: Operation, kind: type[Exception]
) -> None:
    bench = Bench()

    error = await bench.send(operation=operation, deadline_seconds=0.0).task

    assert type(error) is kind
    assert bench.at_evolux == []
    assert bench.protection.state.failures == 0
