"""Writes the Python of a plan: one function per root field, per kept row and per fleeting field.

What is written are names of the schema and of the document, which the grammar confines to letters, digits and
underscores; every value is handed over by name.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, cast

from graphql import (
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    is_leaf_type,
)
from graphql.execution.collect_fields import FieldDetails

from gateway.engine.fragments import UNKEPT
from gateway.engine.leaves import Unusual, write_leaf
from gateway.engine.objects import object_bytes, object_maker
from gateway.engine.places import Arguments, Place
from gateway.engine.resolvers import Source
from gateway.engine.script import (
    HOLE,
    At,
    Function,
    KeptPlace,
    Scope,
    SharedPlace,
    Site,
    Tired,
    Unplannable,
    checked,
)
from gateway.telemetry.labels import HandOver

MAX_FIELDS: Final = 400
"""Of a plan; one more and it is not worth its compilation."""
_MAX_INDENT: Final = 10


class PlanWriter:
    """Writes the functions of one plan."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._fields = 0
        self._functions: list[Function] = []
        self.names: dict[str, Any] = {"HOLE": HOLE, "UNKEPT": UNKEPT, "Tired": Tired, "Unusual": Unusual}
        self.places: list[Place] = []
        self.arguments: list[Arguments] = []
        self.sites: list[Site] = []
        self.object_bytes = 0
        """What the types of objects take."""
        self.shared_places = 0
        """Places below kept rows where one object may stand in many rows."""

    @property
    def sources(self) -> list[str]:
        """All functions."""
        return [function.source for function in self._functions]

    def write_root(self, at: At) -> str:
        """A function that completes what a root resolver gave."""
        function = self._function("root")
        self._complete(function, 1, "row", at.field.type, at.details)
        function.line(1, "return row")
        return function.name

    def write_hole(self, at: At) -> str:
        """A function that gives a fleeting field, complete."""
        function = self._function("hole", is_hole=True)
        value = self._field(function, 1, "row", at)
        function.line(1, f"return {value}")
        return function.name

    def place(self, at: At) -> int:
        """Note a place where a function is called; gives its number."""
        place = Place(
            field_nodes=at.nodes,
            return_type=at.field.type,
            parent_type=at.parent,
            schema=self._scope.schema,
            fragments=self._scope.definitions,
            operation=self._scope.operation,
            for_rows=at.bound.declared.for_rows,
        )
        self.places.append(place)
        return len(self.places) - 1

    def arguments_at(self, at: At) -> int | None:
        """Note a place's arguments; gives their number, None where the field takes none."""
        read = at.bound.read_arguments
        if read is None:
            return None
        self.arguments.append(Arguments(at.field, node=at.nodes[0], read=read))
        return len(self.arguments) - 1

    def _function(self, kind: str, *, site: Site | None = None, is_hole: bool = False) -> Function:
        function = Function(f"{kind}_{len(self._functions)}", site=site, is_hole=is_hole)
        self._functions.append(function)
        return function

    def _object(
        self,
        function: Function,
        indent: int,
        row: str,
        type_: GraphQLObjectType,
        details: list[FieldDetails],
    ) -> str:
        """Lines that read a row's fields; gives the expression of the object."""
        if type_.is_type_of is not None:
            raise Unplannable(HandOver.UNPLANNABLE)
        values: dict[str, str] = {}
        for key, group in self._scope.selected(type_, details).items():
            is_name = group[0].node.name.value == "__typename"
            at = At(parent=type_, details=group)
            values[key] = repr(type_.name) if is_name else self._field(function, indent, row, at)
        make = object_maker(tuple(values))
        if make is None:
            return "{" + ", ".join(f"{key!r}: {value}" for key, value in values.items()) + "}"
        name = f"object_{len(self.names)}"
        self.object_bytes += object_bytes(len(values))
        self.names[name] = make
        return f"{name}({', '.join(values.values())})"

    def _field(self, function: Function, indent: int, row: str, at: At) -> str:
        """Lines that read one field; gives the expression of its value."""
        self._fields += 1
        if self._fields > MAX_FIELDS:
            raise Unplannable(HandOver.TOO_LARGE)
        bound = at.bound
        if bound.declared.is_fleeting and not function.is_hole:
            leave = function.bind("leave", "run.holes.append")
            function.line(indent, f"{leave}(({self.write_hole(at)}, {row if bound.sees_row else None}))")
            return "HOLE"
        value = function.local()
        if bound.call is None:
            function.line(indent, f"{value} = {row}.{checked(cast('str', bound.declared.attribute))}")
        else:
            function.line(indent, f"{value} = {self._call(function, row, at)}")
        may_wait = bound.declared.source is Source.UPSTREAM
        if may_wait:
            # Of what may wait, lists come most, and are told soonest so.
            is_new = f"{value}.__class__ is not list and {value}.__class__ not in run.plain"
            function.line(indent, f"if {is_new}: {value} = run.weigh({value})")
        self._complete(function, indent, value, at.field.type, at.details, may_wait=may_wait)
        return value

    def _call(self, function: Function, row: str, at: At) -> str:
        """The expression that calls a resolver."""
        number, arguments = self.place(at), self.arguments_at(at)
        if function.site is not None and not function.is_hole:
            function.site.read(at.bound)
            function.site.varies |= arguments is not None and self.arguments[arguments].vary
        if at.bound.declared.for_rows is not None:
            return f"{function.bind(f'of{number}', f'run.infos[{number}].of_row')}({row})"
        self.names[f"call_{number}"] = at.bound.call
        info = function.bind(f"i{number}", f"run.infos[{number}]")
        given = ""
        if arguments is not None:
            given = f", **{function.bind(f'k{arguments}', f'run.arguments[{arguments}]')}"
        return f"call_{number}({row}, {info}{given})"

    def _complete(
        self,
        function: Function,
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
            function.line(indent, f"if {value} is None: run.lack()")
            function.line(indent, "else:")
            self._complete_present(function, indent + 1, value, type_.of_type, details)
        else:
            if not is_leaf_type(type_.of_type):
                function.line(indent, f"if {value} is None: raise Unusual")
            self._complete_present(function, indent, value, type_.of_type, details)

    def _complete_present(
        self,
        function: Function,
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
            raise Unplannable(HandOver.UNPLANNABLE)

    def _complete_list(
        self,
        function: Function,
        indent: int,
        value: str,
        type_: GraphQLList[Any],
        details: list[FieldDetails],
    ) -> None:
        function.line(indent, f"if {value}.__class__ is not list: {value} = run.listed({value})")
        function.line(indent, f"run.left -= len({value})")
        function.line(indent, "if run.left < 0: raise Tired")
        of_type = type_.of_type
        if isinstance(of_type, GraphQLNonNull) and self._is_kept(function, of_type.of_type):
            kept = self._kept(function, of_type.of_type, details)
            function.line(indent, f"if {kept.name} is UNKEPT: {value} = {kept.build}({value}, run)")
            function.line(indent, "else:")
            with self._each(function, indent + 1, value) as item:
                function.line(indent + 2, f"if {item} is None: raise Unusual")
                kept.take(function, indent + 2, item)
            return
        if isinstance(of_type, GraphQLNonNull) and self._is_shared(function, of_type.of_type, details):
            self._shared(function, of_type.of_type, details).take_list(function, indent, value)
            return
        with self._each(function, indent, value) as item:
            self._complete(function, indent + 1, item, of_type, details)

    @contextmanager
    def _each(self, function: Function, indent: int, value: str) -> Iterator[str]:
        """A loop over a list in a variable, whose lines put each item's value in place of the item."""
        item, items = function.local(), function.local()
        function.line(indent, f"{items} = []")
        function.line(indent, f"for {item} in {value}:")
        yield item
        function.line(indent + 1, f"{items}.append({item})")
        function.line(indent, f"{value} = {items}")

    def _complete_object(
        self,
        function: Function,
        indent: int,
        value: str,
        type_: GraphQLObjectType,
        details: list[FieldDetails],
    ) -> None:
        if self._is_kept(function, type_):
            kept = self._kept(function, type_, details)
            function.line(indent, f"if {kept.name} is UNKEPT: [{value}] = {kept.build}(({value},), run)")
            function.line(indent, "else:")
            kept.take(function, indent + 1, value)
        elif self._is_shared(function, type_, details):
            self._shared(function, type_, details).take(function, indent, value)
        elif indent > _MAX_INDENT:
            part = self._function("part", site=function.site, is_hole=function.is_hole)
            part.line(1, f"return {self._object(part, 1, 'row', type_, details)}")
            function.line(indent, f"{value} = {part.name}({value}, run)")
        else:
            function.line(indent, f"{value} = {self._object(function, indent, value, type_, details)}")

    def _is_shared(self, function: Function, type_: object, details: list[FieldDetails]) -> bool:
        """Whether an object may stand in many of the rows, and shows the same in each."""
        return (
            function.site is not None
            and isinstance(type_, GraphQLObjectType)
            and type_.name in self._scope.shared_types
            and self._scope.selects_leaves_alone(type_, details)
        )

    def _shared(
        self, function: Function, type_: GraphQLObjectType, details: list[FieldDetails]
    ) -> SharedPlace:
        """A place where rows share objects, and the function that makes one."""
        number, self.shared_places = self.shared_places, self.shared_places + 1
        make = self._function("shared", site=function.site)
        make.line(1, f"return {self._object(make, 1, 'row', type_, details)}")
        return SharedPlace(number, make=make.name)

    def _is_kept(self, function: Function, type_: object) -> bool:
        """Whether rows' bytes are kept here: of this type, and not within other rows or fleeting fields."""
        is_outside = function.site is None and not function.is_hole
        return is_outside and isinstance(type_, GraphQLObjectType) and type_.name in self._scope.kept_types

    def _kept(self, function: Function, type_: GraphQLObjectType, details: list[FieldDetails]) -> KeptPlace:
        """A place whose rows' bytes are kept, and the function that builds rows."""
        number, site = len(self.sites), Site()
        self.sites.append(site)
        build = self._function("kept", site=site)
        with self._each(build, 1, "row") as item:
            build.line(2, f"if {item} is None: raise Unusual")
            build.line(2, f"{item} = {self._object(build, 2, item, type_, details)}")
        build.line(1, "return row")
        name = function.bind(f"kept{number}", f"run.kept[{number}]")
        return KeptPlace(name, known=function.bind(f"known{number}", f"{name}.known.get"), build=build.name)
