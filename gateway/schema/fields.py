"""How fields are declared and bound: Strawberry describes the schema, graphql-core runs these resolvers.

Every resolver is a function `(row, info, *, …arguments)`, or the name of an attribute of the row. One whose
row's name begins with an underscore does not look at it. What the engine remembers of answers follows from
these declarations alone.
"""

import inspect
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, Final, NoReturn, cast

import msgspec
import strawberry
from graphql import GraphQLField, GraphQLObjectType, GraphQLResolveInfo
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.arguments import StrawberryArgument, convert_arguments
from strawberry.types.base import StrawberryOptional
from strawberry.types.field import StrawberryField

from gateway.domain.scopes import AGENTS_WRITE, MissingScope
from gateway.engine.resolvers import EXTENSION, BoundResolver, Resolve, Resolver, Source
from gateway.schema.context import OperationContext
from gateway.schema.spans import in_span, spanned

Info = GraphQLResolveInfo[OperationContext]

_KEY: Final = "resolver"
_PLAIN: Final = (str, int, float, bool, strawberry.ID)


def attribute(*, description: str, of: str | None = None) -> Any:
    """A field that is an attribute of the row: of the field's own name, or the dotted name `of`."""
    return _declare(Resolver(source=Source.ATTRIBUTE, attribute=of), description=description)


def computed(function: Resolve, *, description: str) -> Any:
    """A field that is a pure function of the row and the arguments."""
    return _declare(Resolver(source=Source.COMPUTED, function=function), description=description)


def upstream(function: Resolve, *, description: str, reads: tuple[str, ...] | None = None) -> Any:
    """A field that may have to read the call centre, through the context.

    `reads` names the context's listings that it is a pure function of, with row and arguments.
    """
    return _declare(Resolver(source=Source.UPSTREAM, function=function, reads=reads), description=description)


def upstream_of_rows(
    for_rows: Callable[[Any], Callable[[Any], Any]], *, description: str, reads: tuple[str, ...]
) -> Any:
    """The same without arguments: `for_rows` makes of the info a function of the row.

    What does not differ between the rows of an answer is looked at once. Nor is a list that was given for one
    row looked into again where it is given for another: it must not change meanwhile.
    """

    def resolve(row: object, info: Info) -> Any:
        return for_rows(info)(row)

    resolver = Resolver(source=Source.UPSTREAM, function=resolve, reads=reads, for_rows=for_rows)
    return _declare(resolver, description=description)


def fleeting(function: Resolve, *, description: str) -> Any:
    """A field that differs between operations on equal listings: of ages, of the instant, of who asks.

    It is asked anew for every answer. It may read the call centre.
    """
    return _declare(
        Resolver(source=Source.UPSTREAM, function=function, is_fleeting=True), description=description
    )


def entry(function: Resolve, *, scope: str | None, description: str, is_fleeting: bool = False) -> Any:
    """A root field. Without the `scope` it is refused; None needs a known caller and nothing more."""
    needs = f"Needs the scope `{scope}`." if scope else "Needs no scope."
    resolver = Resolver(
        source=Source.UPSTREAM, function=function, is_entry=True, scope=scope, is_fleeting=is_fleeting
    )
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
    inner = schema._schema  # noqa: SLF001 - Strawberry has no public name
    roots = (inner.query_type, inner.mutation_type, inner.subscription_type)
    for graphql_type in inner.type_map.values():
        if isinstance(graphql_type, GraphQLObjectType) and not graphql_type.name.startswith("__"):
            for name, field in graphql_type.fields.items():
                declared = resolver_of(field)
                if declared.is_entry is not (graphql_type in roots):
                    raise TypeError(
                        f"{graphql_type.name}: root fields, and they alone, are declared as entry()"
                    )
                coordinate = f"{graphql_type.name}.{name}"
                bound = _bind(field, declared=declared, schema=schema, coordinate=coordinate)
                field.extensions[EXTENSION] = bound
                field.resolve = _as_graphql_core_calls(bound)


def resolver_of(field: GraphQLField) -> Resolver:
    """The resolver that a field was declared with."""
    definition = _definition(field)
    declared: Resolver = definition.metadata[_KEY]
    if declared.source is Source.ATTRIBUTE and declared.attribute is None:
        return msgspec.structs.replace(declared, attribute=definition.python_name)
    return declared


def _definition(field: GraphQLField) -> StrawberryField:
    return cast("StrawberryField", field.extensions[GraphQLCoreConverter.DEFINITION_BACKREF])


def _bind(
    field: GraphQLField, *, declared: Resolver, schema: strawberry.Schema, coordinate: str
) -> BoundResolver:
    if declared.function is None:
        return BoundResolver(declared=declared)
    parameters = list(inspect.signature(declared.function).parameters)
    call = declared.function
    if declared.scope:
        call = _guarded(call, scope=declared.scope, coordinate=coordinate)
    elif _does_work(declared):
        call = spanned(call, coordinate=coordinate)
    return BoundResolver(
        declared=declared,
        call=call,
        read_arguments=_ArgumentReader(_definition(field), schema=schema) if field.args else None,
        sees_row=not parameters[0].startswith("_"),
    )


def _does_work(declared: Resolver) -> bool:
    """Whether it may read on its own account, not only look into a listing that the operation shares."""
    is_upstream = declared.source is Source.UPSTREAM
    return declared.is_entry or (is_upstream and declared.reads is None and not declared.is_fleeting)


def _as_graphql_core_calls(bound: BoundResolver) -> Resolve:
    call, read_arguments = bound.call, bound.read_arguments
    if call is None:
        read = attrgetter(cast("str", bound.declared.attribute))
        return lambda row, _info: read(row)
    if read_arguments is None:
        return call
    return lambda row, info, **given: call(row, info, **read_arguments(given))


class _ArgumentReader:
    """Makes Strawberry's values of the arguments as graphql-core has coerced them.

    Plain scalars are what they are; only the others go through Strawberry's conversion, which takes long.
    """

    def __init__(self, definition: StrawberryField, *, schema: strawberry.Schema) -> None:
        config = schema.config
        self._arguments = definition.arguments
        self._config = config
        self._scalars = schema.schema_converter.scalar_registry
        self.plain: Mapping[str, str] = {
            config.name_converter.from_argument(each): each.python_name
            for each in definition.arguments
            if _is_plain(each)
        }

    def __call__(self, given: Mapping[str, Any], /) -> dict[str, Any]:
        plain = self.plain
        read = {plain[name]: value for name, value in given.items() if name in plain}
        others = {name: value for name, value in given.items() if name not in plain}
        if others:
            read |= convert_arguments(
                others, self._arguments, scalar_registry=self._scalars, config=self._config
            )
        return read


def _is_plain(argument: StrawberryArgument) -> bool:
    type_ = argument.type.of_type if isinstance(argument.type, StrawberryOptional) else argument.type
    return type_ in _PLAIN


def _guarded(resolve: Resolve, *, scope: str, coordinate: str) -> Resolve:
    """The resolver for callers who have the scope, within its span."""

    def resolve_if_allowed(row: object, info: Info, **given: object) -> Any:
        context = info.context
        if scope not in context.scopes:
            _refuse(info, scope=scope)
        value = resolve(row, info, **given)
        tracing = context.tracing
        return value if tracing is None else in_span(value, tracing=tracing, coordinate=coordinate)

    return resolve_if_allowed


def _refuse(info: Info, *, scope: str) -> NoReturn:
    refusal = MissingScope(scope)
    if scope == AGENTS_WRITE:
        info.context.trail.tell(info.field_name, refusal.code.value)
    raise refusal
