"""The half-open breaker: one probe at a time decides, and nothing that was sent before it."""

from gateway.domain.errors import AgentAlreadyPaused, UpstreamUnavailable
from gateway.evolux.operations import Operation
from gateway.telemetry.labels import BreakerState
from tests.unit.evolux.hand_timers import Bench, opened, turns

CLOSED, HALF_OPEN, OPEN = BreakerState.CLOSED, BreakerState.HALF_OPEN, BreakerState.OPEN
DOWN = UpstreamUnavailable("down", upstream_status=503)


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
