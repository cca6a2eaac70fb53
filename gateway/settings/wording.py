"""A setting's type in an operator's words, for refusals and for the documentation alike."""

from collections.abc import Iterator
from typing import Any

from msgspec import inspect

from gateway.domain.secrets import Secret
from gateway.settings.formats import Format


def expected_of(annotation: object) -> str:
    """What a value of this annotation must be, such as `a whole number from 0 to 65535`."""
    return _worded(inspect.type_info(annotation))


def expected_of_element(annotation: object) -> str:
    """What each value of a list or table of this annotation must be."""
    bare = _bare(inspect.type_info(annotation))
    if isinstance(bare, inspect.DictType):
        return _worded(bare.value_type)
    return _worded(bare.item_type if isinstance(bare, inspect.VarTupleType) else bare)


def format_of(annotation: object) -> Format | None:
    """The rule that the text, or each text of the list, must follow."""
    return next(_formats(inspect.type_info(annotation)), None)


def is_optional(annotation: object) -> bool:
    """Whether "" means that the setting is not given."""
    kind = inspect.type_info(annotation)
    return isinstance(kind.type if isinstance(kind, inspect.Metadata) else kind, inspect.UnionType)


def is_list(annotation: object) -> bool:
    """Whether the value is a list."""
    return isinstance(_bare(inspect.type_info(annotation)), inspect.VarTupleType)


def is_table(annotation: object) -> bool:
    """Whether the value is a table whose names are free."""
    return isinstance(_bare(inspect.type_info(annotation)), inspect.DictType)


def _bare(kind: inspect.Type) -> inspect.Type:
    if isinstance(kind, inspect.Metadata):
        return _bare(kind.type)
    if isinstance(kind, inspect.UnionType):
        return _bare(next(one for one in kind.types if not isinstance(one, inspect.NoneType)))
    return kind


def _formats(kind: inspect.Type) -> Iterator[Format]:
    match kind:
        case inspect.Metadata(extra={"format": Format() as found}):
            yield found
        case inspect.Metadata():
            yield from _formats(kind.type)
        case inspect.UnionType():
            for one in kind.types:
                yield from _formats(one)
        case inspect.VarTupleType():
            yield from _formats(kind.item_type)


def _worded(kind: inspect.Type) -> str:
    bare = _bare(kind)
    if isinstance(bare, inspect.VarTupleType):
        return f"a list{' that is not empty' if bare.min_length else ''}, each {_worded(bare.item_type)}"
    if isinstance(bare, inspect.DictType):
        return f"a table, for each name {_worded(bare.value_type)}"
    return next((found.expected for found in _formats(kind)), None) or _plain(bare)


def _plain(kind: inspect.Type) -> str:
    match kind:
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType():
            return "a whole number" + _bounds(kind)
        case inspect.FloatType():
            return "a number" + _bounds(kind)
        case inspect.LiteralType():
            return " or ".join(f'"{value}"' for value in kind.values)
        case inspect.CustomType(cls=cls) if issubclass(cls, Secret):
            return cls.expected
        case _:
            return "a text"


def _bounds(kind: Any) -> str:
    floor = f" above {kind.gt:g}" if kind.gt is not None else ""
    if kind.ge is not None:
        floor = f" from {kind.ge}"
    ceiling = kind.le
    if ceiling is None:
        return floor and f"{floor} up"
    return f"{floor} to {ceiling}" if kind.ge is not None else f"{floor}, at most {ceiling}"
