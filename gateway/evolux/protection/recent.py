"""How often something happened lately."""

from typing import Final

_STEPS: Final = 10


class RecentCount:
    """A count over the last `window_seconds`, kept in ten steps: an event counts for nine to ten of them.

    Its size is fixed, and reading changes nothing, so that another thread may look.
    """

    __slots__ = ("_counts", "_step_seconds", "_steps")

    def __init__(self, window_seconds: float) -> None:
        self._step_seconds = window_seconds / _STEPS
        self._counts = [0] * _STEPS
        self._steps = [-_STEPS] * _STEPS

    def add(self, *, now: float) -> None:
        """Count one event."""
        step = int(now / self._step_seconds)
        place = step % _STEPS
        if self._steps[place] != step:
            self._steps[place] = step
            self._counts[place] = 0
        self._counts[place] += 1

    def total(self, *, now: float) -> int:
        """Events in the window."""
        oldest = int(now / self._step_seconds) - _STEPS
        return sum(
            count for step, count in zip(self._steps, self._counts, strict=True) if step > oldest and count
        )

    def clear(self) -> None:
        """Forget all."""
        self._counts = [0] * _STEPS
