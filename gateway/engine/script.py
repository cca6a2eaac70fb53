"""The Python of a plan while it is being written, and what its parts are written for."""

from collections.abc import Mapping
from typing import Final

import msgspec
from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    VariableValues,
)
from graphql.execution.collect_fields import FieldDetails, FragmentDetails

from gateway.engine.leaves import Native
from gateway.engine.resolvers import BoundResolver, Source, bound_resolver
from gateway.telemetry.labels import HandOver

HOLE: Final = msgspec.Raw(b"\x00")
"""Stands where a fleeting value belongs: no JSON text has this byte."""


class Unplannable(Exception):
    """An operation that graphql-core has to run; and why."""

    def __init__(self, reason: HandOver) -> None:
        super().__init__(reason.value)
        self.reason = reason


class Tired(Exception):
    """A run that has more to do than the event loop may be held for."""


class Site:
    """A place whose rows' bytes are kept: what they depend on besides the row. `reads` None: on anything."""

    __slots__ = ("reads", "varies")

    def __init__(self) -> None:
        self.reads: frozenset[str] | None = frozenset()
        self.varies = False

    def read(self, bound: BoundResolver) -> None:
        """Note a function that is called for the row."""
        reads = bound.declared.reads
        if bound.declared.source is Source.UPSTREAM:
            self.reads = None if reads is None or self.reads is None else self.reads | frozenset(reads)


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """What every part of one operation's plan is written for."""

    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDetails]
    definitions: Mapping[str, FragmentDefinitionNode]
    operation: OperationDefinitionNode
    variable_values: VariableValues
    natives: dict[str, Native]
    kept_types: frozenset[str]
    shared_types: frozenset[str]


class Function:
    """A function being written. Within a kept row or a fleeting field no further bytes are kept."""

    def __init__(self, name: str, *, site: Site | None = None, is_hole: bool = False) -> None:
        self.name = name
        self.site = site
        self.is_hole = is_hole
        self._first: dict[str, str] = {}
        self._lines: list[str] = []
        self._locals = 0

    def line(self, indent: int, text: str) -> None:
        self._lines.append(f"{' ' * indent}{text}")

    def local(self) -> str:
        self._locals += 1
        return f"v{self._locals}"

    def bind(self, name: str, expression: str) -> str:
        """Have a name for something of the run, looked up once per call."""
        self._first[name] = expression
        return name

    @property
    def source(self) -> str:
        first = [f" {name} = {expression}" for name, expression in self._first.items()]
        return "\n".join((f"def {self.name}(row, run):", *first, *self._lines, ""))


class At(msgspec.Struct, frozen=True, kw_only=True):
    """A field as an operation selects it, perhaps at several nodes, on a type."""

    parent: GraphQLObjectType
    details: list[FieldDetails]

    @property
    def nodes(self) -> list[FieldNode]:
        """The nodes that select it."""
        return [each.node for each in self.details]

    @property
    def field(self) -> GraphQLField:
        """The field in the schema."""
        field: GraphQLField = self.parent.fields[self.details[0].node.name.value]
        return field

    @property
    def bound(self) -> BoundResolver:
        """Its resolver; `Unplannable` where the schema declared none."""
        bound = bound_resolver(self.field)
        if bound is None:
            raise Unplannable(HandOver.UNPLANNABLE)
        return bound
