"""Valkey's clock, held to: one that is set back would make every listing there look younger than it is."""

from collections.abc import Callable
from math import floor


class ServerClock:
    """What Valkey's clock must show at least, by the clock of this process, which does not jump.

    All instants of Valkey are in microseconds. Another life of a server has a clock of its own.
    """

    def __init__(self, *, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._life = ""
        self._ahead_us = 0.0

    def heard(self, now_us: int, *, life: str) -> None:
        """Valkey has just told what its clock shows."""
        self._life, self._ahead_us = life, now_us - self._monotonic() * 1e6

    def least_us(self, *, life: str) -> int:
        """What it must show by now; 0 where it was never heard."""
        return floor(self._ahead_us + self._monotonic() * 1e6) if life == self._life else 0
