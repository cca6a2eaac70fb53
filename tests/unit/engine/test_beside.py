"""Work beside the event loop: in one thread, in the caller's context, and over when its caller goes on."""

import asyncio
import threading
from contextvars import ContextVar

import pytest

from gateway.engine.beside import Departure, SideLoop, across, home_beyond

NAME = "beside-the-loop"
GIVEN: ContextVar[str] = ContextVar("given", default="nothing")


async def told_of_thread(_departure: Departure) -> str:
    return threading.current_thread().name


async def until_no_thread_is_left() -> None:
    for thread in threading.enumerate():
        if thread.name == NAME:
            await asyncio.to_thread(thread.join, 5)
    assert NAME not in {thread.name for thread in threading.enumerate()}


async def test_work_runs_in_a_thread_that_goes_when_nothing_is_left() -> None:
    side = SideLoop()
    assert [await side.run(told_of_thread), await side.run(told_of_thread)] == [NAME, NAME]
    await until_no_thread_is_left()


async def test_all_work_shares_one_thread() -> None:
    side, both = SideLoop(), asyncio.Barrier(2)
    loops = []

    async def meet(_departure: Departure) -> None:
        loops.append(asyncio.get_running_loop())
        await both.wait()

    await asyncio.wait_for(asyncio.gather(side.run(meet), side.run(meet)), 5)
    assert loops[0] is loops[1] is not asyncio.get_running_loop()
    await until_no_thread_is_left()


async def test_work_sees_the_callers_context_and_where_home_is() -> None:
    async def look(_departure: Departure) -> tuple[str, bool]:
        return GIVEN.get(), home_beyond() is home

    home = asyncio.get_running_loop()
    token = GIVEN.set("a deadline")
    assert await SideLoop().run(look) == ("a deadline", True)
    GIVEN.reset(token)
    assert home_beyond() is None
    await until_no_thread_is_left()


async def test_a_failure_is_the_very_one_that_was_raised() -> None:
    failure = ValueError("It is broken.")

    async def fail(_departure: Departure) -> None:
        raise failure

    with pytest.raises(ValueError, match="broken") as raised:
        await SideLoop().run(fail)
    assert raised.value is failure
    await until_no_thread_is_left()


async def test_what_computes_ends_where_it_looks_once_its_caller_has_left() -> None:
    computing = threading.Event()

    async def compute(departure: Departure) -> None:
        computing.set()
        while True:
            departure.check()

    caller = asyncio.create_task(SideLoop().run(compute))
    await asyncio.to_thread(computing.wait, 5)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(caller, 5)
    await until_no_thread_is_left()


async def test_a_caller_who_leaves_goes_on_when_all_has_ended_on_both_sides() -> None:
    waiting = asyncio.Event()
    ended: list[str] = []

    async def read() -> None:
        try:
            waiting.set()
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("the read, at home")

    async def work(_departure: Departure) -> None:
        home = home_beyond()
        assert home is not None
        try:
            await across(read, to=home)
        finally:
            ended.append("the work, beside")

    caller = asyncio.create_task(SideLoop().run(work))
    await asyncio.wait_for(waiting.wait(), 5)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert ended == ["the read, at home", "the work, beside"]
    await until_no_thread_is_left()


async def test_what_work_leaves_behind_is_cancelled() -> None:
    left: list[asyncio.Task[bool]] = []

    async def leave(_departure: Departure) -> None:
        left.append(asyncio.create_task(asyncio.Event().wait()))

    await SideLoop().run(leave)
    await until_no_thread_is_left()
    assert left[0].cancelled()
