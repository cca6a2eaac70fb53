"""A token bucket: so many requests a second in the long run, so many at once after a rest."""

from typing import Final

_NEARLY: Final = 1e-9
"""What rounding may take from a token for which somebody has waited just long enough."""


class Quota:
    """The tokens left, reckoned from the clock whenever somebody asks."""

    __slots__ = ("_at", "_burst", "_level", "_per_second")

    def __init__(self, per_second: float, *, burst: int, now: float) -> None:
        self._per_second = per_second
        self._burst = float(burst)
        self._level = self._burst
        self._at = now

    def tokens(self, *, now: float) -> float:
        """Tokens there are."""
        return min(self._burst, self._level + (now - self._at) * self._per_second)

    def wait_seconds(self, *, now: float, tokens: int = 1) -> float:
        """Time until so many tokens will have come, if nobody takes any."""
        short = tokens - self.tokens(now=now)
        return short / self._per_second if short > _NEARLY else 0.0

    def take(self, *, now: float) -> None:
        """Take one; ask `wait_seconds` first."""
        self._level, self._at = self.tokens(now=now) - 1.0, now

    def give_back(self, *, now: float) -> None:
        """Return one that was not used."""
        self._level, self._at = self.tokens(now=now) + 1.0, now
