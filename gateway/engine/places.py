"""Places in an operation where a resolver is called, and what it is told there."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
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
    ValueNode,
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
    for_rows: Callable[[Any], Callable[[Any], Any]] | None = None
    found: dict[Any, Any] = {}
    """What resolvers found out about the place itself, whatever the row and the operation."""


class PlannedInfo:
    """What a resolver is told of its place: as graphql-core's info, but without a path.

    Rows share it, so there is no path to tell; a resolver that asks for one cannot be planned.
    """

    __slots__ = ("_place", "context", "found", "of_row", "variable_values")

    root_value = None

    def __init__(self, place: Place, context: Any, variable_values: VariableValues) -> None:
        self._place = place
        self.found = place.found
        self.context = context
        self.variable_values = variable_values
        self.of_row = None if place.for_rows is None else place.for_rows(self)

    @property
    def field_name(self) -> str:
        """The field's name in the schema."""
        return self._place.field_nodes[0].name.value

    def __getattr__(self, name: str) -> Any:
        return getattr(self._place, name)


class PlannedInfos(dict[int, PlannedInfo]):
    """The infos of a run by place, each made when a resolver is called there: kept bytes need none."""

    __slots__ = ("_context", "_places", "_values")

    def __init__(self, places: Sequence[Place], context: Any, variable_values: VariableValues) -> None:
        self._places = places
        self._context = context
        self._values = variable_values

    def __missing__(self, at: int) -> PlannedInfo:
        info = self[at] = PlannedInfo(self._places[at], self._context, self._values)
        return info


class Arguments:
    """The arguments of one place: read once where no variable is in them, else once per operation.

    Of those, what no variable decides is read once too, and a variable that stands for a whole argument is
    taken as it was coerced; only variables within lists and objects have graphql-core read it all.
    """

    __slots__ = ("_converted", "_field", "_node", "_read", "_renamed", "_settled", "vary")

    def __init__(self, field: GraphQLField, *, node: FieldNode, read: ReadArguments) -> None:
        self._field = field
        self._node = node
        self._read = read
        self._renamed: list[tuple[str, str]] = []
        self._converted: list[tuple[str, str]] = []
        varying = {each.name.value: each.value for each in node.arguments or () if _has_variable(each.value)}
        self.vary = bool(varying)
        """Whether variables decide."""
        self._settled = self._settle(varying)

    def given(self, variable_values: VariableValues) -> Mapping[str, Any]:
        """The arguments as the resolver takes them; raises what graphql-core would."""
        settled = self._settled
        if not self.vary and settled is not None:
            return settled
        if settled is None:
            return self._read(get_argument_values(self._field, self._node, variable_values))
        coerced, given = variable_values.coerced, dict(settled)
        for variable, name in self._renamed:
            given[name] = value = coerced.get(variable)
            if value is None:
                return self._read(get_argument_values(self._field, self._node, variable_values))
        if self._converted:
            converted = {name: coerced.get(variable) for variable, name in self._converted}
            if None in converted.values():
                return self._read(get_argument_values(self._field, self._node, variable_values))
            given |= self._read(converted)
        return given

    def _settle(self, varying: Mapping[str, ValueNode]) -> Mapping[str, Any] | None:
        """What no variable decides; None where that cannot be told apart."""
        for name, value in varying.items():
            if not isinstance(value, VariableNode):
                return None
            argument = self._field.args[name]
            known = self._read.plain.get(name)
            if known is None:
                self._converted.append((value.name.value, argument.out_name or name))
            else:
                self._renamed.append((value.name.value, known))
        settled = {name: each for name, each in self._field.args.items() if name not in varying}
        nodes = tuple(each for each in self._node.arguments or () if each.name.value not in varying)
        field, node = GraphQLField(self._field.type, args=settled), replace(self._node, arguments=nodes)
        return self._read(get_argument_values(field, node))


def _has_variable(node: Any) -> bool:
    """Whether a variable stands anywhere in these argument nodes."""
    if isinstance(node, VariableNode):
        return True
    if isinstance(node, (tuple, list)):
        return any(_has_variable(each) for each in node)
    below = getattr(node, "value", None), getattr(node, "values", None), getattr(node, "fields", None)
    return any(each is not None and not isinstance(each, str) and _has_variable(each) for each in below)
