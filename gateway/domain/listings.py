"""Listings: a full read of one collection, its immutable versioned result, and what a reader gets of it."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from datetime import datetime
from enum import Enum
from typing import Any, Final, Generic, Protocol, TypeVar, cast

import msgspec

from gateway.domain.contents import Content, content_after, content_of, portions_of
from gateway.domain.errors import Failure

T = TypeVar("T")

_UNMADE: Final = object()


class Identified(Protocol):
    """A row that its listing knows by an id."""

    @property
    def id(self) -> Any: ...


Row = TypeVar("Row")
Row_co = TypeVar("Row_co", covariant=True)


class Snapshot(Generic[Row_co]):
    """One read of a listing: rows in Evolux's order, without repeats.

    `version` is a digest of the content: equal versions hold equal rows; `encoded_bytes` is what that content
    takes when encoded. `complete` is False where the walk could not see every row, and `missing` then says
    which part. `page_rows` is how many rows a page held upstream, which tells on which page a row stood.
    `origin` is what the rows were made of, kept alive as long as they are for whoever made them.
    """

    __slots__ = (
        "_by_id",
        "_derived",
        "_origin",
        "complete",
        "encoded_bytes",
        "fetched_at",
        "missing",
        "page_rows",
        "rows",
        "version",
    )

    def __init__(
        self,
        rows: Iterable[Row_co],
        *,
        fetched_at: datetime,
        missing: str | None = None,
        page_rows: int = 50,
        content: Content | None = None,
        origin: object = None,
    ) -> None:
        self.rows: tuple[Row_co, ...] = tuple(rows)
        self.fetched_at = fetched_at
        self.missing = missing
        self.complete = missing is None
        self.page_rows = page_rows
        self.version, self.encoded_bytes = content or content_of(portions_of(self.rows), missing=missing)
        self._origin = origin
        self._by_id: dict[int, Row_co] | None = None
        self._derived: dict[Hashable, object] = {}

    @property
    def by_id(self) -> Mapping[int, Row_co]:
        """The rows by their id."""
        if self._by_id is None:
            self._by_id = {cast("Identified", row).id: row for row in self.rows}
        return self._by_id

    def replacing(self, row: Any) -> "Snapshot[Row_co]":
        """The same reading with one row as it is known to be by now; a row with a new id comes last."""
        row_id = cast("Identified", row).id
        at = self.derive("positions", _positions).get(row_id, len(self.rows))
        return Snapshot(
            (*self.rows[:at], row, *self.rows[at + 1 :]),
            fetched_at=self.fetched_at,
            missing=self.missing,
            page_rows=self.page_rows,
            content=content_after(self.version, row, encoded_bytes=self.encoded_bytes),
            origin=self._origin,
        )

    def inherit(self, before: "Snapshot[Any]") -> None:
        """Take over what was made of `before`, where its rows are equal: what is derived is of rows alone."""
        if self.version == before.version:
            self._derived = before._derived  # noqa: SLF001 - of the same class

    def derive(self, key: Hashable, build: Callable[["Snapshot[Row_co]"], T]) -> T:
        """Give what `build` makes of the rows, made once per snapshot; `key` must come from a closed set."""
        made = self._derived.get(key, _UNMADE)
        if made is _UNMADE:
            made = self._derived[key] = build(self)
        return cast("T", made)

    def page_of(self, row_id: int) -> int | None:
        """The page, from 1, on which the row stood when this was read; None for an unknown row."""
        positions = self.derive("positions", _positions)
        at = positions.get(row_id)
        return None if at is None else at // self.page_rows + 1


class ReadSource(Enum):
    """Where a reading came from, in the words of RFC 9211."""

    __hash__ = object.__hash__  # members are single; Enum's own is a Python function, and these are keys

    FRESH = "fresh"
    """Held, and young enough."""
    STALE = "stale"
    """Held, older than fresh, served while it is being refreshed behind."""
    STALE_IF_ERROR = "stale-if-error"
    """Held, served because Evolux failed."""
    WALKED = "walked"
    """Read from Evolux for this caller."""
    COALESCED = "coalesced"
    """Read from Evolux by a walk that this caller shared."""


class Reading(msgspec.Struct, Generic[Row_co], frozen=True):
    """A snapshot as served to one caller: `stale` says that it is older than the policy calls fresh.

    `age_seconds` is how long before the serving Evolux was asked for the first row, by a clock that does not
    jump. `failure` is why a part of the listing is missing, where Evolux failed to show it.
    """

    snapshot: Snapshot[Row_co]
    source: ReadSource
    stale: bool = False
    age_seconds: float = 0.0
    failure: Failure | None = None


class FreshnessBound(msgspec.Struct, frozen=True, kw_only=True):
    """What one caller demands of a reading's age (`Cache-Control` on a request)."""

    max_age_seconds: float | None = None
    only_if_cached: bool = False


ANY_AGE = FreshnessBound()
"""The tenant's own freshness policy, nothing tighter."""


def _positions(snapshot: "Snapshot[Any]") -> dict[int, int]:
    return {row.id: at for at, row in enumerate(snapshot.rows)}
