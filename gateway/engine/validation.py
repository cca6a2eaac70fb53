"""Validation by the specification's rules, with the work that one document may cause bounded."""

from typing import Any, Final

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    OverlappingFieldsCanBeMergedRule,
    specified_rules,
    validate,
)
from graphql.validation.validate import ValidationAbortedError

from gateway.domain.errors import GraphQLValidationFailed, OperationTooLarge

MAX_ERRORS: Final = 5
"""Each error can cost a printed copy of the value that it is about."""
MAX_COMPARISONS: Final = 20_000
"""Pairs of fields, and steps alike, of the one rule whose work is more than linear; real documents need
hundreds."""


class _BoundedOverlap(OverlappingFieldsCanBeMergedRule):
    """The rule that fields of one response name agree; it gives up where that costs too much."""

    def __init__(self, context: Any) -> None:
        super().__init__(context)
        self.rule_context.remaining_complexity_budget = MAX_COMPARISONS


_RULES: Final = tuple(
    _BoundedOverlap if rule is OverlappingFieldsCanBeMergedRule else rule for rule in specified_rules
)


def find_errors(
    syntax: DocumentNode, *, schema: GraphQLSchema, hide_suggestions: bool
) -> tuple[GraphQLError, ...]:
    """What makes the document one that cannot be run; each error's cause is one of the catalogue."""
    found = validate(
        schema,
        syntax,
        rules=_RULES,
        max_errors=MAX_ERRORS,
        hide_suggestions=hide_suggestions,
        allow_empty_selection_sets=False,
    )
    return tuple(_classify(error) for error in found)


def _classify(error: GraphQLError) -> GraphQLError:
    if isinstance(error, ValidationAbortedError) and "Too many" not in error.message:
        told = f"Comparing the document's overlapping fields takes too long; the limit is {MAX_COMPARISONS}."
        return GraphQLError(told, original_error=OperationTooLarge(told))
    cause = GraphQLValidationFailed(error.message)
    return GraphQLError(error.message, nodes=error.nodes, original_error=cause)
