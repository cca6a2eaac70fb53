"""Arrow IPC streams and Parquet. The library is imported by the first export that needs it."""

import io
import queue
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from enum import Enum
from itertools import accumulate, chain
from typing import TYPE_CHECKING, Any, Final

from gateway.rest.exports.tables import Column, ColumnKind, Table

if TYPE_CHECKING:
    from arro3.core import Array, DataType, Field, RecordBatch, Schema

ROW_GROUP_ROWS: Final = 8_192
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_END_OF_STREAM: Final = b"\xff\xff\xff\xff\x00\x00\x00\x00"


def arrow_parts(table: Table) -> Iterator[bytes]:
    """Give the schema's message, one for each batch, and the end's.

    Each batch is written as a stream of its own and cut: what the schema takes is the same in all.
    """
    schema = schema_of(table)
    head = _stream(schema, []).removesuffix(_END_OF_STREAM)
    yield head
    for rows in table.batches():
        whole = _stream(schema, [_record_batch(rows, table=table, schema=schema)])
        yield whole.removeprefix(head).removesuffix(_END_OF_STREAM)
    yield _END_OF_STREAM


class ParquetParts:
    """A Parquet file as it is written by a thread of its own, which waits until its parts are taken."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._parts: queue.Queue[bytes | BaseException | None] = queue.Queue(maxsize=4)
        self._stopped = threading.Event()

    def __iter__(self) -> Iterator[bytes]:
        threading.Thread(target=self._write, name="parquet", daemon=True).start()
        while isinstance(part := self._parts.get(), bytes):
            yield part
        if part is not None:
            raise RuntimeError("The Parquet file could not be written.") from part

    def stop(self) -> None:
        """Have the thread end, and who takes, whatever either waits for; from any thread, more than once."""
        self._stopped.set()
        with suppress(queue.Empty):
            while True:
                self._parts.get_nowait()
        with suppress(queue.Full):  # then there is something to take, and nothing is waited for
            self._parts.put_nowait(None)

    def _write(self) -> None:
        from arro3.core import RecordBatchReader  # noqa: PLC0415 - 30 MB that most processes never need
        from arro3.io import write_parquet  # noqa: PLC0415 - the same

        schema = schema_of(self._table)
        end: BaseException | None = None
        try:
            write_parquet(
                RecordBatchReader.from_batches(schema, self._batches(schema)),
                _Sink(self),  # type: ignore[arg-type]  # all of IO[bytes] that is used
                compression="zstd(1)",
                max_row_group_size=ROW_GROUP_ROWS,
                key_value_metadata=dict(self._table.metadata),
            )
        except BaseException as failure:  # noqa: BLE001 - the thread's root: the library panics with its own
            end = failure
        self.put(end)

    def put(self, part: bytes | BaseException | None) -> None:
        """Hand on a part, or the end; after a stop nothing."""
        if not self._stopped.is_set():
            self._parts.put(part)

    def _batches(self, schema: "Schema") -> Iterator["RecordBatch"]:
        for rows in self._table.batches():
            if self._stopped.is_set():
                raise InterruptedError
            yield _record_batch(rows, table=self._table, schema=schema)


class _Sink:
    """What the library writes into. It must not raise there: the library would panic, and say so aloud."""

    def __init__(self, parts: ParquetParts) -> None:
        self._parts = parts

    def write(self, data: bytes) -> int:
        self._parts.put(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def seek(self, _offset: int, _whence: int = 0) -> int:
        raise io.UnsupportedOperation


def schema_of(table: Table) -> "Schema":
    """The table's columns and metadata in Arrow's words."""
    from arro3.core import Schema  # noqa: PLC0415 - as above

    return Schema([_field(column) for column in table.columns], metadata=dict(table.metadata))


def _stream(schema: "Schema", batches: list["RecordBatch"]) -> bytes:
    from arro3.core import RecordBatchReader  # noqa: PLC0415 - as above
    from arro3.io import write_ipc_stream  # noqa: PLC0415 - as above

    written = io.BytesIO()
    write_ipc_stream(RecordBatchReader.from_batches(schema, batches), written, compression=None)
    return written.getvalue()


def _field(column: Column) -> "Field":
    from arro3.core import DataType, Field  # noqa: PLC0415 - as above

    plain = _data_type(column.kind)
    of = DataType.list(Field("item", plain, nullable=column.has_null_items)) if column.is_list else plain
    told = {"description": column.description} if column.description else None
    return Field(column.name, of, nullable=column.is_nullable, metadata=told)


def _data_type(kind: ColumnKind) -> "DataType":
    from arro3.core import DataType  # noqa: PLC0415 - as above

    match kind:
        case ColumnKind.INTEGER:
            return DataType.int64()
        case ColumnKind.NUMBER:
            return DataType.float64()
        case ColumnKind.TEXT:
            return DataType.utf8()
        case ColumnKind.BOOLEAN:
            return DataType.bool()
        case ColumnKind.INSTANT:
            return DataType.timestamp("us", tz="UTC")


def _record_batch(rows: list[Any], *, table: Table, schema: "Schema") -> "RecordBatch":
    from arro3.core import RecordBatch  # noqa: PLC0415 - as above

    arrays = [_array(column, [getattr(row, column.name) for row in rows]) for column in table.columns]
    return RecordBatch.from_arrays(arrays, schema=schema)


def _array(column: Column, values: list[Any]) -> "Array":
    from arro3.core import Array, DataType, list_array  # noqa: PLC0415 - as above

    if not column.is_list:
        return _plain_array(column.kind, values)
    offsets = Array(list(accumulate(map(len, values), initial=0)), type=DataType.int32())
    items = _plain_array(column.kind, list(chain.from_iterable(values)))
    return list_array(offsets, items, type=_field(column))


def _plain_array(kind: ColumnKind, values: list[Any]) -> "Array":
    from arro3.core import Array, DataType  # noqa: PLC0415 - as above

    if kind is ColumnKind.INSTANT:
        moments = [None if each is None else (each - _EPOCH) // _MICROSECOND for each in values]
        return Array(moments, type=DataType.int64()).cast(_data_type(kind))
    texts = [each.value if isinstance(each, Enum) else each for each in values]
    return Array(texts, type=_data_type(kind))
