"""The formats of exports: what each is called, and how a table becomes one."""

from collections.abc import Callable, Iterator
from enum import Enum
from typing import Final

import msgspec

from gateway.rest.exports.arrow_files import ParquetParts, arrow_parts
from gateway.rest.exports.tables import Table
from gateway.rest.exports.text_files import csv_parts, ndjson_parts

CHUNK_BYTES: Final = 32_768


class ExportFormat(Enum):
    """What a file is; the first is what a caller gets who does not mind."""

    CSV = "csv"
    NDJSON = "ndjson"
    ARROW = "arrow"
    PARQUET = "parquet"

    @property
    def media_type(self) -> str:
        """The media type without parameters."""
        return MEDIA_TYPES[self]

    @property
    def content_type(self) -> str:
        """The `Content-Type`."""
        return (
            f"{self.media_type}; charset=utf-8{_HEADED.get(self, '')}" if self in _TEXT else self.media_type
        )


MEDIA_TYPES: Final = {
    ExportFormat.CSV: "text/csv",
    ExportFormat.NDJSON: "application/x-ndjson",
    ExportFormat.ARROW: "application/vnd.apache.arrow.stream",
    ExportFormat.PARQUET: "application/vnd.apache.parquet",
}
_TEXT: Final = frozenset({ExportFormat.CSV, ExportFormat.NDJSON})
_HEADED: Final = {ExportFormat.CSV: "; header=present"}


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """A table to be sent as a file; `headers` say of it what the file's metadata do."""

    table: Table
    format: ExportFormat
    file_name: str
    headers: dict[str, str]

    def chunks(self) -> "Chunks":
        """Begin the file."""
        return chunks_of(self.table, self.format)


class Chunks:
    """A file in pieces of some size, each made when it is taken, in whichever thread."""

    def __init__(self, parts: Iterator[bytes], *, stop: Callable[[], None] | None = None) -> None:
        self._parts = parts
        self._stop = stop

    def take(self) -> bytes:
        """The next piece; empty at the end."""
        taken: list[bytes] = []
        size = 0
        for part in self._parts:
            taken.append(part)
            size += len(part)
            if size >= CHUNK_BYTES:
                break
        return b"".join(taken)

    def stop(self) -> None:
        """No more will be taken."""
        if self._stop is not None:
            self._stop()


def chunks_of(table: Table, chosen: ExportFormat) -> Chunks:
    """Write a table."""
    match chosen:
        case ExportFormat.CSV:
            return Chunks(csv_parts(table))
        case ExportFormat.NDJSON:
            return Chunks(ndjson_parts(table))
        case ExportFormat.ARROW:
            return Chunks(arrow_parts(table))
        case ExportFormat.PARQUET:
            parts = ParquetParts(table)
            return Chunks(iter(parts), stop=parts.stop)
