"""The bytes of rows, kept per place in a plan and reused for as long as the row stays equal."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec

_NO_HOLES: tuple[Any, ...] = ()

encode = msgspec.json.Encoder().encode

_ROW_BYTES = 400
"""What an entry takes besides its bytes."""
_HOLE_BYTES = 200


class Kept(NamedTuple):
    """A row's bytes; each 0 byte in them is one of `holes`, a function and its row.

    `used` names the listings that were used to make them.
    """

    row: Any
    raw: msgspec.Raw
    holes: tuple[Any, ...]
    used: frozenset[str]


class Building(Protocol):
    """A run of a plan, to whoever builds a row's bytes in it."""

    @property
    def context(self) -> "Counting":
        """What it reads listings through."""
        ...

    holes: list[Any]
    pending: list[Any]
    has_kept: bool
    """Whether it added to what is kept."""

    @property
    def is_timed(self) -> bool:
        """Whether something asked for the instant."""
        ...


class Counting(Protocol):
    """What counts how often listings are used."""

    def uses(self) -> tuple[int, ...]:
        """How often each listing was used so far."""
        ...

    def used_since(self, before: tuple[int, ...]) -> frozenset[str]:
        """The listings that were used since `uses` gave this."""
        ...


Build = Callable[[Sequence[Any], Any], list[Any]]
"""Builds rows in a run, all of one place."""


def build_row(row: Any, build: Build, run: Building) -> Kept:
    """A row's bytes, with the holes that were left in them."""
    context, begin = run.context, len(run.holes)
    before = context.uses()
    [value] = build((row,), run)
    holes = _NO_HOLES
    if len(run.holes) > begin:
        holes = tuple(run.holes[begin:])
        del run.holes[begin:]
    return Kept(row, msgspec.Raw(encode(value)), holes, context.used_since(before))


class Unkept:
    """Keeps nothing: rows are built, and encoded with the answer that they are part of."""

    known: dict[int, Kept] = {}  # noqa: RUF012 - stays empty


UNKEPT = Unkept()


class Fragments:
    """What one place in a plan keeps for one tenant, under the versions of the listings that it depends on.

    Rows are known by identity. When the agents listing has a new version, an equal row of it takes over what
    its predecessor of the same id had; what no row took over is gone with the version after that.
    """

    __slots__ = ("_before", "_listing", "_versions", "bytes", "known", "weighed")

    def __init__(self) -> None:
        self.known: dict[int, Kept] = {}
        self._before: dict[Any, Kept] = {}
        self._versions: object = None
        self._listing: object = None
        self.bytes = 0
        self.weighed = -1
        """What `bytes` were when somebody last asked for them."""

    def see(self, *, versions: object, listing: object) -> None:
        """Be told what the run sees: the versions that the bytes depend on, and that of the rows' listing.

        None: the listing was not read yet.
        """
        if versions != self._versions:
            self.known, self._before, self.bytes = {}, {}, 0
        elif listing not in (self._listing, None):
            self._before = {kept.row.id: kept for kept in self.known.values()}
            self.known = {}
            self.bytes = sum(map(_weigh, self._before.values()))
        self._versions = versions
        self._listing = listing or self._listing

    def keep(self, row: Any, build: Build, run: Building) -> Kept:
        """The row's bytes: an equal predecessor's, or built now."""
        before = self._before.get(row.id)
        if before is not None and before.row == row:
            kept = before._replace(row=row)
        else:
            kept = build_row(row, build, run)
            if run.pending or run.is_timed:
                return kept
        self.known[id(row)] = kept
        self.bytes += _weigh(kept)
        run.has_kept = True
        return kept


def _weigh(kept: Kept) -> int:
    return len(bytes(kept.raw)) + _ROW_BYTES + len(kept.holes) * _HOLE_BYTES
