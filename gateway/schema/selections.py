"""What an operation selects below a field, through aliases, fragments, @skip and @include.

The schema has no interfaces and no unions, so a fragment's type condition always holds.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLIncludeDirective,
    GraphQLSkipDirective,
    SelectionNode,
    SelectionSetNode,
    get_directive_values,
)

from gateway.schema.fields import Info

T = TypeVar("T")


def selected_names(info: Info) -> frozenset[str]:
    """The names of the fields selected on the field's type; found once per place in the document."""
    return found_once(info, names_in)


def found_once(info: Info, find: Callable[[Info, list[FieldNode]], T]) -> T:
    """What `find` finds below the field, looked for once per place in the document and choice of @skip.

    The engine's places remember it for every operation of the plan, the context for one operation.
    """
    found: dict[Any, T] | None = getattr(info, "found", None)
    key: Any = find
    if found is None:
        found, key = info.context.selections, (find, *map(id, info.field_nodes))
    if key not in found:
        found[key] = find(info, info.field_nodes)
    return found[key]


def names_in(info: Info, nodes: Iterable[FieldNode]) -> frozenset[str]:
    """The names of the fields selected in these, without those further down."""
    return frozenset(field.name.value for field in _fields(info, nodes, spread=set()))


def fields_below(info: Info, nodes: Iterable[FieldNode]) -> Iterator[FieldNode]:
    """Every field selected below these, at any depth; the fields of a fragment come once."""
    spread: set[str] = set()
    pending = list(nodes)
    while pending:
        for field in _fields(info, [pending.pop()], spread=spread):
            yield field
            pending.append(field)


def _fields(info: Info, nodes: Iterable[FieldNode], *, spread: set[str]) -> Iterator[FieldNode]:
    pending = [node.selection_set for node in nodes if node.selection_set is not None]
    while pending:
        for selection in pending.pop().selections:
            if not _is_included(info, selection):
                continue
            if isinstance(selection, FieldNode):
                yield selection
                continue
            below = _unfold(info, selection, spread=spread)
            if below is not None:
                pending.append(below)


def _unfold(info: Info, selection: SelectionNode, *, spread: set[str]) -> SelectionSetNode | None:
    """The selections of a fragment; None for one that was spread before."""
    if not isinstance(selection, FragmentSpreadNode):
        inline: SelectionSetNode = selection.selection_set  # type: ignore[attr-defined]  # an inline fragment
        return inline
    name = selection.name.value
    if name in spread:
        return None
    spread.add(name)
    return info.fragments[name].selection_set


def _is_included(info: Info, selection: SelectionNode) -> bool:
    if not selection.directives:
        return True
    skip = get_directive_values(GraphQLSkipDirective, selection, info.variable_values)
    include = get_directive_values(GraphQLIncludeDirective, selection, info.variable_values)
    return not (skip and skip["if"]) and not (include and not include["if"])
