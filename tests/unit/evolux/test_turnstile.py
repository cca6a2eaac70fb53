"""The cap and the queue for it: bounds, turns, and callers who leave."""

import asyncio
import random

import pytest

from gateway.domain.errors import (
    Overloaded,
    UpstreamUnavailable,
)
from gateway.evolux.operations import Operation
from gateway.telemetry.labels import BreakerState
from tests.unit.evolux.hand_timers import Attempt, Bench, answer_all, turns

PAUSE = Operation.PAUSE_AGENT


async def test_no_more_than_the_cap_are_at_evolux_at_a_time() -> None:
    bench = Bench(concurrency=2)
    attempts = [bench.send(f"{number}") for number in range(5)]
    await turns()
    assert bench.at_evolux == ["0", "1"]
    assert (bench.protection.state.in_flight, bench.protection.state.waiting) == (2, 3)

    await attempts[0].answer()
    await turns()

    assert bench.at_evolux == ["0", "1", "2"]
    assert (bench.protection.state.in_flight, bench.protection.state.waiting) == (2, 2)
    await answer_all(attempts)
    assert (bench.protection.state.in_flight, bench.protection.state.waiting) == (0, 0)
    assert bench.timers.planned == 0


async def test_more_than_may_wait_are_overloaded_at_once_and_told_when_to_come() -> None:
    bench = Bench(concurrency=1, max_waiting=2, requests_per_second=0.5)
    attempts = [bench.send() for _ in range(3)]
    await turns()

    refused = await bench.outcome()

    assert type(refused) is Overloaded
    assert refused.retry_after_seconds == pytest.approx(6.0)
    assert bench.protection.state.waiting == 2
    assert len(bench.at_evolux) == 1
    await answer_all(attempts)


async def test_who_gets_no_turn_before_its_deadline_is_overloaded_and_was_not_sent() -> None:
    bench = Bench(concurrency=1)
    holder = bench.send(deadline_seconds=100.0)
    await turns()
    late = bench.send(deadline_seconds=3.0, operation=PAUSE)
    await turns()

    await bench.timers.advance(2.9)
    assert not late.task.done()
    await bench.timers.advance(0.2)

    assert type(late.task.result()) is Overloaded
    assert not late.is_sent
    assert bench.protection.state.waiting == 0
    await holder.answer()
    assert bench.protection.state.in_flight == 0


async def test_a_write_goes_before_all_reads_that_wait() -> None:
    bench = Bench(concurrency=1)
    attempts = [bench.send(f"read {number}") for number in range(10)]
    await turns()
    write = bench.send("write", operation=PAUSE)
    await turns()

    await attempts[0].answer()
    await turns()

    assert bench.at_evolux == ["read 0", "write"]
    await answer_all([*attempts, write])


async def test_a_flood_of_writes_lets_a_read_through_after_every_fourth() -> None:
    bench = Bench(concurrency=1)
    first = bench.send("first")
    await turns()
    writes = [bench.send("write", operation=PAUSE) for _ in range(10)]
    reads = [bench.send("read") for _ in range(2)]
    await turns()

    await answer_all([first, *writes, *reads])

    turn = ["write"] * 4
    assert bench.at_evolux == ["first", *turn, "read", *turn, "read", "write", "write"]


async def test_a_walk_of_a_hundred_pages_is_one_among_others() -> None:
    bench = Bench(concurrency=1)
    answer = asyncio.Event()
    walk = asyncio.create_task(bench.walk("walk", pages=100, answer=answer))
    await turns()
    assert bench.protection.state.waiting == 9
    small = [asyncio.create_task(bench.outcome(operation=Operation.LIST_QUEUES)) for _ in range(3)]
    write = asyncio.create_task(bench.outcome(operation=PAUSE))
    await turns()

    answer.set()
    await asyncio.gather(walk, write, *small)

    assert bench.at_evolux[:7] == ["walk", "PAUSE_AGENT", "walk", *["LIST_QUEUES"] * 3, "walk"]
    assert bench.at_evolux.count("walk") == 100


async def test_two_walks_take_turns() -> None:
    bench = Bench(concurrency=1)
    answer = asyncio.Event()
    walks = [asyncio.create_task(bench.walk(name, pages=20, answer=answer)) for name in ("one", "two")]
    await turns()

    answer.set()
    await asyncio.gather(*walks)

    assert bench.at_evolux[10:30].count("one") == 10
    assert bench.at_evolux[10:30].count("two") == 10


async def test_a_caller_who_hangs_up_waits_no_more_though_nobody_has_left() -> None:
    bench = Bench(concurrency=1)
    holder = bench.send()
    waiting = [bench.send(operation=operation) for operation in (Operation.LIST_AGENTS, PAUSE)]
    await turns()
    assert bench.protection.state.waiting == 2

    for attempt in waiting:
        await attempt.cancel()

    assert bench.protection.state.waiting == 0
    await holder.answer()
    assert len(bench.at_evolux) == 1


async def test_a_caller_who_hangs_up_in_the_very_turn_it_was_given_leaves_slot_and_token() -> None:
    bench = Bench(concurrency=1, burst=5, requests_per_second=0.001)
    holder = bench.send()
    await turns()
    waiting = bench.send(deadline_seconds=1e9)
    await turns()
    holder._answered.set_result(None)
    for _ in range(8):
        if bench.protection.state.waiting == 0:
            break
        await asyncio.sleep(0)
    assert bench.protection.state.in_flight == 1
    assert not waiting.is_sent

    await waiting.cancel()

    assert not waiting.is_sent
    assert bench.protection.state.in_flight == 0
    assert bench.protection.state.tokens == pytest.approx(4.0)
    assert bench.timers.planned == 0


@pytest.mark.parametrize("seed", range(10))
async def test_callers_who_hang_up_at_random_leak_nothing(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - draws trouble, keeps no secret
    bench = Bench(concurrency=3, max_waiting=20, requests_per_second=20.0, burst=5, failures=4)
    attempts: list[Attempt] = []

    def deed() -> Attempt:
        operation = chance.choice([Operation.LIST_AGENTS, Operation.LIST_QUEUES, PAUSE])
        return bench.send(operation=operation, deadline_seconds=chance.choice([0.1, 1.0, 50.0]))

    for _ in range(300):
        match chance.randrange(5):
            case 0 | 1:
                attempts.append(deed())
            case 2 if attempts:
                chance.choice(attempts).task.cancel()
            case 3:
                await bench.timers.advance(chance.random())
            case _:
                await asyncio.sleep(0)
        for attempt in [one for one in attempts if one.is_sent and not one._answered.done()]:
            if chance.random() < 0.5:
                errors = [None, None, UpstreamUnavailable("x", upstream_status=503)]
                error = chance.choice(errors)
                if error is None:
                    attempt._answered.set_result(None)
                else:
                    attempt._answered.set_exception(error)
        assert 0 <= bench.protection.state.in_flight <= 3
        assert bench.protection.state.waiting <= 23
    for attempt in attempts:
        attempt.task.cancel()
    await asyncio.wait([attempt.task for attempt in attempts])
    await bench.timers.advance(100.0)

    assert bench.protection.state.in_flight == 0
    assert bench.protection.state.waiting == 0
    assert bench.timers.planned == 0
    assert bench.protection.state.tokens == 5.0
    assert await bench.outcome() is None
    assert bench.protection.state.breaker is BreakerState.CLOSED
