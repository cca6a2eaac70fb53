"""Reading one row field by field, where it does not decode as a whole: nothing odd fails the row."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, NamedTuple, TypeVar

import msgspec

from gateway.domain.ids import MAX_ID, AgentId, PauseId, QueueId
from gateway.evolux.envelope import as_whole
from gateway.evolux.observing import Odd

T = TypeVar("T")
_ID = msgspec.Meta(ge=1, le=MAX_ID)
WireId = Annotated[int, _ID]
"""An id in a typed row: the decoder refuses any other, and the row is then read field by field."""
WireAgentId = Annotated[AgentId, _ID]
WireQueueId = Annotated[QueueId, _ID]
WirePauseId = Annotated[PauseId, _ID]
MAX_LIMIT = 2**31 - 1
"""Seconds of a limit: 68 years, and what callers can be shown."""
WireLimit = Annotated[int, msgspec.Meta(ge=0, le=MAX_LIMIT)]
"""Seconds of a limit in a typed row."""
OnOdd = Callable[[Odd], None]

FIRST_YEAR, LAST_YEAR = 2000, 2067
"""Of the instants that can be Evolux's: the year 1 and 9999 stand for none, and all that lies between two of
these can be shown in seconds, which are 32 bits."""
_MILLISECONDS_FROM = 10**11
"""An epoch beyond this many seconds (the year 5138) counts milliseconds."""
_MISSING = object()


class Unreadable(ValueError):
    """The value is none that the field can hold."""


class Span(NamedTuple):
    """From an instant to another, or on."""

    started_at: datetime
    ended_at: datetime | None


class Fields:
    """A row as a JSON object, read leniently. What cannot be read is None, or the default, and noted."""

    def __init__(
        self, row: dict[str, object], *, listing: str, row_id: int | None, on_odd: OnOdd, prefix: str = ""
    ) -> None:
        self._row = row
        self._listing = listing
        self._row_id = row_id
        self._on_odd = on_odd
        self._prefix = prefix

    def peek(self, name: str) -> object:
        """The field as it stands; None where it is missing."""
        return self._row.get(name)

    def read(self, name: str, reader: Callable[[object], T]) -> T | None:
        """The field as `reader` makes of it; missing and null are None without a note."""
        value = self._row.get(name)
        if value is None:
            return None
        try:
            return reader(value)
        except (ValueError, OverflowError):
            self.note(name)
            return None

    def required(self, name: str, reader: Callable[[object], T], *, default: T) -> T:
        """The field, or the default; that it is missing or null is noted too."""
        if self._row.get(name) is None:
            self.note(name)
            return default
        value = self.read(name, reader)
        return default if value is None else value

    def flag(self, name: str, *, default: bool) -> bool:
        """The flag, or the default; a missing one is no oddity, a null is."""
        return self.required(name, as_flag, default=default) if name in self._row else default

    def first(self, names: tuple[str, ...], reader: Callable[[object], T]) -> T | None:
        """The first of the fields that is there and can be read."""
        for name in names:
            value = self.read(name, reader)
            if value is not None:
                return value
        return None

    def span(self, started: str, ended: str) -> "Span | None":
        """The instants of something that lasts until it ends; None where one stands there and cannot be read.

        An end that cannot be read is still an end: taking it for none would make it last.
        """
        started_at = self.required(started, _as_optional_instant, default=None)
        end = self._row.get(ended)
        ended_at = None if end == "" else self.read(ended, as_instant)
        if started_at is None or (ended_at is None and end not in (None, "")):
            return None
        return Span(started_at, ended_at)

    def nested(self, name: str) -> "Fields | None":
        """The object in the field, read the same way."""
        row = self.read(name, _as_object)
        if row is None:
            return None
        return Fields(
            row,
            listing=self._listing,
            row_id=self._row_id,
            on_odd=self._on_odd,
            prefix=f"{self._prefix}{name}.",
        )

    def note(self, name: str) -> None:
        """Note that a field cannot be read."""
        seen = type_seen(self._row.get(name, _MISSING))
        self._on_odd(Odd(listing=self._listing, row_id=self._row_id, field=self._prefix + name, seen=seen))


def type_seen(value: object) -> str:
    """The JSON type of a value, or "missing"."""
    if value is _MISSING:
        return "missing"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def as_id(value: object) -> int:
    """An id: a whole number from 1 on, also as a numeric string."""
    number = as_whole(value)
    if number is None or not 1 <= number <= MAX_ID:
        raise Unreadable
    return number


def as_number(value: object) -> int:
    """A whole number, also as a numeric string."""
    number = as_whole(value)
    if number is None:
        raise Unreadable
    return number


def as_limit(value: object) -> int | None:
    """Seconds of a limit; a negative one is none."""
    seconds = as_number(value)
    if seconds > MAX_LIMIT:
        raise Unreadable
    return seconds if seconds >= 0 else None


def as_text(value: object) -> str:
    """A text; a number is its digits."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise Unreadable


def as_flag(value: object) -> bool:
    """True or false, also as 1 and 0 and as words."""
    flags = {"1": True, "true": True, "0": False, "false": False}
    flag = flags.get(str(value).strip().lower()) if isinstance(value, bool | int | str) else None
    if flag is None:
        raise Unreadable
    return flag


def as_instant(value: object) -> datetime:
    """An instant in UTC: ISO 8601 (without an offset: UTC) or seconds since 1970."""
    if isinstance(value, bool):
        raise Unreadable
    if isinstance(value, int | float):
        return _from_epoch(float(value))
    if not isinstance(value, str):
        raise Unreadable
    number = as_whole(value)
    return in_utc(datetime.fromisoformat(value)) if number is None else _from_epoch(float(number))


def _as_optional_instant(value: object) -> datetime | None:
    return as_instant(value)


def in_utc(at: datetime) -> datetime:
    """The same instant, aware and in UTC; one without an offset is taken to be UTC.

    Unreadable: it is of a year that Evolux's instants are not of.
    """
    if at.tzinfo is not UTC:
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    if not FIRST_YEAR <= at.year <= LAST_YEAR:
        raise Unreadable
    return at


def _from_epoch(seconds: float) -> datetime:
    return in_utc(datetime.fromtimestamp(seconds / 1000 if seconds > _MILLISECONDS_FROM else seconds, tz=UTC))


def _as_object(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise Unreadable
    return value
