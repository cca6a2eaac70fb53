"""CSV after RFC 4180, and newline-delimited JSON."""

from collections.abc import Callable, Iterator
from datetime import datetime
from enum import Enum
from typing import Any, Final

import msgspec

from gateway.rest.exports.tables import Column, ColumnKind, Table

_FORMULA_STARTS: Final = tuple("=+-@\t\r\n'\uff1d\uff0b\uff0d\uff20")
"""What a spreadsheet may take for a formula's start, in either width, and the mark that says it is none."""
_ENCODER: Final = msgspec.json.Encoder()


def csv_parts(table: Table) -> Iterator[bytes]:
    """Give a header, then rows: text always quoted, null an empty field, an empty text a quoted one.

    A text that a spreadsheet might take for a formula has an apostrophe before it, as has one that begins
    with an apostrophe, so that removing one gives the text back.
    """
    cells = [(column.name, _cell_of(column)) for column in table.columns]
    yield (",".join(name for name, _ in cells) + "\r\n").encode()
    for batch in table.batches():
        lines = [",".join([cell(getattr(row, name)) for name, cell in cells]) for row in batch]
        yield ("\r\n".join(lines) + "\r\n").encode()


def ndjson_parts(table: Table) -> Iterator[bytes]:
    """Give one JSON object for each row and line, every column in each."""
    for batch in table.batches():
        yield _ENCODER.encode_lines(batch)


def _cell_of(column: Column) -> Callable[[Any], str]:
    write = _write_list if column.is_list else _WRITERS[column.kind]
    return lambda value: "" if value is None else write(value)


def _write_list(values: tuple[Any, ...]) -> str:
    return _quote(_ENCODER.encode(values).decode())


def _write_text(value: str | Enum) -> str:
    text = value.value if isinstance(value, Enum) else value
    return _quote(f"'{text}" if text.startswith(_FORMULA_STARTS) else text)


def _write_boolean(value: bool) -> str:  # noqa: FBT001 - the value itself
    return "true" if value else "false"


def _write_instant(value: datetime) -> str:
    return value.isoformat().replace("+00:00", "Z")


def _quote(text: str) -> str:
    return f'"{text.replace(chr(34), chr(34) * 2)}"'


_WRITERS: Final[dict[ColumnKind, Callable[[Any], str]]] = {
    ColumnKind.INTEGER: str,
    ColumnKind.NUMBER: repr,
    ColumnKind.TEXT: _write_text,
    ColumnKind.BOOLEAN: _write_boolean,
    ColumnKind.INSTANT: _write_instant,
}
