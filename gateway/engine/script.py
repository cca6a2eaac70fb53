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
    get_named_type,
    is_leaf_type,
)
from graphql.execution.collect_fields import FieldDetails, FragmentDetails, collect_subfields

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

    def selected(
        self, type_: GraphQLObjectType, details: list[FieldDetails]
    ) -> Mapping[str, list[FieldDetails]]:
        """What is selected of an object of this type, by the keys of the answer and in their order."""
        collected = collect_subfields(
            self.schema, dict(self.fragments), self.variable_values, self.operation, type_, details
        )
        return collected.grouped_field_set

    def selects_leaves_alone(self, type_: GraphQLObjectType, details: list[FieldDetails]) -> bool:
        """Whether all that is selected of the object are leaves, pure functions of it."""
        for group in self.selected(type_, details).values():
            if group[0].node.name.value != "__typename":
                at = At(parent=type_, details=group)
                may_read = at.bound.declared.source is Source.UPSTREAM
                if may_read or not is_leaf_type(get_named_type(at.field.type)):
                    return False
        return True


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


class KeptPlace(msgspec.Struct, frozen=True):
    """The names of a place whose rows' bytes are kept, of what looks them up, and of what builds rows."""

    name: str
    known: str
    build: str

    def take(self, function: Function, indent: int, value: str) -> None:
        """Lines that take a row's bytes as they are kept, or have them made and kept."""
        found = function.local()
        kept = f"{self.name}.keep({value}, {self.build}, run)"
        function.line(indent, f"{found} = {self.known}(id({value})) or {kept}")
        function.line(indent, f"if {found}[2]: run.holes.extend({found}[2])")
        function.line(indent, f"if {found}[3]: {function.bind('used', 'run.used.update')}({found}[3])")
        function.line(indent, f"{value} = {found}[1]")


class SharedPlace(msgspec.Struct, frozen=True):
    """The number of a place where rows share objects, and the name of what makes one."""

    number: int
    make: str

    def take(self, function: Function, indent: int, value: str) -> None:
        """Lines that take an object as another row had it, or have it made."""
        known = function.bind(f"shared{self.number}", f"run.shared[{self.number}].get")
        self._take(function, indent, value, known=known, share="share")

    def take_list(self, function: Function, indent: int, value: str) -> None:
        """Lines that take a list of such objects as another row had it, or have it made."""
        known = function.bind(f"lists{self.number}", f"run.shared_lists[{self.number}].get")
        self._take(function, indent, value, known=known, share="share_list")

    def _take(self, function: Function, indent: int, value: str, *, known: str, share: str) -> None:
        made = f"run.{share}({value}, {self.number}, {self.make})"
        function.line(indent, f"{value} = {known}(id({value})) or {made}")


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


def checked(attribute: str) -> str:
    """A dotted name as it may be written."""
    if not all(part.isidentifier() for part in attribute.split(".")):
        raise Unplannable(HandOver.UNPLANNABLE)
    return attribute
