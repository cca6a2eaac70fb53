"""What the next walk keeps of the last one."""

import gc

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from gateway.evolux.page_memory import PageMemory
from gateway.evolux.rows import RowReader


class Wire(msgspec.Struct, frozen=True):
    id: int
    name: str


class Row(msgspec.Struct, frozen=True):
    id: int
    name: str


def a_reader(seen: list[int]) -> RowReader[Wire, Row]:
    def from_wire(wire: Wire) -> Row:
        seen.append(wire.id)
        return Row(wire.id, wire.name)

    return RowReader(
        Wire, listing="rows", from_wire=from_wire, from_fields=lambda _fields: None, on_odd=lambda _odd: None
    )


def a_page(**names: str) -> msgspec.Raw:
    rows = [{"id": int(key[1:]), "name": name} for key, name in names.items()]
    return msgspec.Raw(msgspec.json.encode(rows))


def test_an_unchanged_page_is_not_read_again() -> None:
    seen: list[int] = []
    memory: PageMemory[Row] = PageMemory()
    first = memory.read(a_page(a1="Ana", a2="Zé"), number=1, reader=a_reader(seen))
    again = memory.read(a_page(a1="Ana", a2="Zé"), number=1, reader=a_reader(seen))
    assert again is first
    assert seen == [1, 2]


def test_the_same_page_elsewhere_is_read() -> None:
    seen: list[int] = []
    memory: PageMemory[Row] = PageMemory()
    held = memory.read(a_page(a1="Ana"), number=1, reader=a_reader(seen))
    elsewhere = memory.read(a_page(a1="Ana"), number=2, reader=a_reader(seen))
    assert held is not None
    assert elsewhere is not None
    assert elsewhere.rows == held.rows
    assert seen == [1, 1]


def test_a_page_that_is_written_otherwise_and_holds_the_same_stays_the_same_object() -> None:
    seen: list[int] = []
    memory: PageMemory[Row] = PageMemory()
    first = memory.read(a_page(a1="Ana", a2="Zé"), number=1, reader=a_reader(seen))
    spaced = msgspec.Raw(b'[{"name": "Ana", "id": 1}, {"more": true, "name": "Z\\u00e9", "id": 2}]')
    assert memory.read(spaced, number=1, reader=a_reader(seen)) is first
    assert memory.read(spaced, number=1, reader=a_reader(seen)) is first
    assert seen == [1, 2, 1, 2]


def test_a_page_with_one_more_row_that_nobody_can_read_is_another_page() -> None:
    memory: PageMemory[Row] = PageMemory()
    first = memory.read(a_page(a1="Ana"), number=1, reader=a_reader([]))
    second = memory.read(msgspec.Raw(b'[{"name": "Ana", "id": 1}, 7]'), number=1, reader=a_reader([]))
    assert first is not None
    assert second is not None
    assert (first.held, second.held) == (1, 2)
    assert second.rows == first.rows


def test_of_a_changed_page_the_unchanged_rows_stay_the_same_objects() -> None:
    memory: PageMemory[Row] = PageMemory()
    first = memory.read(a_page(a1="Ana", a2="Zé"), number=1, reader=a_reader([]))
    second = memory.read(a_page(a2="Zé", a1="Ana Maria"), number=1, reader=a_reader([]))
    assert first is not None
    assert second is not None
    assert second.rows == (Row(2, "Zé"), Row(1, "Ana Maria"))
    assert second.rows[0] is first.rows[1]


