"""Variables: their declarations understood once, their values coerced per request as graphql-core does."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from graphql import (
    GRAPHQL_MAX_INT,
    GraphQLBoolean,
    GraphQLError,
    GraphQLID,
    GraphQLInputType,
    GraphQLInt,
    GraphQLNonNull,
    GraphQLSchema,
    GraphQLString,
    Undefined,
    VariableDefinitionNode,
    VariableValues,
    coerce_input_value,
    is_leaf_type,
)
from graphql.execution.get_variable_signature import GraphQLVariableSignature, get_variable_signature
from graphql.execution.values import VariableValueSource, input_is_nested_too_deeply
from graphql.utilities.coerce_input_value import coerce_default_value

_MAX_INT: Final = int(GRAPHQL_MAX_INT)
_AS_IT_IS: Final[Mapping[Any, Any]] = {
    GraphQLBoolean: bool,
    GraphQLID: str,
    GraphQLInt: int,
    GraphQLString: str,
}
"""Types for which a value of this very class is its own coerced value; an Int within the bounds of one."""


class Variables:
    """The variables that an operation declares."""

    __slots__ = ("_declared", "names")

    def __init__(self, definitions: Iterable[VariableDefinitionNode], *, schema: GraphQLSchema) -> None:
        signatures = [_signature(each, schema=schema) for each in definitions]
        self._declared = [
            (each, each.name, each.type, _AS_IT_IS.get(_present(each.type))) for each in signatures
        ]
        self.names = tuple(signature.name for signature in signatures)

    def read(self, given: Mapping[str, Any]) -> VariableValues | None:
        """The values, coerced; None where one does not fit, which graphql-core then explains."""
        coerced: dict[str, Any] = {}
        for _, name, _, usual in self._declared:
            coerced[name] = value = given.get(name)
            if value.__class__ is not usual or (usual is int and not -_MAX_INT <= value <= _MAX_INT):  # type: ignore[operator]  # it is one
                return self._read_each(given)
        # without the constructor of named tuples, which costs as much as the loop
        return tuple.__new__(_AsGiven, (self._declared, coerced))

    def _read_each(self, given: Mapping[str, Any]) -> VariableValues | None:
        sources: dict[str, VariableValueSource] = {}
        coerced: dict[str, Any] = {}
        for signature, name, type_, _ in self._declared:
            value = given.get(name, Undefined)
            if value is Undefined:
                sources[name] = VariableValueSource(signature)
                default = coerce_default_value(signature)
                if default is not Undefined:
                    coerced[name] = default
                elif isinstance(type_, GraphQLNonNull):
                    return None
                continue
            sources[name] = VariableValueSource(signature, value)
            coerced[name] = _coerce(value, type_)
            if coerced[name] is Undefined:
                return None
        return VariableValues(sources, coerced)


class _AsGiven(VariableValues):
    """Values that are all what was given; graphql-core's record of their sources is made when asked for."""

    __slots__ = ()

    @property
    def sources(self) -> dict[str, VariableValueSource]:
        """Each value with its declaration."""
        declared: Any = self[0]
        return {
            name: VariableValueSource(signature, self.coerced[name]) for signature, name, _, _ in declared
        }


def _signature(definition: VariableDefinitionNode, *, schema: GraphQLSchema) -> GraphQLVariableSignature:
    signature = get_variable_signature(schema, definition)
    if isinstance(signature, GraphQLError):
        raise signature
    return signature


def _present(type_: GraphQLInputType) -> GraphQLInputType:
    """The type of what is there."""
    return type_.of_type if isinstance(type_, GraphQLNonNull) else type_


def _coerce(value: Any, type_: GraphQLInputType) -> Any:
    if not is_leaf_type(_present(type_)) and input_is_nested_too_deeply(value, type_):
        return Undefined
    return coerce_input_value(value, type_)
