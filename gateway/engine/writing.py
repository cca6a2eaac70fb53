"""Writes the Python of a plan: one function per root field, per kept row and per fleeting field.

What is written are names of the schema and of the document, which the grammar confines to letters, digits and
underscores; every value is handed over by name.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

import msgspec
from graphql import (
    FragmentDefinitionNode,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    OperationDefinitionNode,
    VariableValues,
    is_leaf_type,
)
from graphql.execution.collect_fields import FieldDetails, FragmentDetails, collect_subfields

from gateway.engine.leaves import Native, Unusual, write_leaf
from gateway.engine.places import Arguments, Place
from gateway.engine.resolvers import BoundResolver, Source, bound_resolver

HOLE: Final = msgspec.Raw(b"\x00")
"""Stands where a fleeting value belongs: no JSON text has this byte."""

MAX_FIELDS: Final = 600
"""Of a plan; one more and it is not worth its compilation, which holds the event loop."""
_MAX_INDENT: Final = 10


class Unplannable(Exception):
    """An operation that graphql-core has to run; the reason is a label of a metric."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Site:
    """A place whose rows' bytes are kept: what they depend on besides the row. `reads` None: on anything."""

    __slots__ = ("build", "reads", "varies")

    def __init__(self) -> None:
        self.build: Callable[[Any, Any], Any] | None = None
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


class _Function:
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