def test_of_a_changed_page_only_the_rows_that_are_written_otherwise_are_read() -> None:
    seen: list[int] = []
    memory: PageMemory[Row] = PageMemory()
    first = memory.read(a_page(a1="Ana", a2="Zé", a3="Íris"), number=1, reader=a_reader(seen))
    second = memory.read(a_page(a1="Ana", a2="José", a3="Íris"), number=1, reader=a_reader(seen))
    third = memory.read(a_page(a1="Ana", a2="José", a3="Íris", a4="Caio"), number=1, reader=a_reader(seen))
    fourth = memory.read(a_page(a1="Ana", a2="José", a3="Íris"), number=1, reader=a_reader(seen))
    assert first is not None
    assert second is not None
    assert third is not None
    assert fourth is not None
    assert [row.name for row in second.rows] == ["Ana", "José", "Íris"]
    assert second.rows[0] is third.rows[0] is fourth.rows[0] is first.rows[0]
    assert fourth.rows == second.rows
    assert seen == [1, 2, 3, 2, 4]


def test_a_page_of_which_most_rows_changed_is_read_as_a_whole() -> None:
    seen: list[int] = []
    memory: PageMemory[Row] = PageMemory()
    first = memory.read(a_page(a1="Ana", a2="Zé", a3="Íris"), number=1, reader=a_reader(seen))
    second = memory.read(a_page(a4="Caio", a1="Ana", a2="Zé"), number=1, reader=a_reader(seen))
    assert first is not None
    assert second is not None
    assert second.rows[1] is first.rows[0]
    assert seen == [1, 2, 3, 4, 1, 2]


ROWS = st.sampled_from(
    [
        *(f'{{"id": {number}, "name": "{name}"}}' for number in range(1, 5) for name in ("Ana", "Zé")),
        '{"name": "Ana", "id": 1, "more": 1}',
        '{"id": 9, "name": "\\ud800"}',
        '{"id": "2", "name": "Zé"}',
        '{"id": "none"}',
        "7",
    ]
)


EDITS = st.lists(st.tuples(st.integers(0, 5), ROWS | st.none()), max_size=2)
"""Rows put in place of others or behind them, and rows taken away."""


@given(st.lists(ROWS, max_size=6), st.lists(EDITS, max_size=6))
def test_a_remembered_page_holds_what_reading_it_afresh_would_give(
    rows: list[str], edits: list[list[tuple[int, str | None]]]
) -> None:
    memory: PageMemory[Row] = PageMemory()
    held = []
    for some in edits:
        for at, row in some:
            rows[at : at + 1] = [] if row is None else [row]
        data = msgspec.Raw(f"[{', '.join(rows)}]".encode())
        held.append(read := memory.read(data, number=1, reader=a_reader([])))
        fresh = a_reader([]).read_page(data)
        assert read is not None
        assert fresh is not None
        assert (read.rows, read.held) == (fresh.rows, fresh.held)


def test_of_a_page_that_brings_much_that_nobody_reads_no_bytes_are_kept() -> None:
    seen: list[int] = []
    memory: PageMemory[Row] = PageMemory()
    pages = [
        msgspec.Raw(msgspec.json.encode([{"id": 1, "name": name, "photo": "x" * 4_000}]))
        for name in ("Ana", "Ana", "Zé")
    ]
    first, again, changed = (memory.read(page, number=1, reader=a_reader(seen)) for page in pages)
    assert first is again
    assert changed is not None
    assert changed.rows == (Row(1, "Zé"),)
    assert seen == [1, 1]
    assert isinstance(changed.data, bytes)
    assert len(changed.data) == 32
    assert changed.written is None


def test_a_page_that_is_no_list_is_none_and_forgets_nothing() -> None:
    seen: list[int] = []
    memory: PageMemory[Row] = PageMemory()
    first = memory.read(a_page(a1="Ana"), number=1, reader=a_reader(seen))
    assert memory.read(msgspec.Raw(b"7"), number=1, reader=a_reader(seen)) is None
    assert memory.read(a_page(a1="Ana"), number=1, reader=a_reader(seen)) is first
    assert seen == [1]


def test_nothing_is_kept_that_nobody_holds() -> None:
    seen: list[int] = []
    memory: PageMemory[Row] = PageMemory()
    memory.read(a_page(a1="Ana"), number=1, reader=a_reader(seen))
    gc.collect()
    memory.read(a_page(a1="Ana"), number=1, reader=a_reader(seen))
    assert seen == [1, 1]
