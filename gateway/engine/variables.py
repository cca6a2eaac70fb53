"""Variables: their declarations understood once, their values coerced per request as graphql-core does."""

from collections.abc import Iterable, Mapping
from typing import Any

from graphql import (
    GraphQLError,
    GraphQLInputType,
    GraphQLNonNull,
    GraphQLSchema,
    Undefined,
    VariableDefinitionNode,
    VariableValues,
    coerce_input_value,
    is_leaf_type,
)
from graphql.execution.get_variable_signature import GraphQLVariableSignature, get_variable_signature
from graphql.execution.values import VariableValueSource, input_is_nested_too_deeply
from graphql.utilities.coerce_input_value import coerce_default_value


class Variables:
    """The variables that an operation declares."""

    __slots__ = ("_signatures", "names")

    def __init__(self, definitions: Iterable[VariableDefinitionNode], *, schema: GraphQLSchema) -> None:
        self._signatures = [_signature(each, schema=schema) for each in definitions]
        self.names = tuple(signature.name for signature in self._signatures)

    def read(self, given: Mapping[str, Any]) -> VariableValues | None:
        """The values, coerced; None where one does not fit, which graphql-core then explains."""
        sources: dict[str, VariableValueSource] = {}
        coerced: dict[str, Any] = {}
        for signature in self._signatures:
            name, type_ = signature.name, signature.type
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


def _signature(definition: VariableDefinitionNode, *, schema: GraphQLSchema) -> GraphQLVariableSignature:
    signature = get_variable_signature(schema, definition)
    if isinstance(signature, GraphQLError):
        raise signature
    return signature


def _coerce(value: Any, type_: GraphQLInputType) -> Any:
    named = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
    if not is_leaf_type(named) and input_is_nested_too_deeply(value, type_):
        return Undefined
    return coerce_input_value(value, type_)