class PlanWriter:
    """Writes the functions of one plan."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._fields = 0
        self._functions: list[_Function] = []
        self.names: dict[str, Any] = {"HOLE": HOLE, "Unusual": Unusual}
        self.places: list[Place] = []
        self.arguments: list[Arguments] = []
        self.sites: list[Site] = []

    @property
    def source(self) -> str:
        """All functions."""
        return "\n".join(function.source for function in self._functions)

    def write_root(self, type_: GraphQLOutputType, details: list[FieldDetails]) -> str:
        """A function that completes what a root resolver gave."""
        function = self._function("root")
        self._complete(function, 1, "row", type_, details)
        function.line(1, "return row")
        return function.name

    def write_hole(self, parent: GraphQLObjectType, details: list[FieldDetails]) -> str:
        """A function that gives a fleeting field, complete."""
        function = self._function("hole", is_hole=True)
        value = self._field(function, 1, "row", parent, details)
        function.line(1, f"return {value}")
        return function.name

    def place(self, parent: GraphQLObjectType, details: list[FieldDetails]) -> int:
        """Note a place where a function is called; gives its number."""
        scope, nodes = self._scope, [each.node for each in details]
        place = Place(
            field_nodes=nodes,
            return_type=parent.fields[nodes[0].name.value].type,
            parent_type=parent,
            schema=scope.schema,
            fragments=scope.definitions,
            operation=scope.operation,
        )
        self.places.append(place)
        return len(self.places) - 1

    def arguments_at(self, parent: GraphQLObjectType, details: list[FieldDetails]) -> int | None:
        """Note a place's arguments; gives their number, None where the field takes none."""
        node = details[0].node
        field = parent.fields[node.name.value]
        bound = bound_resolver(field)
        if bound is None or bound.read_arguments is None:
            return None
        self.arguments.append(Arguments(field, node=node, read=bound.read_arguments))
        return len(self.arguments) - 1

    def _function(self, kind: str, *, site: Site | None = None, is_hole: bool = False) -> _Function:
        function = _Function(f"{kind}_{len(self._functions)}", site=site, is_hole=is_hole)
        self._functions.append(function)
        return function

    def _object(
        self,
        function: _Function,
        indent: int,
        row: str,
        type_: GraphQLObjectType,
        details: list[FieldDetails],
    ) -> str:
        """Lines that read a row's fields; gives the expression of the object."""
        scope = self._scope
        if type_.is_type_of is not None:
            raise Unplannable("abstract_type")
        collected = collect_subfields(
            scope.schema, dict(scope.fragments), scope.variable_values, scope.operation, type_, details
        )
        entries = []
        for key, group in collected.grouped_field_set.items():
            is_name = group[0].node.name.value == "__typename"
            value = repr(type_.name) if is_name else self._field(function, indent, row, type_, group)
            entries.append(f"{key!r}: {value}")
        return "{" + ", ".join(entries) + "}"

    def _field(
        self,
        function: _Function,
        indent: int,
        row: str,
        parent: GraphQLObjectType,
        details: list[FieldDetails],
    ) -> str:
        """Lines that read one field; gives the expression of its value."""
        self._fields += 1
        if self._fields > MAX_FIELDS:
            raise Unplannable("too_large")
        field = parent.fields[details[0].node.name.value]
        bound = bound_resolver(field)
        if bound is None:
            raise Unplannable("undeclared_field")
        if bound.declared.is_fleeting and not function.is_hole:
            return self._leave_hole(function, indent, row if bound.sees_row else "None", parent, details)
        value = function.local()
        if bound.call is None:
            function.line(indent, f"{value} = {row}.{_checked(cast('str', bound.declared.attribute))}")
        else:
            self._call(function, indent, value, row, bound, parent, details)
        may_wait = bound.declared.source is Source.UPSTREAM
        self._complete(function, indent, value, field.type, details, may_wait=may_wait)
        return value

    def _leave_hole(
        self,
        function: _Function,
        indent: int,
        row: str,
        parent: GraphQLObjectType,
        details: list[FieldDetails],
    ) -> str:
        hole = self.write_hole(parent, details)
        leave = function.bind("leave", "run.holes.append")
        function.line(indent, f"{leave}(({hole}, {row}))")
        return "HOLE"

    def _call(
        self,
        function: _Function,
        indent: int,
        value: str,
        row: str,
        bound: BoundResolver,
        parent: GraphQLObjectType,
        details: list[FieldDetails],
    ) -> None:
        number = self.place(parent, details)
        self.names[f"call_{number}"] = bound.call
        info = function.bind(f"i{number}", f"run.infos[{number}]")
        arguments = self.arguments_at(parent, details)
        given = ""
        if arguments is not None:
            given = f", **{function.bind(f'k{arguments}', f'run.arguments[{arguments}]')}"
        function.line(indent, f"{value} = call_{number}({row}, {info}{given})")
        if bound.declared.source is Source.UPSTREAM:
            plain, weigh = function.bind("plain", "run.plain"), function.bind("weigh", "run.weigh")
            function.line(indent, f"if {value}.__class__ not in {plain}: {value} = {weigh}({value})")
        if function.site is not None and not function.is_hole:
            function.site.read(bound)
            function.site.varies |= arguments is not None and self.arguments[arguments].vary

    def _complete(
        self,
        function: _Function,
        indent: int,
        value: str,
        type_: GraphQLOutputType,
        details: list[FieldDetails],
        *,
        may_wait: bool = False,
    ) -> None:
        """Lines that make of the value in a variable what the answer shows of it."""
        if not isinstance(type_, GraphQLNonNull):
            function.line(indent, f"if {value} is not None:")
            self._complete_present(function, indent + 1, value, type_, details)
        elif may_wait:
            function.line(indent, f"if {value} is None: {function.bind('lack', 'run.lack')}()")
            function.line(indent, "else:")
            self._complete_present(function, indent + 1, value, type_.of_type, details)
        else:
            if not is_leaf_type(type_.of_type):
                function.line(indent, f"if {value} is None: raise Unusual")
            self._complete_present(function, indent, value, type_.of_type, details)

    def _complete_present(
        self,
        function: _Function,
        indent: int,
        value: str,
        type_: GraphQLOutputType,
        details: list[FieldDetails],
    ) -> None:
        if isinstance(type_, GraphQLList):
            self._complete_list(function, indent, value, type_, details)
        elif isinstance(type_, GraphQLObjectType):
            self._complete_object(function, indent, value, type_, details)
        elif is_leaf_type(type_):
            for text in write_leaf(type_, v=value, natives=self._scope.natives, names=self.names):
                function.line(indent, text)
        else:
            raise Unplannable("abstract_type")

    def _complete_list(
        self,
        function: _Function,
        indent: int,
        value: str,
        type_: GraphQLList[Any],
        details: list[FieldDetails],
    ) -> None:
        item, items, add = function.local(), function.local(), function.local()
        listed = function.bind("listed", "run.listed")
        function.line(indent, f"{value} = {listed}({value})")
        function.line(indent, f"{items} = []; {add} = {items}.append")
        function.line(indent, f"for {item} in {value}:")
        self._complete(function, indent + 1, item, type_.of_type, details)
        function.line(indent + 1, f"{add}({item})")
        function.line(indent, f"{value} = {items}")

    def _complete_object(
        self,
        function: _Function,
        indent: int,
        value: str,
        type_: GraphQLObjectType,
        details: list[FieldDetails],
    ) -> None:
        is_kept = type_.name in self._scope.kept_types and function.site is None and not function.is_hole
        if is_kept:
            self._complete_kept(function, indent, value, type_, details)
        elif indent > _MAX_INDENT:
            part = self._function("part", site=function.site, is_hole=function.is_hole)
            part.line(1, f"return {self._object(part, 1, 'row', type_, details)}")
            function.line(indent, f"{value} = {part.name}({value}, run)")
        else:
            function.line(indent, f"{value} = {self._object(function, indent, value, type_, details)}")

    def _complete_kept(
        self,
        function: _Function,
        indent: int,
        value: str,
        type_: GraphQLObjectType,
        details: list[FieldDetails],
    ) -> None:
        """Lines that take the row's bytes as they are kept, or have them made and kept."""
        number, site = len(self.sites), Site()
        self.sites.append(site)
        build = self._function("kept", site=site)
        build.line(1, f"return {self._object(build, 1, 'row', type_, details)}")
        self.names[f"site_{number}"] = build.name
        known = function.bind(f"known{number}", f"run.kept[{number}].known.get")
        keep = function.bind(f"keep{number}", f"run.kept[{number}].keep")
        more = function.bind("more", "run.holes.extend")
        found = function.local()
        function.line(indent, f"{found} = {known}(id({value})) or {keep}({value}, {build.name}, run)")
        function.line(indent, f"if {found}[2]: {more}({found}[2])")
        function.line(indent, f"{value} = {found}[1]")


def _checked(attribute: str) -> str:
    """A dotted name as it may be written."""
    if not all(part.isidentifier() for part in attribute.split(".")):
        raise Unplannable("undeclared_field")
    return attribute
