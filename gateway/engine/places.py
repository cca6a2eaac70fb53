"""Places in an operation where a resolver is called, and what it is told there."""

from collections.abc import Mapping
from typing import Any

import msgspec
from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    OperationDefinitionNode,
    VariableNode,
    VariableValues,
)
from graphql.execution.values import get_argument_values

from gateway.engine.resolvers import ReadArguments


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A field of an operation, the same for every row that it is resolved for."""

    field_nodes: list[FieldNode]
    return_type: GraphQLOutputType
    parent_type: GraphQLObjectType
    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    operation: OperationDefinitionNode
    found: dict[Any, Any] = {}
    """What resolvers found out about the place itself, whatever the row and the operation."""


class PlannedInfo:
    """What a resolver is told of its place: as graphql-core's info, but without a path.

    Rows share it, so there is no path to tell; a resolver that asks for one cannot be planned.
    """

    __slots__ = ("_place", "context", "found", "variable_values")

    root_value = None

    def __init__(self, place: Place, *, context: Any, variable_values: VariableValues) -> None:
        self._place = place
        self.found = place.found
        self.context = context
        self.variable_values = variable_values

    @property
    def field_name(self) -> str:
        """The field's name in the schema."""
        return self._place.field_nodes[0].name.value

    def __getattr__(self, name: str) -> Any:
        return getattr(self._place, name)


class Arguments:
    """The arguments of one place: read once where no variable is in them, else once per operation."""

    __slots__ = ("_field", "_node", "_read", "_steady")

    def __init__(self, field: GraphQLField, *, node: FieldNode, read: ReadArguments) -> None:
        self._field = field
        self._node = node
        self._read = read
        self._steady = None if _has_variable(node.arguments) else self._given(None)

    @property
    def vary(self) -> bool:
        """Whether variables decide."""
        return self._steady is None

    def given(self, variable_values: VariableValues) -> dict[str, Any]:
        """The arguments as the resolver takes them; raises what graphql-core would."""
        return self._given(variable_values) if self._steady is None else self._steady

    def _given(self, variable_values: VariableValues | None) -> dict[str, Any]:
        return self._read(get_argument_values(self._field, self._node, variable_values))


def _has_variable(node: Any) -> bool:
    """Whether a variable stands anywhere in these argument nodes."""
    if isinstance(node, VariableNode):
        return True
    if isinstance(node, (tuple, list)):
        return any(_has_variable(each) for each in node)
    below = getattr(node, "value", None), getattr(node, "values", None), getattr(node, "fields", None)
    return any(each is not None and not isinstance(each, str) and _has_variable(each) for each in below)
