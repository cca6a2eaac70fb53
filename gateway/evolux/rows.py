"""Rows of a page to domain values: the whole page typed; where that fails row by row; then field by field."""

import re
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec

from gateway.domain.contents import Portion
from gateway.evolux.envelope import Undecodable
from gateway.evolux.fields import Fields, OnOdd, as_id, type_seen
from gateway.evolux.observing import Odd

_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[dD][89a-fA-F][0-9a-fA-F]{2}|.)",
    re.DOTALL,
)
"""Two halves of a character, one alone, or the beginning of any other escape."""
_UNKNOWN_CHARACTER = rb"\ufffd"
_NO_VALUE = object()

Wire = TypeVar("Wire")
Row = TypeVar("Row")


class PageRows(Portion[Row]):
    """The readable rows of a page, and how many it held with those that could not be served.

    Who wants to compare it with a later one notes in `data` what it was read from or a digest of that, and in
    `written` the part of each row, those that could not be served too.
    """

    __slots__ = ("data", "held", "written")

    def __init__(self, rows: tuple[Row, ...], held: int) -> None:
        super().__init__(rows)
        self.held = held
        self.data: msgspec.Raw | bytes | None = None
        self.written: list[msgspec.Raw] | None = None


class RowReader(Generic[Wire, Row]):
    """Reads the rows of one listing. `from_fields` gives None for a row that nobody could use.

    `from_wire` may raise ValueError or OverflowError for a row that needs to be read field by field.
    """

    def __init__(
        self,
        wire_type: type[Wire],
        *,
        listing: str,
        from_wire: Callable[[Wire], Row],
        from_fields: Callable[[Fields], Row | None],
        on_odd: OnOdd,
    ) -> None:
        self._page: msgspec.json.Decoder[list[Wire]] = msgspec.json.Decoder(
            list[wire_type],  # type: ignore[valid-type]  # known at run time
            strict=False,
        )
        self._row: msgspec.json.Decoder[Wire] = msgspec.json.Decoder(wire_type, strict=False)
        self._listing = listing
        self._from_wire = from_wire
        self._from_fields = from_fields
        self._on_odd = on_odd

    def read_page(self, data: msgspec.Raw) -> PageRows[Row] | None:
        """The rows of a page's `data`; None where it is no list."""
        try:
            wire_rows = self._page.decode(data)
            rows = tuple(map(self._from_wire, wire_rows))
        except Undecodable:
            return self._row_by_row(data)
        return PageRows(rows, len(rows))

    def read_row(self, raw: msgspec.Raw) -> Row | None:
        """One row; None, noted, for one without a usable id."""
        try:
            return self._from_wire(self._row.decode(raw))
        except Undecodable:
            return self._field_by_field(raw)

    def _row_by_row(self, data: msgspec.Raw) -> PageRows[Row] | None:
        raw_rows = split(data)
        if raw_rows is None:
            return None
        read = [self.read_row(raw) for raw in raw_rows]
        return PageRows(tuple(row for row in read if row is not None), len(raw_rows))

    def _field_by_field(self, raw: msgspec.Raw) -> Row | None:
        values: dict[str, msgspec.Raw] | None = _decode(raw, dict[str, msgspec.Raw])
        if values is None:
            seen = type_seen(_decode(raw, Any))
            self._on_odd(Odd(listing=self._listing, row_id=None, field="", seen=seen))
            return None
        row = {name: _value(value) for name, value in values.items()}
        row_id = Fields(row, listing=self._listing, row_id=None, on_odd=_unnoted).read("id", as_id)
        return self._from_fields(Fields(row, listing=self._listing, row_id=row_id, on_odd=self._on_odd))


def split(data: msgspec.Raw) -> list[msgspec.Raw] | None:
    """What each row of a page's `data` is read from; None where it is no list."""
    rows: list[msgspec.Raw] | None = _decode(data, list[msgspec.Raw])
    return rows


def _value(raw: msgspec.Raw) -> object:
    """One value; of what is none (a number of 5,000 digits) one that no field can hold."""
    value = _decode(raw, Any)
    return _NO_VALUE if value is None and bytes(raw) != b"null" else value


def _decode(raw: msgspec.Raw, type_: Any) -> Any:
    """JSON of this type, also where a text was cut within a character; None for what is none."""
    try:
        return msgspec.json.decode(raw, type=type_)
    except Undecodable:
        pass
    try:
        whole = bytes(raw).decode("utf-8", "replace").encode()
        return msgspec.json.decode(_ESCAPE.sub(_whole, whole), type=type_)
    except Undecodable:
        return None


def _whole(escape: re.Match[bytes]) -> bytes:
    return _UNKNOWN_CHARACTER if len(escape[0]) == len(_UNKNOWN_CHARACTER) else escape[0]


def _unnoted(_odd: Odd) -> None:
    """The row's own reading notes its id."""
