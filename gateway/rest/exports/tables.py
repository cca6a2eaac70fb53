"""Tables: rows of one type, made a batch at a time, and what is known of all of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import Enum
from functools import cache
from itertools import islice
from types import NoneType
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints

import msgspec

BATCH_ROWS: Final = 512
"""Made and encoded at once: some milliseconds' work."""


class ColumnKind(Enum):
    """What the values of a column are."""

    INTEGER = "int64"
    NUMBER = "float64"
    TEXT = "string"
    BOOLEAN = "bool"
    INSTANT = "timestamp[us, UTC]"


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One column; `is_list` where each value is a list of such values, of which some may be null."""

    name: str
    kind: ColumnKind
    is_nullable: bool
    is_list: bool = False
    has_null_items: bool = False
    description: str = ""

    @property
    def type_name(self) -> str:
        """The type in Arrow's words."""
        return f"list<{self.kind.value}>" if self.is_list else self.kind.value


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of `row_type`, one for each of `sources`; `metadata` says of what they are."""

    row_type: type[msgspec.Struct]
    sources: Sequence[Any]
    show: Callable[[Any], msgspec.Struct]
    metadata: Mapping[str, str]

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns in their order."""
        return columns_of(self.row_type)

    def batches(self) -> Iterator[list[Any]]:
        """The rows, so many at a time; none of an empty table."""
        sources = iter(self.sources)
        while batch := [self.show(source) for source in islice(sources, BATCH_ROWS)]:
            yield batch


@cache
def columns_of(row_type: type[msgspec.Struct]) -> tuple[Column, ...]:
    """The columns that a type of rows declares."""
    hints = get_type_hints(row_type, include_extras=True)
    return tuple(_column(name, hints[name]) for name in row_type.__struct_fields__)


_KINDS: Final[Mapping[type, ColumnKind]] = {
    bool: ColumnKind.BOOLEAN,
    int: ColumnKind.INTEGER,
    float: ColumnKind.NUMBER,
    str: ColumnKind.TEXT,
    datetime: ColumnKind.INSTANT,
}


def _column(name: str, hint: Any) -> Column:
    description = next((meta.description for meta in _meta(hint) if meta.description), "")
    plain, is_nullable = _plain(hint)
    is_list = get_origin(plain) is tuple
    item, has_null_items = _plain(get_args(plain)[0]) if is_list else (plain, False)
    return Column(
        name=name,
        kind=ColumnKind.TEXT if issubclass(item, Enum) else _KINDS[item],
        is_nullable=is_nullable,
        is_list=is_list,
        has_null_items=has_null_items,
        description=description,
    )


def _meta(hint: Any) -> Iterator[msgspec.Meta]:
    return (each for each in get_args(hint)[1:] if isinstance(each, msgspec.Meta))


def _plain(hint: Any) -> tuple[Any, bool]:
    """A type without its annotations and its None, and whether it had one."""
    if get_origin(hint) is Annotated:
        return _plain(get_args(hint)[0])
    parts = get_args(hint)
    if NoneType in parts:
        [other] = (part for part in parts if part is not NoneType)
        return _plain(other)[0], True
    return hint, False
