import asyncio

from gateway.telemetry.requests import RequestUnderWay, upstream_wait
from tests.unit.telemetry.recording import Clock


async def test_waits_that_overlap_count_once_and_those_of_tasks_too() -> None:
    clock = Clock()
    first_left, second_begun = asyncio.Event(), asyncio.Event()

    async def second() -> None:
        with upstream_wait():
            second_begun.set()
            await first_left.wait()
            clock.now += 2

    with RequestUnderWay("r1", monotonic=clock) as request:
        clock.now += 10
        task = asyncio.create_task(second())
        with upstream_wait():
            clock.now += 1
            await second_begun.wait()
            clock.now += 2
        first_left.set()
        await task
        clock.now += 10
        assert request.upstream_seconds == 5
        with upstream_wait():
            clock.now += 1
    assert request.upstream_seconds == 6


async def test_each_request_has_its_own_wait() -> None:
    clock = Clock()
    both = asyncio.Barrier(2)

    async def serve(*, waits: bool) -> float:
        with RequestUnderWay("r1", monotonic=clock) as request:
            await both.wait()
            if waits:
                with upstream_wait():
                    clock.now += 4
            await both.wait()
            return request.upstream_seconds

    waited, did_not = await asyncio.gather(serve(waits=True), serve(waits=False))
    assert (waited, did_not) == (4, 0)


def test_outside_of_a_request_a_wait_is_nothing() -> None:
    with upstream_wait():
        pass
