"""Pages of the last walk: an unchanged one is not read again, nor is an unchanged row replaced."""

import weakref
from hashlib import sha256
from typing import Generic, NamedTuple, TypeVar

import msgspec

from gateway.evolux.rows import PageRows, RowReader

Wire = TypeVar("Wire")
Row = TypeVar("Row")


class _Remembered(NamedTuple, Generic[Row]):
    digest: bytes
    rows: "weakref.ref[PageRows[Row]]"


class PageMemory(Generic[Row]):
    """Remembers pages for as long as somebody holds a listing that was made of them, and no longer.

    A row that did not change stays the same object from one listing to the next, so that what was made of it
    can be kept.
    """

    def __init__(self) -> None:
        self._pages: dict[int, _Remembered[Row]] = {}

    def read(self, data: msgspec.Raw, *, number: int, reader: RowReader[Wire, Row]) -> PageRows[Row] | None:
        """The rows of a page's `data`; None where it is no list."""
        digest = sha256(data).digest()
        remembered = self._pages.get(number)
        before = None if remembered is None else remembered.rows()
        if before is not None and remembered is not None and remembered.digest == digest:
            return before
        rows = reader.read_page(data)
        if rows is None:
            return None
        if before is not None:
            rows = _keeping(before, rows)
        self._pages[number] = _Remembered(digest, weakref.ref(rows))
        return rows


def _keeping(before: PageRows[Row], now: PageRows[Row]) -> PageRows[Row]:
    """The rows as they are now, each as the object that it was where it is equal; all of them, as it was."""
    if before.rows == now.rows and before.held == now.held:
        return before
    known = {row: row for row in before.rows}
    return PageRows(tuple(known.get(row, row) for row in now.rows), now.held)
