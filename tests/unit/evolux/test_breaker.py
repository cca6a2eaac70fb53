"""The circuit breaker: when it opens, what it counts, and how one probe decides."""

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
from tests.unit.evolux.hand_timers import Bench, turns

CLOSED, HALF_OPEN, OPEN = BreakerState.CLOSED, BreakerState.HALF_OPEN, BreakerState.OPEN
DOWN = UpstreamUnavailable("down", upstream_status=503)


async def opened(**limits: float) -> Bench:
    bench = Bench(**limits)  # type: ignore[arg-type]  # limits of either number type
    for _ in range(3):
        await bench.outcome(DOWN)
    assert bench.protection.state.breaker is OPEN
    bench.at_evolux.clear()
    bench.changes.clear()
    return bench


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


async def test_a_probe_that_is_answered_closes_it() -> None:
    bench = await opened()
    await bench.timers.advance(5.0)
    assert bench.protection.state.breaker is HALF_OPEN

    assert await bench.outcome() is None

    assert bench.protection.state.breaker is CLOSED
    assert bench.protection.state.failures == 0
    assert bench.changes == [HALF_OPEN, CLOSED]


async def test_a_refusal_is_an_answer_and_closes_it() -> None:
    bench = await opened()
    await bench.timers.advance(5.0)

    await bench.outcome(AgentAlreadyPaused("x", upstream_status=422), operation=Operation.PAUSE_AGENT)

    assert bench.protection.state.breaker is CLOSED


async def test_a_probe_that_fails_opens_it_for_as_long_again() -> None:
    bench = await opened()
    await bench.timers.advance(5.0)

    await bench.outcome(DOWN)

    assert bench.protection.state.breaker is OPEN
    assert bench.protection.state.open_seconds_left == 5.0
    assert bench.changes == [HALF_OPEN, OPEN]


async def test_of_a_hundred_callers_at_once_one_probes_and_the_others_are_refused() -> None:
    bench = await opened(concurrency=10)
    await bench.timers.advance(5.0)

    attempts = [bench.send() for _ in range(100)]
    await turns()

    sent = [attempt for attempt in attempts if attempt.is_sent]
    assert len(sent) == 1
    assert bench.protection.state.in_flight == 1
    refused = [attempt.task.result() for attempt in attempts if attempt is not sent[0]]
    assert {type(error) for error in refused} == {UpstreamUnavailable}
    assert {error.retry_after_seconds for error in refused if error} == {1.0}
    assert await sent[0].answer() is None
    assert bench.protection.state.breaker is CLOSED


async def test_of_a_hundred_who_wait_for_the_quota_one_probes() -> None:
    bench = await opened(concurrency=100, requests_per_second=0.1, burst=3)
    await bench.timers.advance(5.0)
    attempts = [bench.send(deadline_seconds=5000.0) for _ in range(100)]
    await turns()
    assert bench.protection.state.waiting == 100

    await bench.timers.advance(5.0)

    sent = [attempt for attempt in attempts if attempt.is_sent]
    assert len(sent) == 1
    assert len([attempt for attempt in attempts if attempt.task.done()]) == 99
    assert await sent[0].answer() is None
    assert bench.protection.state.breaker is CLOSED


async def test_a_probe_whose_caller_hangs_up_leaves_its_place_to_the_next() -> None:
    bench = await opened()
    await bench.timers.advance(5.0)
    probe = bench.send()
    await turns()
    assert isinstance(await bench.outcome(), UpstreamUnavailable)

    await probe.cancel()

    assert bench.protection.state.breaker is HALF_OPEN
    assert await bench.outcome() is None
    assert bench.protection.state.breaker is CLOSED
    assert bench.changes == [HALF_OPEN, CLOSED]


async def test_what_was_sent_before_it_opened_changes_nothing_after() -> None:
    bench = Bench(concurrency=10, failures=3)
    late = [bench.send() for _ in range(4)]
    await turns()
    for _ in range(3):
        await bench.outcome(DOWN)
    assert bench.protection.state.breaker is OPEN

    assert await late[0].answer() is None
    assert bench.protection.state.breaker is OPEN
    await bench.timers.advance(5.0)
    probe = bench.send()
    await turns()
    assert await late[1].answer(DOWN) is DOWN
    assert await late[2].answer() is None
    assert bench.protection.state.breaker is HALF_OPEN
    await probe.answer()
    assert await late[3].answer(DOWN) is DOWN

    assert bench.protection.state.breaker is CLOSED
    assert bench.protection.state.failures == 0


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
