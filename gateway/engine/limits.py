"""Limits on a document's form, judged before validation, in time linear in its text.

Each fragment is measured once however often it is spread; a fragment within itself counts nothing, since
validation refuses it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from graphql import (
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
)

from gateway.domain.errors import OperationTooLarge

MAX_NESTING: Final = 100
"""Selection sets and fragments within each other; deeper than any `depth` that is of use."""


class FormLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How much an operation may have, its fragments spread; directives are counted at one place."""

    tokens: int = 2_000
    depth: int = 20
    fields: int = 1_000
    aliases: int = 30
    root_fields: int = 20
    directives: int = 5


class Form(msgspec.Struct, frozen=True):
    """What a selection set comes to, its fragments spread; `root_fields` are those of its first level."""

    depth: int = 0
    fields: int = 0
    aliases: int = 0
    root_fields: int = 0


CONTAINERS: Final = frozenset({list, dict})
"""Classes of values of variables that have values in them."""
_NOTHING: Final = Form()


def check_form(syntax: DocumentNode, limits: FormLimits) -> None:
    """Judge every operation and fragment; `OperationTooLarge` names the first limit that is broken."""
    measure = _Measure(syntax, limits)
    for definition in syntax.definitions:
        if isinstance(definition, OperationDefinitionNode):
            measure.check_directives(definition.directives)
            for variable in definition.variable_definitions or ():
                measure.check_directives(variable.directives)
            _check(measure.form_of(definition.selection_set), limits, is_operation=True)
        elif isinstance(definition, FragmentDefinitionNode):
            measure.check_directives(definition.directives)
            _check(measure.fragment(definition.name.value), limits, is_operation=False)


def _check(form: Form, limits: FormLimits, *, is_operation: bool) -> None:
    """A fragment that no operation spreads is judged too, for validation has to go through it."""
    judged = [
        (form.depth, limits.depth, "is nested {0} deep"),
        (form.fields, limits.fields, "has {0} fields, its fragments spread"),
        (form.aliases, limits.aliases, "has {0} aliases"),
    ]
    if is_operation:
        judged.append((form.root_fields, limits.root_fields, "has {0} fields at its root"))
    for found, limit, words in judged:
        if found > limit:
            kind = "operation" if is_operation else "fragment"
            raise OperationTooLarge(f"The {kind} {words.format(_shown(found))}; the limit is {limit}.")


def _shown(count: int) -> str:
    """A count as text: fragments can double one more often than a message has room for."""
    return str(count) if count < 10**9 else "over 1000000000"


class _Measure:
    """Measures selection sets; each fragment once."""

    def __init__(self, syntax: DocumentNode, limits: FormLimits) -> None:
        self._limits = limits
        self._fragments = {
            node.name.value: node for node in syntax.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self._measured: dict[str, Form] = {}

    def fragment(self, name: str, *, nesting: int = 0) -> Form:
        """The form of a fragment; nothing for one that is not there or is being measured."""
        known = self._measured.get(name)
        if known is not None:
            return known
        definition = self._fragments.get(name)
        if definition is None:
            return _NOTHING
        self._measured[name] = _NOTHING
        self._measured[name] = form = self.form_of(definition.selection_set, nesting=nesting + 1)
        return form

    def form_of(self, selections: SelectionSetNode, *, nesting: int = 0) -> Form:
        """The form of a selection set."""
        if nesting > MAX_NESTING:
            raise OperationTooLarge(
                f"Selections and fragments are nested over {MAX_NESTING} deep; the limit is {MAX_NESTING}."
            )
        depth = fields = aliases = width = 0
        for selection in selections.selections:
            form = self._form_of_selection(selection, nesting=nesting)
            depth = max(depth, form.depth)
            fields += form.fields
            aliases += form.aliases
            width += form.root_fields
        return Form(depth, fields, aliases, width)

    def _form_of_selection(self, selection: SelectionNode, *, nesting: int) -> Form:
        self.check_directives(selection.directives)
        if isinstance(selection, FieldNode):
            return self._form_of_field(selection, nesting=nesting)
        if isinstance(selection, FragmentSpreadNode):
            return self.fragment(selection.name.value, nesting=nesting)
        inner: SelectionSetNode = selection.selection_set  # type: ignore[attr-defined]  # an inline fragment
        return self.form_of(inner, nesting=nesting + 1)

    def _form_of_field(self, field: FieldNode, *, nesting: int) -> Form:
        inner = self.form_of(field.selection_set, nesting=nesting + 1) if field.selection_set else _NOTHING
        return Form(
            depth=inner.depth + 1,
            fields=inner.fields + 1,
            aliases=inner.aliases + (field.alias is not None),
            root_fields=1,
        )

    def check_directives(self, directives: Sequence[DirectiveNode] | None) -> None:
        """`OperationTooLarge` where too many stand at one place."""
        count = len(directives or ())
        if count > self._limits.directives:
            raise OperationTooLarge(
                f"One place has {count} directives; the limit is {self._limits.directives}."
            )


def check_variables(variables: Mapping[str, Any] | None, *, limit: int) -> None:
    """`OperationTooLarge` where the variables have more values than that, each element of a list counted."""
    waiting: list[Any] = list((variables or {}).values())
    count = 0
    while waiting:
        value = waiting.pop()
        count += 1
        if isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, dict):
            waiting.extend(value.values())
        if count + len(waiting) > limit:
            raise OperationTooLarge(f"The variables have over {limit} values; the limit is {limit}.")
