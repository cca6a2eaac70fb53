"""Plans: an operation, for one choice of what @skip and @include leave, as Python made for it."""

from collections.abc import Callable
from itertools import count
from typing import Any, Final

import msgspec
from graphql import FieldNode, GraphQLNonNull, GraphQLObjectType
from graphql.execution.collect_fields import FieldDetails, collect_fields

from gateway.engine.places import Arguments, Place
from gateway.engine.resolvers import Resolve
from gateway.engine.script import At, Scope, Site, Unplannable
from gateway.engine.writing import PlanWriter
from gateway.telemetry.labels import HandOver

_BYTES_PER_CHARACTER: Final = 30
"""What a plan takes over the characters of its Python; measured on the queries of the benchmarks."""
_SERIALS: Final = count(1)
_MAX_VAIN: Final = 4
"""Runs begun in vain one after another, until a plan is begun so no more."""
_RUNS_BETWEEN: Final = 32
"""Runs that needed no more than listings, until such a plan is tried again: it is of all tenants."""

Complete = Callable[[Any, Any], Any]


class Root(msgspec.Struct, frozen=True, kw_only=True):
    """A root field. One with a `hole` is fleeting; `constant` is the type's name."""

    key: str
    nodes: list[FieldNode] = []
    is_nullable: bool = False
    call: Resolve | None = None
    place: int = 0
    arguments: int | None = None
    complete: Complete | None = None
    hole: Complete | None = None
    constant: str | None = None


class Plan:
    """How an operation is run.

    `asked` are the roots whose resolvers are called at first, and `listings` names what its runs were seen to
    use of the call centre.
    `needs` names the listings that are all that its runs needed; None where there was no run, or one may be
    begun in vain: it needed anything else, or was too long for the event loop.
    """

    __slots__ = (
        "_runs_since",
        "_vain_left",
        "arguments",
        "asked",
        "has_inner_arguments",
        "listings",
        "needs",
        "places",
        "roots",
        "serial",
        "shared_places",
        "sites",
        "source",
        "weight",
    )

    def __init__(self, writer: PlanWriter, roots: list[Root]) -> None:
        self.serial = next(_SERIALS)
        self.roots = roots
        self.asked = tuple(root for root in roots if root.call is not None and root.hole is None)
        self.places: list[Place] = writer.places
        self.arguments: list[Arguments] = writer.arguments
        self.has_inner_arguments = len(writer.arguments) > sum(root.arguments is not None for root in roots)
        self.sites: list[Site] = writer.sites
        self.shared_places = writer.shared_places
        self.listings: tuple[str, ...] = ()
        self.needs: tuple[str, ...] | None = None
        self._vain_left, self._runs_since = _MAX_VAIN, 0
        self.source = "\n".join(writer.sources)
        self.weight = 2_000 + len(self.source) * _BYTES_PER_CHARACTER + writer.object_bytes

    def note_listings(self, used: tuple[str, ...]) -> None:
        """Note listings that a run used, for later ones to read together."""
        if not set(used) <= set(self.listings):
            self.listings = tuple(dict.fromkeys((*self.listings, *used)))

    def note_run(self, used: tuple[str, ...] | None) -> None:
        """Note what a run needed; None where it was more than listings, or more than the loop is held for."""
        if used is None:
            self.needs, self._vain_left, self._runs_since = None, 0, 0
            return
        if not self._vain_left:
            self._runs_since += 1
            if self._runs_since < _RUNS_BETWEEN:
                return
            self._vain_left, self._runs_since = 1, 0
        if used != self.needs:
            self.needs = tuple(dict.fromkeys((*(self.needs or ()), *used)))

    def note_at_once(self) -> None:
        """Note a run that needed no more than it did before: those begun in vain before it are forgiven."""
        if self.needs is not None:
            self._vain_left = _MAX_VAIN

    def note_vain(self) -> None:
        """Note a run that was begun for what it needed before, and had to wait all the same."""
        self._vain_left -= 1
        if not self._vain_left:
            self.needs = None


def plan_operation(scope: Scope, root_type: GraphQLObjectType) -> Plan:
    """Write and compile the plan; `Unplannable` says why there can be none."""
    if scope.operation.directives:
        raise Unplannable(HandOver.UNPLANNABLE)
    collected = collect_fields(
        scope.schema, dict(scope.fragments), scope.variable_values, root_type, scope.operation
    )
    writer = PlanWriter(scope)
    drafts = [
        _draft_root(writer, key, root_type, details) for key, details in collected.grouped_field_set.items()
    ]
    for source in writer.sources:  # one by one: compiling holds the interpreter, and with it the event loop
        code = compile(source, "<plan>", "exec")
        exec(code, writer.names)  # noqa: S102 - written by PlanWriter, of nothing but names
    return Plan(writer, [_finish_root(draft, writer.names) for draft in drafts])


_Draft = tuple[Root, str, str]


def _draft_root(
    writer: PlanWriter, key: str, root_type: GraphQLObjectType, details: list[FieldDetails]
) -> _Draft:
    name = details[0].node.name.value
    if name == "__typename":
        return (Root(key=key, constant=root_type.name), "", "")
    if name.startswith("__"):
        raise Unplannable(HandOver.INTROSPECTION)
    at = At(parent=root_type, details=details)
    root = Root(
        key=key,
        nodes=at.nodes,
        is_nullable=not isinstance(at.field.type, GraphQLNonNull),
        call=at.bound.call,
    )
    if at.bound.declared.is_fleeting:
        return (root, "", writer.write_hole(at))
    place, arguments = writer.place(at), writer.arguments_at(at)
    root = msgspec.structs.replace(root, place=place, arguments=arguments)
    return (root, writer.write_root(at), "")


def _finish_root(draft: _Draft, names: dict[str, Any]) -> Root:
    root, complete, hole = draft
    return msgspec.structs.replace(root, complete=names.get(complete), hole=names.get(hole))
