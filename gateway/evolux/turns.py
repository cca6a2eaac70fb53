"""Turns on the event loop for what holds it long, one after another, whoever else is served between."""

import asyncio
from collections import deque
from collections.abc import Callable
from time import perf_counter
from typing import Final

QUIET_SECONDS: Final = 0.00005
"""An iteration of the event loop that is as short as this served nobody."""
REST_SECONDS: Final = 0.004
"""As long as this a turn waits for the loop to become quiet."""
PATIENCE_SECONDS: Final = 0.04
"""The rests of all who wait come to no more than this: where many wait, each is shorter."""
MOST_AT_ONCE: Final = 10
"""How many turns are given together after an iteration that lasted many rests."""


class Turns:
    """Gives turns in the order of asking: the next once the loop has been quiet, or has rested long enough.

    A page of a listing holds the loop for a third of a millisecond to be asked for, and again to be read.
    Pages come ten at a time, of many tenants: without turns a request waits for all that have come. With one
    in each iteration it still waits for a page and for all who came during the one before; so whoever came is
    answered first. On a loop that is never quiet there is a turn for each rest that passed, however long its
    iterations are, so that listings are read at the same pace, and faster the more are waiting.
    """

    def __init__(self, *, timer: Callable[[], float] = perf_counter) -> None:
        """`timer` tells seconds from any instant."""
        self._timer = timer
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_resting = False
        self._was_given = False
        self._measured_at = 0.0
        self._rested_seconds = 0.0

    async def take(self) -> None:
        """Return once it is the caller's turn, which lasts until the caller waits for anything."""
        loop = asyncio.get_running_loop()
        if self._is_resting:
            turn = loop.create_future()
            self._waiting.append(turn)
            await turn
            return
        self._is_resting = self._was_given = True
        self._measured_at, self._rested_seconds = self._timer(), 0.0
        loop.call_soon(self._rest, loop)

    def _rest(self, loop: asyncio.AbstractEventLoop) -> None:
        """Called in each iteration of the loop until nobody waits and the last rest is over."""
        now = self._timer()
        passed, self._measured_at = now - self._measured_at, now
        self._rested_seconds += passed
        is_quiet = passed <= QUIET_SECONDS and not self._was_given  # the turn's own iteration served somebody
        self._was_given = False
        rest = min(REST_SECONDS, PATIENCE_SECONDS / max(len(self._waiting), 1))
        if not is_quiet and self._rested_seconds < rest:
            loop.call_soon(self._rest, loop)
            return
        due = 1 if is_quiet else min(int(self._rested_seconds / rest), MOST_AT_ONCE)
        self._rested_seconds = 0.0 if is_quiet else self._rested_seconds % rest
        self._is_resting = self._was_given = self._give(due)
        if self._is_resting:
            loop.call_soon(self._rest, loop)

    def _give(self, most: int) -> bool:
        """Give turns to those who still wait, and say whether any of them did."""
        given = 0
        while self._waiting and given < most:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                given += 1
        return given > 0
