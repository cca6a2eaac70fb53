"""Enums: the domain's own, shown with a description on every value."""

from collections.abc import Mapping
from enum import Enum
from typing import TypeVar

import strawberry
from strawberry.types.enum import StrawberryEnumDefinition

E = TypeVar("E", bound=Enum)


def describe_enum(enum: type[E], *, description: str, values: Mapping[E, str]) -> None:
    """Show a domain enum in GraphQL; `KeyError` where a value has no description."""
    strawberry.enum(enum, description=description)
    definition: StrawberryEnumDefinition = enum.__strawberry_definition__  # type: ignore[attr-defined]
    for shown in definition.values:
        shown.description = values[enum[shown.name]]
