"""Pages of the last walk: an unchanged one is not read again, nor is an unchanged row of a changed one."""

import weakref
from hashlib import sha256
from operator import eq
from typing import Final, Generic, TypeVar

import msgspec

from gateway.evolux.rows import PageRows, RowReader, split

_ROW_BYTES: Final = 2_048
"""Of a row as it was written, on the average of a page: three times what Evolux's have."""

Wire = TypeVar("Wire")
Row = TypeVar("Row")


class PageMemory(Generic[Row]):
    """Remembers pages for as long as somebody holds a listing that was made of them, and no longer.

    A row that did not change stays the same object from one listing to the next, so that what was made of it
    can be kept; so does a page.
    """

    def __init__(self) -> None:
        self._pages: dict[int, weakref.ref[PageRows[Row]]] = {}

    def read(self, data: msgspec.Raw, *, number: int, reader: RowReader[Wire, Row]) -> PageRows[Row] | None:
        """The rows of a page's `data`; None where it is no list."""
        known = self._pages.get(number)
        before = None if known is None else known()
        if before is None:
            page = reader.read_page(data)
        elif before.data == _kept(data, held=before.held):
            return before
        else:
            page = _read_again(data, before=before, reader=reader)
        if page is not None:
            page.data = _kept(data, held=page.held)
            if isinstance(page.data, bytes):
                page.written = None
            self._pages[number] = weakref.ref(page)
        return page


def _kept(data: msgspec.Raw, *, held: int) -> msgspec.Raw | bytes:
    """What is kept of a page's `data`: itself, or its digest where rows bring much that nobody reads."""
    return data if len(data) <= held * _ROW_BYTES else sha256(data).digest()


def _read_again(
    data: msgspec.Raw, *, before: PageRows[Row], reader: RowReader[Wire, Row]
) -> PageRows[Row] | None:
    """The page with each row as the object that it was where it is equal; `before` itself where all are."""
    written = split(data)
    if written is None:
        return None
    was = before.written or (split(before.data) if isinstance(before.data, msgspec.Raw) else None) or []
    page = _by_rows(written, was=was, before=before, reader=reader) or _as_a_whole(data, before, reader)
    if page is not None and page.rows == before.rows and page.held == before.held:
        page = before
    if page is not None:
        page.written = written
    return page


def _by_rows(
    written: list[msgspec.Raw],
    *,
    was: list[msgspec.Raw],
    before: PageRows[Row],
    reader: RowReader[Wire, Row],
) -> PageRows[Row] | None:
    """Reads only rows that do not stand where they stood as they were written; None where those are many."""
    stands = list(map(eq, written, was))
    if before.held != len(before.rows) or sum(stands) * 2 < len(written):
        return None
    rows: list[Row | None] = list(before.rows[: len(written)])
    for at, is_same in enumerate(stands):
        if not is_same:
            row = reader.read_row(written[at])
            rows[at] = rows[at] if row == rows[at] else row
    rows.extend(map(reader.read_row, written[len(stands) :]))
    return PageRows(tuple(row for row in rows if row is not None), len(written))


def _as_a_whole(
    data: msgspec.Raw, before: PageRows[Row], reader: RowReader[Wire, Row]
) -> PageRows[Row] | None:
    page = reader.read_page(data)
    if page is None:
        return None
    known = {row: row for row in before.rows}
    return PageRows(tuple(known.get(row, row) for row in page.rows), page.held)
