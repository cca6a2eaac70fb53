"""Reading a document: parsed, held to the limits of its form, validated, priced. Pure, and CPU alone."""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Final

import msgspec
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSyntaxError,
    NonNullTypeNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    parse,
)

from gateway.domain.errors import GatewayError, GraphQLParseFailed, OperationTooLarge
from gateway.engine.costs import CostModel
from gateway.engine.limits import FormLimits, check_form
from gateway.engine.prices import OperationPrice
from gateway.engine.validation import find_errors

_SCHEMA_FIELDS: Final = frozenset({"__schema", "__type"})


class ReadOperation(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an operation before it is run."""

    type: OperationType
    price: OperationPrice
    asks_schema: bool = False
    """Whether the schema is asked for, beside other things or alone."""
    asks_schema_alone: bool = False


class Document(msgspec.Struct, frozen=True):
    """A document that may be run, or the errors why not; `sha256` names it in traces instead of its text."""

    sha256: str
    syntax: DocumentNode | None = None
    operations: Mapping[str | None, ReadOperation] = {}
    errors: tuple[GraphQLError, ...] = ()
    required_variables: frozenset[str] = frozenset()
    """Of a document with errors: a request that lacks one of them is wrong whatever the document is."""

    def operation(self, operation_name: str | None) -> ReadOperation | None:
        """The operation that this name (or none) picks; None where it picks none."""
        if operation_name is None and len(self.operations) == 1:
            return next(iter(self.operations.values()))
        return self.operations.get(operation_name) if operation_name is not None else None


def digest_of(text: str) -> str:
    """The sha256 of a document's text in hex, which names it in every protocol of persisted documents."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def read_document(text: str, *, limits: FormLimits, costs: CostModel, hide_suggestions: bool) -> Document:
    """Read the text; what is wrong with it stands in the document's errors."""
    digest = digest_of(text)
    try:
        syntax = parse(text, max_tokens=limits.tokens, allow_empty_selection_sets=False)
        check_form(syntax, limits)
    except GraphQLSyntaxError as error:
        return Document(digest, errors=(_explain(error, limits),))
    except RecursionError:
        return Document(digest, errors=(_told(_nested(limits)),))
    except OperationTooLarge as error:
        return Document(digest, errors=(_told(error),))
    errors = find_errors(syntax, schema=costs.schema, hide_suggestions=hide_suggestions)
    if errors:
        return Document(digest, errors=errors, required_variables=frozenset(_required_variables(syntax)))
    return Document(digest, syntax, _operations(syntax, costs.price(syntax)))


def _explain(error: GraphQLSyntaxError, limits: FormLimits) -> GraphQLError:
    if "nested too deeply" in error.message:
        return _told(_nested(limits))
    cause: GatewayError = GraphQLParseFailed(error.message)
    if f"more than {limits.tokens} tokens" in error.message:
        cause = OperationTooLarge(
            f"The document has over {limits.tokens} tokens; the limit is {limits.tokens}."
        )
    return GraphQLError(cause.message, source=error.source, positions=error.positions, original_error=cause)


def _nested(limits: FormLimits) -> OperationTooLarge:
    return OperationTooLarge(f"The document is nested too deep to be read; the limit is {limits.depth}.")


def _told(cause: GatewayError) -> GraphQLError:
    return GraphQLError(cause.message, original_error=cause)


def _operations(
    syntax: DocumentNode, prices: Mapping[str | None, OperationPrice]
) -> Mapping[str | None, ReadOperation]:
    fragments = {one.name.value: one for one in syntax.definitions if isinstance(one, FragmentDefinitionNode)}
    found: dict[str | None, ReadOperation] = {}
    for node in syntax.definitions:
        if isinstance(node, OperationDefinitionNode):
            name = node.name.value if node.name else None
            roots = frozenset(_root_names(node.selection_set, fragments))
            found[name] = ReadOperation(
                type=node.operation,
                price=prices[name],
                asks_schema=not roots.isdisjoint(_SCHEMA_FIELDS),
                asks_schema_alone=bool(roots) and roots <= _SCHEMA_FIELDS | {"__typename"},
            )
    return found


def _required_variables(syntax: DocumentNode) -> Iterator[str]:
    for node in syntax.definitions:
        if isinstance(node, OperationDefinitionNode):
            for variable in node.variable_definitions or ():
                if isinstance(variable.type, NonNullTypeNode) and variable.default_value is None:
                    yield variable.variable.name.value


def _root_names(
    selections: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> Iterator[str]:
    """The names of an operation's root fields, however they are wrapped in fragments."""
    waiting, seen = [selections], set[str]()
    while waiting:
        for one in waiting.pop().selections:
            if isinstance(one, FieldNode):
                yield one.name.value
            elif not isinstance(one, FragmentSpreadNode):
                waiting.append(one.selection_set)  # type: ignore[attr-defined]  # an inline fragment
            elif one.name.value not in seen:
                seen.add(one.name.value)
                waiting.append(fragments[one.name.value].selection_set)
