"""Time as an argument: ages by a clock that never goes back, instants by the wall."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Two clocks: `monotonic` for ages, which no jump of the wall clock may change, and `now` for people."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary instant; never goes back."""
        ...

    def now(self) -> datetime:
        """The wall clock, in UTC."""
        ...


class SystemClock:
    """The machine's clocks."""

    def monotonic(self) -> float:
        return time.monotonic()

    def now(self) -> datetime:
        return datetime.now(UTC)
