"""How fields are declared and bound: Strawberry describes the schema, graphql-core runs these resolvers.

Every resolver is a function `(row, info, *, …arguments)`, or the name of an attribute of the row.
"""

import inspect
from collections.abc import Callable, Mapping
from enum import Enum
from operator import attrgetter
from typing import Any, Final, cast

import msgspec
import strawberry
from graphql import GraphQLField, GraphQLObjectType, GraphQLResolveInfo
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.arguments import convert_arguments
from strawberry.types.field import StrawberryField

from gateway.domain.errors import Forbidden
from gateway.schema.context import OperationContext

Info = GraphQLResolveInfo[OperationContext]
Resolve = Callable[..., Any]

AGENTS_READ: Final = "agents:read"
AGENTS_WRITE: Final = "agents:write"

_KEY: Final = "resolver"


class Source(Enum):
    """Where a field's value comes from."""

    ATTRIBUTE = "attribute"
    """The row's attribute as it is."""
    COMPUTED = "computed"
    """A pure function of the row, the arguments and the operation's instant."""
    UPSTREAM = "upstream"
    """May read the call centre, and is awaited where it does."""


class Resolver(msgspec.Struct, frozen=True, kw_only=True):
    """How a field gets its value. Only a root field is an entry; its `scope` is what callers need for it."""

    source: Source
    function: Resolve | None = None
    attribute: str | None = None
    is_entry: bool = False
    scope: str | None = None


def attribute(*, description: str, of: str | None = None) -> Any:
    """A field that is an attribute of the row: of the field's own name, or the dotted name `of`."""
    return _declare(Resolver(source=Source.ATTRIBUTE, attribute=of), description=description)


def computed(function: Resolve, *, description: str) -> Any:
    """A field that is a pure function of the row."""
    return _declare(Resolver(source=Source.COMPUTED, function=function), description=description)


def upstream(function: Resolve, *, description: str) -> Any:
    """A field that may have to read the call centre."""
    return _declare(Resolver(source=Source.UPSTREAM, function=function), description=description)


def entry(function: Resolve, *, scope: str | None, description: str) -> Any:
    """A root field. Without the `scope` it is refused; None needs a known caller and nothing more."""
    needs = f"Needs the scope `{scope}`." if scope else "Needs no scope."
    resolver = Resolver(source=Source.UPSTREAM, function=function, is_entry=True, scope=scope)
    return _declare(resolver, description=f"{description} {needs}")


def _declare(resolver: Resolver, *, description: str) -> Any:
    metadata: Mapping[str, Resolver] = {_KEY: resolver}
    if resolver.function is None or not _arguments_of(resolver.function):
        return strawberry.field(description=description, metadata=metadata)
    signature = _signature_for_strawberry(resolver.function)
    return strawberry.field(resolver=signature, description=description, metadata=metadata)


def _arguments_of(function: Resolve) -> list[inspect.Parameter]:
    """The GraphQL arguments of a resolver: all its parameters but row and info."""
    return list(inspect.signature(function).parameters.values())[2:]


def _signature_for_strawberry(function: Resolve) -> Resolve:
    """A stand-in that shows Strawberry the arguments alone; it is never called."""

    def arguments() -> None: ...

    arguments.__name__ = function.__name__
    arguments.__module__ = function.__module__
    arguments.__signature__ = inspect.Signature(_arguments_of(function))  # type: ignore[attr-defined]
    return arguments


def bind_resolvers(schema: strawberry.Schema) -> None:
    """Give every field of the inner schema its declared resolver; the one place where scopes are enforced."""
    roots = (schema._schema.query_type, schema._schema.mutation_type)  # noqa: SLF001 - Strawberry has no public name
    for graphql_type in schema._schema.type_map.values():  # noqa: SLF001 - the same
        if isinstance(graphql_type, GraphQLObjectType) and not graphql_type.name.startswith("__"):
            for field in graphql_type.fields.values():
                declared = resolver_of(field)
                if declared.is_entry is not (graphql_type in roots):
                    raise TypeError(
                        f"{graphql_type.name}: root fields, and they alone, are declared as entry()"
                    )
                field.resolve = _bind(field, declared=declared, schema=schema)


def resolver_of(field: GraphQLField) -> Resolver:
    """The resolver that a field was declared with."""
    definition = _definition(field)
    declared: Resolver = definition.metadata[_KEY]
    if declared.source is Source.ATTRIBUTE and declared.attribute is None:
        return msgspec.structs.replace(declared, attribute=definition.python_name)
    return declared


def _definition(field: GraphQLField) -> StrawberryField:
    return cast("StrawberryField", field.extensions[GraphQLCoreConverter.DEFINITION_BACKREF])


def _bind(field: GraphQLField, *, declared: Resolver, schema: strawberry.Schema) -> Resolve:
    if declared.function is None:
        read = attrgetter(cast("str", declared.attribute))
        return lambda row, _info: read(row)
    resolve = declared.function
    if field.args:
        resolve = _convert_arguments(resolve, definition=_definition(field), schema=schema)
    return _require(declared.scope, resolve=resolve) if declared.scope else resolve


def _convert_arguments(
    resolve: Resolve, *, definition: StrawberryField, schema: strawberry.Schema
) -> Resolve:
    arguments, config = definition.arguments, schema.config
    registry = schema.schema_converter.scalar_registry

    def resolve_converted(row: object, info: Info, **given: object) -> Any:
        converted = convert_arguments(given, arguments, scalar_registry=registry, config=config)
        return resolve(row, info, **converted)

    return resolve_converted


def _require(scope: str, *, resolve: Resolve) -> Resolve:
    def resolve_if_allowed(row: object, info: Info, **given: object) -> Any:
        if scope not in info.context.scopes:
            raise Forbidden(f"This needs the scope {scope}.")
        return resolve(row, info, **given)

    return resolve_if_allowed
