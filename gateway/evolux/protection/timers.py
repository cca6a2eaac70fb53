"""Time as the protection sees it: a clock, and a call at a later time."""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol


class Cancellable(Protocol):
    """A call that has been planned."""

    def cancel(self) -> None:
        """Do not make it."""
        ...


class Timers(Protocol):
    """A clock that never goes back, and calls planned by it. Used from one event loop only."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary instant."""
        ...

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Cancellable:
        """Plan a call."""
        ...


class LoopTimers:
    """The machine's clock and the running event loop."""

    def monotonic(self) -> float:
        return time.monotonic()

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Cancellable:
        return asyncio.get_running_loop().call_later(seconds, callback)
