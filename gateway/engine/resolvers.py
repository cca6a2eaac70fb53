"""What the schema says of a field: where its value comes from, and what a remembered value depends on."""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final, Protocol, cast

import msgspec
from graphql import GraphQLField

Resolve = Callable[..., Any]

EXTENSION: Final = "gateway.resolver"
"""Where a field of the schema carries its `BoundResolver`."""


class ReadArguments(Protocol):
    """Makes the arguments that a resolver takes of coerced ones, each on its own."""

    plain: Mapping[str, str]
    """Arguments whose values stay as they are, by name, and what the resolver calls them."""

    def __call__(self, given: Mapping[str, Any], /) -> dict[str, Any]:
        """The arguments by the resolver's names."""
        ...


class Source(Enum):
    """Where a field's value comes from."""

    ATTRIBUTE = "attribute"
    """The row's attribute as it is."""
    COMPUTED = "computed"
    """A pure function of the row and the arguments."""
    UPSTREAM = "upstream"
    """May read the call centre, and is awaited where it does."""


class Resolver(msgspec.Struct, frozen=True, kw_only=True):
    """How a field gets its value. Only a root field is an entry; its `scope` is what callers need for it.

    `reads` names the listings that an upstream function depends on besides its row and arguments; None: it
    may read anything. `for_rows` makes of a place's info, once in a run, a function of the row alone, which
    gives what `function` gives. A fleeting field differs between operations that see equal listings: what it
    gave is never remembered.
    """

    source: Source
    function: Resolve | None = None
    attribute: str | None = None
    is_entry: bool = False
    scope: str | None = None
    reads: tuple[str, ...] | None = None
    is_fleeting: bool = False
    for_rows: Callable[[Any], Callable[[Any], Any]] | None = None


class BoundResolver(msgspec.Struct, frozen=True, kw_only=True):
    """A resolver in its schema: `call` checks the scope.

    `call` takes the arguments that `read_arguments` makes of coerced ones.
    """

    declared: Resolver
    call: Resolve | None = None
    read_arguments: ReadArguments | None = None
    sees_row: bool = True


def bound_resolver(field: GraphQLField) -> BoundResolver | None:
    """The resolver that the schema bound to the field; None for a field that it did not declare."""
    return cast("BoundResolver | None", field.extensions.get(EXTENSION))
