"""Running pauses counted together: how long and how many over their limit, at any instant, cheaply."""

from bisect import bisect_right
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Final, NamedTuple

import msgspec

from gateway.domain.pauses import AgentPause

PauseSpan = tuple[int, int]
"""When a pause began, and from when on it is over its limit; in microseconds since 1970."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_SECOND: Final = 1_000_000
_ALWAYS: Final = -(2**63)
_NEVER: Final = 2**63
_FEW: Final = 16
"""Up to so many pauses are quicker gone through than sorted and looked up."""


class PauseTimes(NamedTuple):
    """Durations at one instant, in whole seconds as `AgentPause.elapsed_seconds` gives them."""

    longest_seconds: int | None
    average_seconds: float | None
    over_limit: int


class RunningPauses:
    """Pauses that run on, held so that an instant costs a few look-ups and no pass over all of them.

    They are given by their spans, since one pause counts in many rows of a report. Many are sorted when the
    first instant is asked for.
    """

    __slots__ = ("_sorted", "_spans")

    def __init__(self, spans: Iterable[PauseSpan] = ()) -> None:
        self._spans = tuple(spans)
        self._sorted: _Sorted | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RunningPauses) and sorted(self._spans) == sorted(other._spans)

    def __hash__(self) -> int:
        return hash(frozenset(self._spans))

    def at(self, now: datetime) -> PauseTimes:
        """The times at `now`; None where nobody pauses. A pause that is to begin has lasted 0 seconds."""
        if not self._spans:
            return _NOBODY
        instant = (now - _EPOCH) // _MICROSECOND
        if len(self._spans) <= _FEW:
            return _go_through(self._spans, now=instant)
        if self._sorted is None:
            self._sorted = _sort(self._spans)
        return _look_up(self._sorted, now=instant)


_NOBODY: Final = PauseTimes(None, None, 0)


class _Sorted(msgspec.Struct, frozen=True):
    """Starts and dues in order.

    `seconds` are sums of the starts' whole seconds, of so many first ones; `fractions` are what the starts
    have beyond whole seconds, in an order of their own.
    """

    starts: list[int]
    seconds: list[int]
    fractions: list[int]
    dues: list[int]


def pause_span(pause: AgentPause) -> PauseSpan:
    """Give a pause's span. Over its limit is who has been in a pause for a whole second longer."""
    started, limit = (pause.started_at - _EPOCH) // _MICROSECOND, pause.max_duration_seconds
    if limit is None:
        return started, _NEVER
    return started, _ALWAYS if limit < 0 else started + (limit + 1) * _SECOND


def _go_through(pauses: tuple[PauseSpan, ...], *, now: int) -> PauseTimes:
    longest = total = over = 0
    for started, due in pauses:
        elapsed = (now - started) // _SECOND
        if elapsed > 0:
            total += elapsed
            longest = max(longest, elapsed)
        over += due <= now
    return PauseTimes(longest, total / len(pauses), over)


def _sort(pauses: tuple[PauseSpan, ...]) -> _Sorted:
    starts = sorted([started for started, _ in pauses])
    return _Sorted(
        starts=starts,
        seconds=list(accumulate([start // _SECOND for start in starts], initial=0)),
        fractions=sorted([start % _SECOND for start in starts]),
        dues=sorted([due for _, due in pauses]),
    )


def _look_up(pauses: _Sorted, *, now: int) -> PauseTimes:
    """Sum the seconds of the clock less those of the starts, less one where a start's fraction is larger."""
    starts, fractions = pauses.starts, pauses.fractions
    begun = bisect_right(starts, now)
    second, fraction = divmod(now, _SECOND)
    behind = len(fractions) - bisect_right(fractions, fraction)
    behind -= sum([start % _SECOND > fraction for start in starts[begun:]])
    total = begun * second - pauses.seconds[begun] - behind
    longest = (now - starts[0]) // _SECOND if begun else 0
    return PauseTimes(longest, total / len(starts), bisect_right(pauses.dues, now))
