"""Documents: parsed and validated once, held by their text within a bound of bytes."""

from collections.abc import Mapping
from hashlib import sha256

import cachetools
import msgspec
from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    OperationType,
    parse,
    validate,
)

from gateway.domain.errors import GraphQLParseFailed, GraphQLValidationFailed, OperationTooLarge

_MAX_ERRORS = 20


class Document(msgspec.Struct, frozen=True):
    """A document that may be run, or the errors why not; `sha256` names it in traces instead of its text."""

    sha256: str
    syntax: DocumentNode | None = None
    operations: Mapping[str | None, OperationType] = {}
    errors: tuple[GraphQLError, ...] = ()

    def operation_type(self, operation_name: str | None) -> OperationType | None:
        """The type of the operation that this name (or none) picks; None where it picks none."""
        if operation_name is None and len(self.operations) == 1:
            return next(iter(self.operations.values()))
        return self.operations.get(operation_name) if operation_name is not None else None


class Documents:
    """Reads documents against one schema."""

    def __init__(
        self, schema: GraphQLSchema, *, max_tokens: int = 2_000, max_held_bytes: int = 8 * 2**20
    ) -> None:
        self._schema = schema
        self._max_tokens = max_tokens
        self._held: cachetools.LRUCache[str, Document] = cachetools.LRUCache(
            maxsize=max_held_bytes, getsizeof=_weigh
        )
        self._max_held_bytes = max_held_bytes

    def read(self, text: str) -> Document:
        """Parse and validate the text, or take what is held; errors stand in the document."""
        held = self._held.get(text)
        if held is not None:
            return held
        document = self._read(text)
        if not document.errors and _weigh(document) <= self._max_held_bytes:
            self._held[text] = document
        return document

    def _read(self, text: str) -> Document:
        digest = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        try:
            syntax = parse(text, max_tokens=self._max_tokens, allow_empty_selection_sets=False)
        except GraphQLSyntaxError as error:
            return Document(digest, errors=(self._explain(error),))
        except RecursionError:
            cause = OperationTooLarge("The document is nested too deeply.")
            return Document(digest, errors=(GraphQLError(cause.message, original_error=cause),))
        errors = validate(self._schema, syntax, max_errors=_MAX_ERRORS, allow_empty_selection_sets=False)
        if errors:
            return Document(digest, errors=tuple(_refuse(error) for error in errors))
        return Document(digest, syntax, _operations(syntax))

    def _explain(self, error: GraphQLSyntaxError) -> GraphQLError:
        if "tokens" in error.message and str(self._max_tokens) in error.message:
            cause: Exception = OperationTooLarge(f"The document has more than {self._max_tokens} tokens.")
        else:
            cause = GraphQLParseFailed(error.message)
        return GraphQLError(str(cause), source=error.source, positions=error.positions, original_error=cause)


def _refuse(error: GraphQLError) -> GraphQLError:
    cause = GraphQLValidationFailed(error.message)
    return GraphQLError(error.message, nodes=error.nodes, original_error=cause)


def _operations(syntax: DocumentNode) -> Mapping[str | None, OperationType]:
    return {
        node.name.value if node.name else None: node.operation
        for node in syntax.definitions
        if isinstance(node, OperationDefinitionNode)
    }


_SYNTAX_BYTES_PER_TEXT_BYTE = 40
"""What a parsed document takes in memory over its text; measured on the queries of the benchmarks."""


def _weigh(document: Document) -> int:
    body = document.syntax.loc.source.body if document.syntax and document.syntax.loc else ""
    return 512 + len(body) * _SYNTAX_BYTES_PER_TEXT_BYTE
