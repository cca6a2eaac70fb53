"""What the next walk keeps of the last one."""

import gc

import msgspec

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


def test_nothing_is_kept_that_nobody_holds() -> None:
    seen: list[int] = []
    memory: PageMemory[Row] = PageMemory()
    memory.read(a_page(a1="Ana"), number=1, reader=a_reader(seen))
    gc.collect()
    memory.read(a_page(a1="Ana"), number=1, reader=a_reader(seen))
    assert seen == [1, 1]
