"""Execution of an operation of a read document."""

import inspect
from typing import Any

import msgspec
from graphql import ExecutionResult, GraphQLError, GraphQLSchema, OperationType
from graphql import execute as execute_by_specification

from gateway.domain.errors import BadRequest
from gateway.engine.documents import Document


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """A request for one operation of a document."""

    document: Document
    type: OperationType
    name: str | None = None
    variables: dict[str, Any] | None = None


def choose_operation(
    document: Document, *, operation_name: str | None, variables: dict[str, Any] | None
) -> Operation:
    """Pick the operation; `BadRequest` where the name picks none, or is missing and there are several."""
    kind = document.operation_type(operation_name)
    if kind is not None:
        return Operation(document=document, type=kind, name=operation_name, variables=variables)
    if operation_name is None:
        raise BadRequest("The document has several operations: operationName must say which to run.")
    raise BadRequest("The document has no operation of that operationName.")


async def execute(operation: Operation, *, schema: GraphQLSchema, context: object) -> ExecutionResult:
    """Run the operation as the specification says; what resolvers raise stands in the result's errors."""
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
        )
        return await result if inspect.isawaitable(result) else result
    except GraphQLError as error:
        return ExecutionResult(None, [error])
