"""Evolux's clock, as its answers tell it: instants in rows are of that clock, and ours may differ."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

_SPAN: Final = timedelta(minutes=5)


class UpstreamClock:
    """How far Evolux's clock is from ours, by `Date`, which is cut to seconds and late by the way it came.

    So of many the furthest ahead is the nearest to the truth; it counts for five to ten minutes.
    """

    def __init__(self) -> None:
        self._now: timedelta | None = None
        self._before: timedelta | None = None
        self._since: datetime | None = None
        self._last: tuple[str | None, datetime | None] = (None, None)

    def note(self, date: str | None, *, received_at: datetime) -> None:
        """Take the `Date` of an answer in; one that cannot be read tells nothing."""
        if date != self._last[0]:
            self._last = date, _read(date)  # many answers of one second tell the same
        told = self._last[1]
        if told is None:
            return
        if self._since is None or not timedelta(0) <= received_at - self._since < _SPAN:
            self._before, self._now, self._since = self._now, None, received_at
        ahead = told - received_at
        self._now = ahead if self._now is None else max(self._now, ahead)

    def at(self, here: datetime) -> datetime | None:
        """What Evolux's clock says at the instant `here` of ours, up to a second early; None: not known."""
        known = [each for each in (self._now, self._before) if each is not None]
        return here + max(known) if known else None


def _read(date: str | None) -> datetime | None:
    try:
        told = parsedate_to_datetime(date or "")
    except (ValueError, OverflowError):
        return None
    return told if told.tzinfo else told.replace(tzinfo=UTC)
