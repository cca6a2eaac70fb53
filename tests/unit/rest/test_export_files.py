"""Tables as files: every format holds the same rows, whatever they hold."""

import csv
import io
import json
import random
import threading
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from arro3.io import read_ipc_stream, read_parquet
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.rest.exports.arrow_files import schema_of
from gateway.rest.exports.formats import Chunks, ExportFormat, chunks_of
from gateway.rest.exports.rows import ExportedAgent, ExportedAgentStates, agent_row
from gateway.rest.exports.tables import BATCH_ROWS, Column, ColumnKind, Table, columns_of
from tests.builders import (
    NOON,
    a_login,
    a_pause,
    a_queue,
    a_snapshot,
    an_agent,
    an_agent_pause,
    queue_ids,
)

Row = dict[str, Any]
TEXTS = st.sampled_from(
    [
        "",
        "João Conceição",
        "=1+1",
        "+55",
        "-x",
        "@a",
        "'quoted",
        '"',
        'a"b',
        "a,b",
        "a\r\nb",
        "\t",
        "\uff1d1",
        "a;b",
    ]
) | st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
INSTANTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001 - bounds
VALUES: dict[ColumnKind, st.SearchStrategy[Any]] = {
    ColumnKind.INTEGER: st.integers(-(2**63), 2**63 - 1),
    ColumnKind.NUMBER: st.floats(allow_nan=False, allow_infinity=False),
    ColumnKind.TEXT: TEXTS,
    ColumnKind.BOOLEAN: st.booleans(),
    ColumnKind.INSTANT: INSTANTS,
}


class Mixed(msgspec.Struct, frozen=True, kw_only=True):
    """Every kind of column, with and without null."""

    number: int
    number_or_none: int | None
    share: float | None
    text: str
    text_or_none: str | None
    yes: bool | None
    at: datetime | None
    numbers: tuple[int, ...]
    texts: tuple[str | None, ...]


def values_of(column: Column) -> st.SearchStrategy[Any]:
    one = VALUES[column.kind]
    if column.is_list:
        return st.lists(one | st.none() if column.has_null_items else one, max_size=3).map(tuple)
    return one | st.none() if column.is_nullable else one


ROWS = st.builds(Mixed, **{column.name: values_of(column) for column in columns_of(Mixed)})


def a_table(rows: list[Any], *, of: type[msgspec.Struct] = Mixed) -> Table:
    return Table(row_type=of, sources=rows, show=lambda row: row, metadata={"table": "mixed"})


def written(table: Table, chosen: ExportFormat) -> bytes:
    chunks = chunks_of(table, chosen)
    return b"".join(iter(chunks.take, b""))


def read_arrow(data: bytes, *, chosen: ExportFormat) -> list[Row]:
    read = read_ipc_stream if chosen is ExportFormat.ARROW else read_parquet
    table = read(io.BytesIO(data)).read_all()
    columns = [[value.as_py() for value in iter(table.column(name))] for name in table.column_names]
    return [dict(zip(table.column_names, values, strict=True)) for values in zip(*columns, strict=True)]


def read_csv(data: bytes, *, of: type[msgspec.Struct]) -> list[Row]:
    """Read as the page says: a bare empty field is null, one apostrophe at a text's start is taken away."""
    lines = iter(split_csv(data.decode()))
    names = next(lines)
    kinds = dict(zip(names, columns_of(of), strict=True))
    return [
        {name: cell_value(cell, kinds[name]) for name, cell in zip(names, line, strict=True)}
        for line in lines
    ]


def split_csv(text: str) -> Iterator[list[str]]:
    """Fields with their quotes, told apart as RFC 4180 has it."""
    field, fields, quoted = "", [], False
    for char in text:
        if char == '"':
            quoted = not quoted
        if not quoted and char in ",\n":
            fields.append(field.removesuffix("\r"))
            field = ""
            if char == "\n":
                yield fields
                fields = []
        else:
            field += char
    assert (field, fields) == ("", [])


