"""The counts behind the protection: lately, tokens, retries; and what a look at all of it shows."""

import threading

import pytest

from gateway.domain.errors import UpstreamUnavailable
from gateway.evolux.operations import Operation
from gateway.evolux.protection.protection import ProtectionState
from gateway.evolux.protection.quota import Quota
from gateway.evolux.protection.recent import RecentCount
from gateway.evolux.protection.retry_budget import RetryBudget
from gateway.evolux.protection.timers import LoopTimers
from gateway.telemetry.labels import BreakerState
from tests.unit.evolux.hand_timers import Bench, turns


def test_an_event_counts_for_nine_to_ten_tenths_of_the_window() -> None:
    for began in range(100):
        recent = RecentCount(10.0)
        now = 1000.0 + began / 10
        recent.add(now=now)

        assert recent.total(now=now) == 1
        assert recent.total(now=now + 8.99) == 1
        assert recent.total(now=now + 10.01) == 0


def test_a_long_silence_leaves_nothing_of_an_older_window() -> None:
    recent = RecentCount(10.0)
    for second in range(10):
        recent.add(now=1000.0 + second)
    assert recent.total(now=1009.0) == 10

    recent.add(now=5000.0)

    assert recent.total(now=5000.0) == 1


def test_a_quota_gathers_no_more_than_its_burst() -> None:
    quota = Quota(10.0, burst=5, now=0.0)

    assert quota.tokens(now=1000.0) == 5.0
    quota.give_back(now=1000.0)
    assert quota.tokens(now=1000.0) == 5.0


def test_who_waited_as_long_as_it_was_told_finds_its_token() -> None:
    quota = Quota(3.0, burst=1, now=0.1)
    now = 0.1
    for _ in range(1000):
        now += quota.wait_seconds(now=now)
        assert quota.wait_seconds(now=now) == 0.0
        quota.take(now=now)

    assert now == pytest.approx(0.1 + 999 / 3.0)


def test_a_failing_evolux_gets_a_floor_of_retries_and_no_more() -> None:
    budget = RetryBudget(share=0.2, floor=10, window_seconds=10.0)

    taken = [budget.take(now=1000.0) for _ in range(50)]

    assert taken == [True] * 10 + [False] * 40


def test_beyond_the_floor_retries_are_a_fifth_of_the_requests() -> None:
    budget = RetryBudget(share=0.2, floor=10, window_seconds=10.0)
    retries = 0

    for _ in range(1000):
        budget.asked(now=1000.0)
        for _attempt in range(2):
            if not budget.take(now=1000.0):
                break
            retries += 1
            budget.asked(now=1000.0)

    assert retries == 10 + 1000 // 5
    assert budget.left(now=1000.0) == 0


def test_the_budget_fills_again_as_time_passes() -> None:
    budget = RetryBudget(share=0.2, floor=10, window_seconds=10.0)
    while budget.take(now=1000.0):
        pass

    assert budget.left(now=1005.0) == 0
    assert budget.left(now=1010.0) == 10


async def test_every_request_through_the_gate_earns_a_fifth_of_a_retry() -> None:
    bench = Bench()

    for _ in range(50):
        await bench.outcome()

    assert bench.protection.state.retries_left == 10 + 10


async def test_the_state_shows_everything_at_one_instant() -> None:
    bench = Bench(concurrency=1, burst=100, requests_per_second=10.0, failures=5)
    await bench.outcome(UpstreamUnavailable("x", upstream_status=503, retry_after_seconds=4.0))
    attempts = [bench.send(operation=Operation.PAUSE_AGENT), bench.send()]
    await turns()
    assert bench.protection.may_retry()

    assert bench.protection.state == ProtectionState(
        breaker=BreakerState.CLOSED,
        failures=1,
        open_seconds_left=0.0,
        in_flight=1,
        waiting=1,
        tokens=98.0,
        held_seconds=4.0,
        retries_left=9,
    )
    for attempt in attempts:
        await attempt.cancel()


async def test_the_state_may_be_read_from_another_thread_while_requests_come_and_go() -> None:
    bench = Bench(failures=2)
    seen: list[BreakerState] = []
    failed: list[BaseException] = []
    is_over = threading.Event()

    def look() -> None:
        try:
            while not is_over.is_set():
                seen.append(bench.protection.state.breaker)
        except RuntimeError as error:
            failed.append(error)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        for _ in range(300):
            await bench.outcome(UpstreamUnavailable("x", upstream_status=503))
            await bench.timers.advance(1.0)
    finally:
        is_over.set()
        thread.join()

    assert failed == []
    assert seen


async def test_two_tenants_share_nothing() -> None:
    sick, well = Bench(concurrency=1, failures=1), Bench(concurrency=1, failures=1)
    hanging = sick.send(deadline_seconds=1e6)
    await turns()
    waiting = [sick.send() for _ in range(50)]
    await turns()

    before = well.protection.state
    assert await well.outcome() is None
    await hanging.answer(UpstreamUnavailable("x", upstream_status=503, retry_after_seconds=5.0))
    assert {type(await attempt.task) for attempt in waiting} == {UpstreamUnavailable}

    assert sick.protection.state.breaker is BreakerState.OPEN
    assert before.waiting == well.protection.state.waiting == 0
    assert well.protection.state.breaker is BreakerState.CLOSED
    assert well.protection.state.held_seconds == 0.0
    assert await well.outcome() is None


async def test_the_loops_own_timers_call_later_and_can_be_cancelled() -> None:
    timers = LoopTimers()
    called: list[str] = []
    began_at = timers.monotonic()

    timers.call_later(0.0, lambda: called.append("never")).cancel()
    timers.call_later(0.0, lambda: called.append("soon"))
    await turns(3)

    assert called == ["soon"]
    assert timers.monotonic() >= began_at
