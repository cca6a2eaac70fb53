"""One deadline travels with the task that a caller's request is."""

import asyncio

import pytest

from gateway.domain.deadlines import (
    Deadline,
    apart_from_caller,
    by_deadline,
    current_deadline,
    one_deadline,
)
from gateway.domain.errors import UpstreamTimeout


class HandClock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_outside_of_a_request_there_is_no_deadline() -> None:
    assert current_deadline() is None


def test_a_deadline_tells_what_is_left_by_its_own_clock() -> None:
    clock = HandClock()
    deadline = Deadline(25.0, monotonic=clock)

    clock.now += 20.0
    assert deadline.left_seconds == 5.0
    clock.now += 20.0
    assert deadline.left_seconds == -15.0


def test_the_first_deadline_bounds_what_is_begun_under_it() -> None:
    with one_deadline(5.0) as outer, one_deadline(60.0) as inner:
        assert inner is outer
        assert current_deadline() is outer

    assert current_deadline() is None


async def test_tasks_begun_under_a_deadline_have_it() -> None:
    async def seen() -> Deadline | None:
        return current_deadline()

    with one_deadline(5.0) as deadline:
        task = asyncio.create_task(seen())

    assert await task is deadline


async def test_what_is_begun_apart_from_its_caller_has_a_deadline_of_its_own() -> None:
    async def walk() -> tuple[Deadline | None, Deadline]:
        inherited = current_deadline()
        with one_deadline(60.0) as own:
            return inherited, own

    with one_deadline(5.0) as callers:
        with apart_from_caller():
            task = asyncio.create_task(walk())
        assert current_deadline() is callers

    inherited, own = await task
    assert inherited is None
    assert own is not callers


async def test_without_a_deadline_one_waits_as_long_as_it_takes() -> None:
    assert await by_deadline(asyncio.sleep(0, "result")) == "result"


async def test_a_wait_ends_with_the_deadline_and_leaves_what_others_wait_for() -> None:
    shared: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    with one_deadline(0.01), pytest.raises(UpstreamTimeout):
        await by_deadline(asyncio.shield(shared))

    assert not shared.cancelled()


async def test_a_wait_whose_deadline_is_over_ends_at_once() -> None:
    with one_deadline(-1.0), pytest.raises(UpstreamTimeout):
        await by_deadline(asyncio.Event().wait())


async def test_a_timeout_that_is_not_the_deadlines_stays_what_it_is() -> None:
    async def slow() -> None:
        raise TimeoutError("of something else")

    with one_deadline(60.0), pytest.raises(TimeoutError, match="of something else"):
        await by_deadline(slow())
