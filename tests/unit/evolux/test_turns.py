"""Turns on the event loop: who is served between, and that a loop that is never quiet still gives them."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise

import pytest

from gateway.evolux.turns import MOST_AT_ONCE, QUIET_SECONDS, REST_SECONDS, Turns


class Loop:
    """What happens in the iterations of the event loop, and how long they are said to last."""

    def __init__(self) -> None:
        self.now, self.iteration = 0.0, 0
        self.lasts: Callable[[int], float] = lambda _: 0.0
        self.turns = Turns(timer=lambda: self.now)
        self.given: dict[str, int] = {}

    async def run(self, iterations: int) -> None:
        """Go through some iterations."""
        for _ in range(iterations):
            await asyncio.sleep(0)
            self.iteration += 1
            self.now += self.lasts(self.iteration)

    async def take(self, name: str) -> None:
        """Note the iteration in which the turn came."""
        await self.turns.take()
        self.given[name] = self.iteration


@pytest.fixture
def loop() -> Loop:
    return Loop()


async def _all_take(loop: Loop, names: str) -> list[asyncio.Task[None]]:
    tasks = [asyncio.create_task(loop.take(name)) for name in names]
    await asyncio.sleep(0)
    return tasks


async def test_the_first_does_not_wait(loop: Loop) -> None:
    await asyncio.wait_for(loop.take("a"), 1)

    assert loop.given == {"a": 0}


async def test_on_a_quiet_loop_there_is_one_turn_at_a_time_in_the_order_of_asking(loop: Loop) -> None:
    await _all_take(loop, "abcd")

    await loop.run(12)

    assert list(loop.given) == ["a", "b", "c", "d"]
    assert len(set(loop.given.values())) == 4


async def test_a_turn_waits_until_the_loop_has_been_quiet(loop: Loop) -> None:
    busy_until = 9
    loop.lasts = lambda iteration: REST_SECONDS / 20 if iteration <= busy_until else QUIET_SECONDS / 2
    await _all_take(loop, "ab")

    await loop.run(busy_until)
    before = dict(loop.given)
    await loop.run(3)

    assert before == {"a": 0}
    assert set(loop.given) == {"a", "b"}


async def test_on_a_loop_that_is_never_quiet_there_is_a_turn_for_each_rest(loop: Loop) -> None:
    loop.lasts = lambda _: REST_SECONDS / 4
    await _all_take(loop, "abcd")

    await loop.run(21)

    first, *others = loop.given.values()
    gaps = [after - before for before, after in pairwise(others)]
    assert (first, len(others)) == (0, 3)
    assert all(4 <= gap <= 7 for gap in gaps)


@pytest.mark.parametrize("share", [0.02, 0.25, 0.95, 1.05, 1.95, 3.3])
async def test_on_a_loop_that_is_never_quiet_the_pace_is_the_same_however_long_its_iterations_are(
    loop: Loop, share: float
) -> None:
    loop.lasts = lambda _: share * REST_SECONDS

    async def go_on() -> None:
        while True:
            await loop.turns.take()
            given.append(loop.now)

    given: list[float] = []
    tasks = [asyncio.create_task(go_on()) for _ in range(8)]
    await loop.run(int(400 / share))
    for task in tasks:
        task.cancel()

    assert len(given) == pytest.approx(loop.now / REST_SECONDS, rel=0.05)


async def test_after_a_long_iteration_several_turns_are_given_together(loop: Loop) -> None:
    loop.lasts = lambda iteration: 3.5 * REST_SECONDS if iteration == 1 else QUIET_SECONDS / 2
    await _all_take(loop, "abcdef")

    await loop.run(4)

    assert set(loop.given) == {"a", "b", "c", "d"}


async def test_not_all_are_given_together_after_the_longest_iteration(loop: Loop) -> None:
    loop.lasts = lambda iteration: 1_000.0 if iteration == 1 else QUIET_SECONDS / 2
    tasks = await _all_take(loop, "".join(chr(each) for each in range(65, 65 + 3 * MOST_AT_ONCE)))

    await loop.run(4)
    given = len(loop.given)
    await loop.run(4 * 2 * MOST_AT_ONCE)

    assert given == 1 + MOST_AT_ONCE
    assert len(loop.given) == len(tasks)


@pytest.mark.parametrize(("waiting", "at_least", "at_most"), [(8, 3, 7), (200, 0, 1)])
async def test_rests_are_shorter_where_many_wait(
    loop: Loop, waiting: int, at_least: float, at_most: float
) -> None:
    loop.lasts = lambda _: REST_SECONDS / 4
    await _all_take(loop, "".join(chr(each) for each in range(65, 65 + waiting)))

    while len(loop.given) < waiting / 2:
        await loop.run(1)

    assert at_least <= loop.iteration / len(loop.given) <= at_most


async def test_a_turn_is_not_lost_with_one_who_went_away(loop: Loop) -> None:
    tasks = await _all_take(loop, "abcd")
    tasks[1].cancel()
    tasks[2].cancel()
    for task in tasks[1:3]:
        with suppress(asyncio.CancelledError):
            await task

    await loop.run(6)

    assert set(loop.given) == {"a", "d"}


async def test_when_all_have_had_theirs_the_next_does_not_wait(loop: Loop) -> None:
    await _all_take(loop, "abc")
    await loop.run(12)
    at = loop.iteration

    await asyncio.wait_for(loop.take("later"), 1)

    assert loop.given["later"] == at
