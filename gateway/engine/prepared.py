"""Operations made ready: what is the same for every request that asks for one."""

import asyncio
from itertools import count
from typing import Any, Final, cast

import msgspec
from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    Node,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    VariableValues,
)
from graphql.execution.collect_fields import FragmentDetails

from gateway.engine.leaves import Native
from gateway.engine.plans import Plan, plan_operation
from gateway.engine.script import Scope, Unplannable
from gateway.engine.variables import Variables
from gateway.telemetry.labels import HandOver

_MAX_SHAPES: Final = 32
"""Of one operation: choices of what @skip and @include leave that have a plan at the same time."""
_SYNTAX_BYTES: Final = 4_000
_SERIALS: Final = count(1)

encode = msgspec.json.Encoder().encode


class Prepared:
    """One operation of a document, and its plans: one for each choice of what @skip and @include leave."""

    __slots__ = (
        "_deciding",
        "_definitions",
        "_kept_types",
        "_names",
        "_natives",
        "_operation",
        "_plans",
        "_schema",
        "_shared_types",
        "plans_made",
        "serial",
        "variables",
    )

    def __init__(
        self,
        syntax: DocumentNode,
        *,
        name: str | None,
        schema: GraphQLSchema,
        natives: dict[str, Native],
        kept_types: frozenset[str],
        shared_types: frozenset[str],
    ) -> None:
        self.serial = next(_SERIALS)
        self._schema = schema
        self._natives = natives
        self._kept_types = kept_types
        self._shared_types = shared_types
        self._operation = _find_operation(syntax, name)
        self._definitions = {
            node.name.value: node for node in syntax.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self.variables = Variables(self._operation.variable_definitions or (), schema=schema)
        self._names = self.variables.names
        self._deciding = _deciding_variables([self._operation, *self._definitions.values()])
        self.plans_made = 0
        self._plans: dict[tuple[Any, ...], Plan | Unplannable] = {}

    @property
    def weight(self) -> int:
        """Bytes, with the plans."""
        return _SYNTAX_BYTES + sum(
            plan.weight if isinstance(plan, Plan) else 500 for plan in self._plans.values()
        )

    def key_of(self, variables: dict[str, Any] | None) -> bytes | None:
        """The values of the operation's own variables as a key; None where they cannot be one."""
        if not self._names or not variables:
            return b""
        given: list[Any] = []
        for name in self._names:
            if name in variables:
                given += name, variables[name]
        try:
            return encode(given)
        except (UnicodeEncodeError, RecursionError):
            return None

    def known_plan(self, values: VariableValues) -> Plan | None:
        """The plan for these variables, if it was made before."""
        plan = self._plans.get(self._shape(values) if self._deciding else ())
        return plan if isinstance(plan, Plan) else None

    async def plan_for(self, values: VariableValues) -> Plan | Unplannable:
        """The plan for these variables; at first need it is made in a thread, for it may take long."""
        shape = self._shape(values)
        plan = self._plans.get(shape)
        if plan is None:
            plan = await asyncio.to_thread(self._make_plan, values)
            if len(self._plans) >= _MAX_SHAPES:
                self._plans.clear()
            plan = self._plans.setdefault(shape, plan)
            self.plans_made += 1
        return plan

    def _shape(self, values: VariableValues) -> tuple[Any, ...]:
        """What decides which plan it is."""
        return tuple(map(values.coerced.get, self._deciding))

    def _make_plan(self, values: VariableValues) -> Plan | Unplannable:
        try:
            root_type = self._schema.get_root_type(self._operation.operation)
            return plan_operation(self._scope(values), cast("GraphQLObjectType", root_type))
        except Unplannable as reason:
            return reason
        except (GraphQLError, RecursionError, SyntaxError, MemoryError):
            return Unplannable(HandOver.UNPLANNABLE)

    def _scope(self, values: VariableValues) -> Scope:
        if any(definition.variable_definitions for definition in self._definitions.values()):
            raise Unplannable(HandOver.UNPLANNABLE)
        return Scope(
            schema=self._schema,
            fragments={name: FragmentDetails(node) for name, node in self._definitions.items()},
            definitions=self._definitions,
            operation=self._operation,
            variable_values=values,
            natives=self._natives,
            kept_types=self._kept_types,
            shared_types=self._shared_types,
        )


def _find_operation(syntax: DocumentNode, name: str | None) -> OperationDefinitionNode:
    operations = [node for node in syntax.definitions if isinstance(node, OperationDefinitionNode)]
    if name is None:
        return operations[0]
    return next(node for node in operations if node.name is not None and node.name.value == name)


def _deciding_variables(definitions: list[Any]) -> tuple[str, ...]:
    """The variables that stand in directives, in order, anywhere in these definitions."""
    found: dict[str, None] = {}
    pending: list[Node] = list(definitions)
    while pending:
        node = pending.pop()
        for directive in getattr(node, "directives", None) or ():
            for argument in directive.arguments or ():
                if isinstance(argument.value, VariableNode):
                    found[argument.value.name.value] = None
        below = getattr(node, "selection_set", None)
        if isinstance(below, SelectionSetNode):
            pending.extend(below.selections)
    return tuple(sorted(found))
