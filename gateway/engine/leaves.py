"""Leaves: a value of a scalar or an enum as the answer shows it, with a short way for what is usual."""

from collections.abc import Callable
from enum import Enum
from typing import Any, Final

import msgspec
from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLLeafType,
    GraphQLString,
    Undefined,
)


class Unusual(Exception):
    """A value or a course of events that a plan leaves to graphql-core."""


class Native(msgspec.Struct, frozen=True, kw_only=True):
    """Values that the JSON encoder writes by itself just as the scalar does.

    They are of exactly this type, and their attribute is this very object.
    """

    type: type
    attribute: str
    is_: object


_USUAL: Final = {
    GraphQLString: ("if {v}.__class__ is not str:", None),
    GraphQLBoolean: ("if {v} is not True and {v} is not False:", None),
    GraphQLInt: ("if {v}.__class__ is not int or not -2147483648 <= {v} <= 2147483647:", None),
    GraphQLFloat: ("if {v}.__class__ is not float or {v} - {v} != 0.0:", None),
    GraphQLID: ("elif {v}.__class__ is not str:", "if {v}.__class__ is int: {v} = str({v})"),
}
"""Python that says whether a value has to be completed in full."""


def write_leaf(
    type_: GraphQLLeafType, *, v: str, natives: dict[str, Native], names: dict[str, Any]
) -> list[str]:
    """Lines that complete the value in the variable `v`; the names they use are put into `names`."""
    complete = f"leaf_{type_.name}"
    if isinstance(type_, GraphQLEnumType):
        shown: dict[int, Any] = names.get(f"{complete}_shown", {})
        names[f"{complete}_shown"] = shown
        names[complete] = enum_completer(type_, shown=shown)
        return [f"{v} = {complete}_shown.get(id({v})) or {complete}({v})"]
    names[complete] = leaf_completer(type_)
    native = natives.get(type_.name)
    if native is not None:
        names[f"type_{type_.name}"], names[f"mark_{type_.name}"] = native.type, native.is_
        unusual = (
            f"if {v}.__class__ is not type_{type_.name} or {v}.{native.attribute} is not mark_{type_.name}:"
        )
        return [unusual, f"    {v} = {complete}({v})"]
    condition, first = _USUAL.get(type_, ("if True:", None))
    lines = [] if first is None else [first.format(v=v)]
    return [*lines, condition.format(v=v), f"    {v} = {complete}({v})"]


def leaf_completer(type_: GraphQLLeafType) -> Callable[[Any], Any]:
    """What completes any value of the type; `Unusual` or the type's own error for one that is none."""
    coerce = type_.coerce_output_value

    def complete(value: Any) -> Any:
        if value is None or isinstance(value, Exception):
            raise Unusual
        coerced = coerce(value)
        if coerced is None or coerced is Undefined:
            raise Unusual
        return coerced

    return complete


def enum_completer(type_: GraphQLEnumType, *, shown: dict[int, Any]) -> Callable[[Any], Any]:
    """The same for an enum, which notes its members' names by identity: they live as long as the process."""
    complete = leaf_completer(type_)

    def complete_member(value: Any) -> Any:
        name = complete(value)
        if isinstance(value, Enum):
            shown[id(value)] = name
        return name

    return complete_member