def cell_value(cell: str, column: Column) -> Any:
    if cell == "":
        return None
    if not cell.startswith('"'):
        if column.kind is ColumnKind.INSTANT:
            return datetime.fromisoformat(cell)
        return json.loads(cell)
    text = cell[1:-1].replace('""', '"')
    return json.loads(text) if column.is_list else text.removeprefix("'")


def plain(row: msgspec.Struct) -> Row:
    """A row's values, lists as lists."""
    told = msgspec.structs.asdict(row)
    return {name: list(each) if isinstance(each, tuple) else each for name, each in told.items()}


@settings(deadline=None)
@given(st.lists(ROWS, max_size=8))
def test_every_format_holds_the_same_rows(rows: list[Mixed]) -> None:
    table, meant = a_table(rows), [plain(row) for row in rows]
    for chosen in (ExportFormat.ARROW, ExportFormat.PARQUET):
        assert read_arrow(written(table, chosen), chosen=chosen) == meant
    lines = written(table, ExportFormat.NDJSON).splitlines()
    assert [plain(msgspec.json.decode(line, type=Mixed)) for line in lines] == meant
    assert read_csv(written(table, ExportFormat.CSV), of=Mixed) == meant


@settings(deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=5))
def test_no_cell_begins_as_a_formula_does_and_readers_of_csv_get_the_texts(texts: list[str]) -> None:
    rows = [msgspec.structs.replace(A_ROW, text=text) for text in texts]
    data = written(a_table(rows), ExportFormat.CSV).decode()
    for text, cells in zip(texts, csv.DictReader(io.StringIO(data, newline="")), strict=True):
        assert not cells["text"].startswith(
            ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
        )
        assert cells["text"].removeprefix("'") == text


def test_unknown_is_an_empty_field_and_an_empty_text_a_quoted_one() -> None:
    row = msgspec.structs.replace(A_ROW, text="", text_or_none=None, number_or_none=None, share=None)
    header, line, rest = written(a_table([row]), ExportFormat.CSV).decode().split("\r\n")
    assert header == "number,number_or_none,share,text,text_or_none,yes,at,numbers,texts"
    assert line == '1,,,"",,true,2026-03-10T15:00:00Z,"[1,2]","[""Fila"",null]"'
    assert rest == ""


@pytest.mark.parametrize("rows", [0, 1, BATCH_ROWS, BATCH_ROWS + 1, 20_000])
@pytest.mark.parametrize("chosen", ExportFormat)
def test_files_of_any_length_are_whole(chosen: ExportFormat, rows: int) -> None:
    table = a_table([msgspec.structs.replace(A_ROW, number=each) for each in range(rows)])
    data = written(table, chosen)
    match chosen:
        case ExportFormat.CSV:
            numbers = [int(line.partition(",")[0]) for line in data.decode().splitlines()[1:]]
        case ExportFormat.NDJSON:
            numbers = [json.loads(line)["number"] for line in data.splitlines()]
        case _:
            numbers = [row["number"] for row in read_arrow(data, chosen=chosen)]
    assert numbers == list(range(rows))


@pytest.mark.parametrize("chosen", ExportFormat)
def test_a_file_takes_no_more_memory_for_more_rows(chosen: ExportFormat) -> None:
    def peak(rows: int) -> int:
        chunks = chunks_of(a_table(noisy_rows(rows)), chosen)
        tracemalloc.start()
        try:
            while chunks.take():
                pass
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(100)
    assert peak(40_000) < peak(10_000) + 200_000


def test_a_parquet_file_that_is_not_taken_to_its_end_leaves_no_thread() -> None:
    chunks = chunks_of(a_table(noisy_rows(40_000)), ExportFormat.PARQUET)
    assert chunks.take()
    [writing] = [thread for thread in threading.enumerate() if thread.name == "parquet"]
    chunks.stop()
    writing.join(timeout=10)
    assert not writing.is_alive()


