"""The circuit breaker: what it counts, when it opens, and whom it refuses."""

import asyncio

import pytest

from gateway.domain.errors import (
    AgentAlreadyPaused,
    AgentNotFound,
    BadUserInput,
    GatewayError,
    InternalServerError,
    OutcomeUnknown,
    Overloaded,
    RateLimited,
    UpstreamCredentialsRejected,
    UpstreamInvalidResponse,
    UpstreamRateLimited,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnavailable,
    error_classes,
)
from gateway.evolux.operations import Operation
from gateway.evolux.protection.breaker import Verdict, verdict_on
from gateway.telemetry.labels import BreakerState
from tests.unit.evolux.hand_timers import Bench, opened, turns

CLOSED, OPEN = BreakerState.CLOSED, BreakerState.OPEN
DOWN = UpstreamUnavailable("down", upstream_status=503)


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (None, Verdict.WELL),
        (AgentAlreadyPaused("x", upstream_status=422), Verdict.WELL),
        (BadUserInput("x", upstream_status=400), Verdict.WELL),
        (UpstreamRefused("x", upstream_status=409), Verdict.WELL),
        (AgentNotFound("x", upstream_status=404), Verdict.WELL),
        (UpstreamCredentialsRejected("x", upstream_status=401), Verdict.WELL),
        (UpstreamInvalidResponse("x", upstream_status=200), Verdict.WELL),
        (OutcomeUnknown("x", upstream_status=200), Verdict.WELL),
        (UpstreamUnavailable("x", upstream_status=503), Verdict.FAILED),
        (UpstreamUnavailable("x"), Verdict.FAILED),
        (UpstreamTimeout("x"), Verdict.FAILED),
        (UpstreamTimeout("x", upstream_status=504), Verdict.FAILED),
        (UpstreamRateLimited("x", upstream_status=429), Verdict.FAILED),
        (OutcomeUnknown("x"), Verdict.FAILED),
        (OutcomeUnknown("x", upstream_status=502), Verdict.FAILED),
        (RateLimited("x"), Verdict.TELLS_NOTHING),
        (Overloaded("x"), Verdict.TELLS_NOTHING),
        (InternalServerError("x"), Verdict.TELLS_NOTHING),
        (asyncio.CancelledError(), Verdict.TELLS_NOTHING),
        (ValueError("a bug of ours"), Verdict.TELLS_NOTHING),
    ],
    ids=lambda value: f"{type(value).__name__}-{getattr(value, 'upstream_status', '')}",
)
def test_the_verdict_on_each_end_of_an_attempt(error: BaseException | None, verdict: Verdict) -> None:
    assert verdict_on(error) is verdict


def test_of_all_errors_only_those_of_a_failing_evolux_count() -> None:
    failing = {kind for kind in error_classes() if verdict_on(kind("x")) is Verdict.FAILED}

    assert failing == {UpstreamTimeout, UpstreamUnavailable, UpstreamRateLimited, OutcomeUnknown}


async def test_the_last_failure_that_the_threshold_wants_opens_it() -> None:
    bench = Bench(failures=3)

    await bench.outcome(DOWN)
    await bench.outcome(DOWN)
    assert bench.protection.state.breaker is CLOSED
    await bench.outcome(DOWN)

    assert bench.protection.state.breaker is OPEN
    assert bench.changes == [OPEN]


async def test_open_it_refuses_at_once_and_says_when_to_come_again() -> None:
    bench = await opened()
    await bench.timers.advance(2.0)

    refused = await bench.outcome()

    assert isinstance(refused, UpstreamUnavailable)
    assert "has stopped asking it for now" in refused.message
    assert "nothing was sent" in refused.message
    assert refused.retry_after_seconds == pytest.approx(3.0)
    assert refused.upstream_status is None
    assert bench.at_evolux == []


async def test_open_it_refuses_writes_too_as_something_that_did_not_happen() -> None:
    bench = await opened()

    refused = await bench.outcome(operation=Operation.PAUSE_AGENT)

    assert type(refused) is UpstreamUnavailable
    assert bench.at_evolux == []


async def test_open_it_refuses_at_once_also_where_one_would_have_to_wait() -> None:
    bench = await opened(burst=3, requests_per_second=0.1)

    attempt = bench.send(deadline_seconds=100.0)
    await turns()

    assert type(attempt.task.result()) is UpstreamUnavailable


async def test_failures_that_are_older_than_the_window_are_forgotten() -> None:
    bench = Bench(failures=3, window_seconds=10.0)
    await bench.outcome(DOWN)
    await bench.outcome(DOWN)
    assert bench.protection.state.failures == 2

    await bench.timers.advance(10.0)
    await bench.outcome(DOWN)

    assert bench.protection.state.failures == 1
    assert bench.protection.state.breaker is CLOSED


async def test_a_busy_evolux_that_fails_now_and_then_is_asked_on() -> None:
    bench = Bench(failures=3)

    for _ in range(20):
        for _ in range(4):
            await bench.outcome()
        await bench.outcome(DOWN)

    assert bench.protection.state.failures == 20
    assert bench.protection.state.breaker is CLOSED


async def test_refusals_and_a_refused_token_never_open_it() -> None:
    bench = Bench(failures=3)

    for _ in range(50):
        await bench.outcome(AgentAlreadyPaused("x", upstream_status=422), operation=Operation.PAUSE_AGENT)
        await bench.outcome(UpstreamCredentialsRejected("x", upstream_status=401))

    assert bench.protection.state.failures == 0
    assert bench.changes == []


async def test_callers_who_hang_up_never_open_it() -> None:
    bench = Bench(failures=3)

    for _ in range(50):
        attempt = bench.send()
        await turns()
        assert attempt.is_sent
        await attempt.cancel()

    assert bench.protection.state.failures == 0
    assert bench.changes == []


async def test_those_who_wait_when_it_opens_are_not_sent_after_all() -> None:
    bench = Bench(concurrency=3, failures=3)
    failing = [bench.send() for _ in range(3)]
    await turns()
    waiting = [bench.send() for _ in range(20)]
    await turns()
    assert bench.protection.state.waiting == 20

    for attempt in failing[:2]:
        assert await attempt.answer(DOWN) is DOWN
    await turns()
    sent_before = [attempt for attempt in waiting if attempt.is_sent]
    assert len(sent_before) == 2
    assert await failing[2].answer(DOWN) is DOWN
    await turns()

    refused = [attempt.task.result() for attempt in waiting if attempt not in sent_before]
    assert [type(error) for error in refused] == [UpstreamUnavailable] * 18
    assert len(bench.at_evolux) == 5
    assert bench.protection.state.waiting == 0
    assert bench.protection.state.in_flight == 2
    for attempt in sent_before:
        await attempt.answer()


async def test_an_attempt_that_its_callers_deadline_cut_short_says_nothing_of_evolux() -> None:
    bench = Bench(failures=1)
    attempt = bench.send(deadline_seconds=0.5)
    await turns()
    await bench.timers.advance(0.5)

    await attempt.answer(UpstreamTimeout("x"))

    assert bench.protection.state.failures == 0
    assert bench.protection.state.breaker is CLOSED


async def test_an_attempt_that_had_its_chance_counts_though_the_deadline_ended_it() -> None:
    bench = Bench(failures=1)
    attempt = bench.send(deadline_seconds=1.0)
    await turns()
    await bench.timers.advance(1.0)

    error = await attempt.answer(UpstreamTimeout("x"))

    assert isinstance(error, GatewayError)
    assert bench.protection.state.breaker is OPEN
