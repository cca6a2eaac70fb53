"""Execution of an operation of a read document."""

import inspect
from collections.abc import Callable
from typing import Any, Final

import msgspec
from graphql import ExecutionResult, GraphQLError, GraphQLSchema, OperationType
from graphql import execute as execute_by_specification

from gateway.domain.errors import BadRequest
from gateway.engine.reading import Document, ReadOperation

_MAX_COERCION_ERRORS: Final = 5
"""Each can cost a printed copy of the value that it is about."""


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """A request for one operation of a document."""

    document: Document
    read: ReadOperation
    name: str | None = None
    variables: dict[str, Any] | None = None

    @property
    def type(self) -> OperationType:
        """Query or mutation."""
        return self.read.type

    @property
    def cost(self) -> int:
        """What it costs with its variables."""
        return self.read.price.at(self.variables)


def choose_operation(
    document: Document, *, operation_name: str | None, variables: dict[str, Any] | None
) -> Operation:
    """Pick the operation; `BadRequest` where the name picks none, or is missing and there are several."""
    read = document.operation(operation_name)
    if read is not None:
        return Operation(document=document, read=read, name=operation_name, variables=variables)
    if operation_name is None:
        raise BadRequest("The document has several operations: operationName must say which to run.")
    raise BadRequest("The document has no operation of that operationName.")


async def execute(
    operation: Operation,
    *,
    schema: GraphQLSchema,
    context: object,
    hide_suggestions: bool = False,
    around: Callable[..., Any] | None = None,
) -> ExecutionResult:
    """Run the operation as the specification says; what resolvers raise stands in the result's errors.

    `around` is called in place of each resolver, with the resolver first.
    """
    syntax = operation.document.syntax
    if syntax is None:
        return ExecutionResult(None, list(operation.document.errors))
    try:
        result = execute_by_specification(
            schema,
            syntax,
            context_value=context,
            variable_values=operation.variables,
            operation_name=operation.name,
            max_coercion_errors=_MAX_COERCION_ERRORS,
            hide_suggestions=hide_suggestions,
            middleware=None if around is None else [around],
        )
        return await result if inspect.isawaitable(result) else result
    except GraphQLError as error:
        return ExecutionResult(None, [error])


def shallow_data(answer: bytes) -> dict[str, Any]:
    """The data of a whole answer by root field, each as bytes that go into an answer as they are."""
    return dict(msgspec.json.decode(answer, type=dict[str, dict[str, msgspec.Raw]])["data"])