def test_who_waits_for_a_part_of_a_parquet_file_is_let_go_when_it_is_stopped() -> None:
    is_made, go_on = threading.Event(), threading.Event()

    def show(row: Mixed) -> Mixed:
        is_made.set()
        go_on.wait(timeout=10)
        return row

    chunks = chunks_of(msgspec.structs.replace(a_table([A_ROW] * 5), show=show), ExportFormat.PARQUET)
    left: list[bytes] = []
    waiting = threading.Thread(target=lambda: left.append(chunks.take()), daemon=True)
    waiting.start()
    assert is_made.wait(timeout=10)
    chunks.stop()
    waiting.join(timeout=5)
    go_on.set()
    assert not waiting.is_alive()
    assert left in ([b""], [b"PAR1"])


def test_a_row_that_cannot_be_made_ends_the_file_with_an_error_and_no_end() -> None:
    def show(row: Mixed) -> Mixed:
        if row.number == 3:
            raise ArithmeticError
        return row

    rows = [msgspec.structs.replace(A_ROW, number=each) for each in range(5)]
    for chosen in ExportFormat:
        table = msgspec.structs.replace(a_table(rows), show=show)
        with pytest.raises((ArithmeticError, RuntimeError)):
            take_all(chunks_of(table, chosen))


def take_all(chunks: Chunks) -> None:
    while chunks.take():
        pass


@pytest.mark.parametrize("row_type", [ExportedAgent, ExportedAgentStates])
def test_the_schema_says_name_type_and_null_of_each_column(row_type: type[msgspec.Struct]) -> None:
    table = a_table([], of=row_type)
    schema = schema_of(table)
    assert schema.names == list(row_type.__struct_fields__)
    nullable = [schema.field(name).nullable for name in schema.names]
    assert nullable == [column.is_nullable for column in table.columns]
    assert dict(schema.metadata) == {b"table": b"mixed"}


def test_an_agent_is_told_as_the_listing_has_it() -> None:
    agent = an_agent(
        7,
        name="=João",
        queue_ids=queue_ids(2, 9, 2),
        outbound_queue_id=queue_ids(9)[0],
        outbound_queue_name="Saída",
        last_login=a_login(),
        current_pause=an_agent_pause(
            a_pause(49, type="nr17rest10"), started_at=NOON, max_duration_seconds=600
        ),
        last_pause=an_agent_pause(known=False, started_at=NOON, ended_at=NOON + timedelta(seconds=3)),
    )
    row = agent_row(agent, queues=a_snapshot([a_queue(2, name="Cobrança")]))
    assert (row.name, row.queue_ids, row.queue_names) == ("=João", (2, 9), ("Cobrança", None))
    assert (row.outbound_queue_id, row.outbound_queue_name) == (9, "Saída")
    assert (row.current_pause_pause_id, row.current_pause_pause_type) == (49, "nr17rest10")
    assert (row.last_pause_pause_id, row.last_pause_pause_description) == (None, None)
    assert row.last_pause_ended_at == NOON + timedelta(seconds=3)
    assert row.last_login_extension == "sip/3012"


def test_of_an_agent_who_was_never_seen_everything_unknown_is_null() -> None:
    row = agent_row(an_agent(7), queues=a_snapshot([]))
    unknown = {name for name, value in plain(row).items() if value is None}
    assert unknown == set(ExportedAgent.__struct_fields__) - {
        *("id", "name", "login", "enabled", "archived", "state", "queue_ids", "queue_names")
    }


A_ROW = Mixed(
    number=1,
    number_or_none=None,
    share=0.5,
    text="João",
    text_or_none=None,
    yes=True,
    at=NOON,
    numbers=(1, 2),
    texts=("Fila", None),
)


def noisy_rows(count: int) -> list[Mixed]:
    """Rows that no compression makes small."""
    noise = random.Random(1)  # noqa: S311 - text to test with
    return [msgspec.structs.replace(A_ROW, text=noise.randbytes(24).hex()) for _ in range(count)]
