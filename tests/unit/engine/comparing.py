"""The same operation by the engine and by graphql-core, each as the bytes that a caller would get."""

import hashlib
import inspect
from types import SimpleNamespace
from typing import Any

import msgspec
from graphql import (
    DocumentNode,
    ExecutionResult,
    OperationDefinitionNode,
    OperationType,
    execute,
    parse,
    validate,
)

from gateway.engine.execution import Operation
from gateway.engine.executor import Executor
from gateway.schema.context import LISTINGS, OperationContext
from gateway.schema.errors import shape_error
from gateway.schema.schema import build_schema

SCHEMA = build_schema()._schema


def an_operation(
    document: str, *, variables: dict[str, Any] | None = None, name: str | None = None, cost: int = 0
) -> Operation:
    """A valid operation as the edge would ask for it; what costs much is handed over beside the loop."""
    syntax = parse(document)
    assert validate(SCHEMA, syntax) == []
    return operation_of(document, syntax, variables=variables, name=name, cost=cost)


def operation_of(
    document: str,
    syntax: DocumentNode,
    *,
    variables: dict[str, Any] | None = None,
    name: str | None = None,
    cost: int = 0,
) -> Operation:
    digest = hashlib.sha256(document.encode("utf-8", "surrogatepass")).hexdigest()
    price = SimpleNamespace(at=lambda _variables: cost)
    read: Any = SimpleNamespace(type=type_of(syntax), price=price)
    held: Any = SimpleNamespace(sha256=digest, syntax=syntax, errors=())
    return Operation(document=held, read=read, name=name, variables=variables)


def type_of(syntax: DocumentNode) -> OperationType:
    [first, *_] = [each for each in syntax.definitions if isinstance(each, OperationDefinitionNode)]
    return first.operation


async def by_graphql_core(operation: Operation, context: OperationContext, *, warm: bool = True) -> bytes:
    """What graphql-core answers; `warm`: with both listings at hand, so that nothing waits for another."""
    if warm:
        await context.settle(LISTINGS)
    syntax = operation.document.syntax
    assert syntax is not None
    result = execute(
        SCHEMA,
        syntax,
        context_value=context,
        variable_values=operation.variables,
        operation_name=operation.name,
        max_coercion_errors=5,
    )
    if inspect.isawaitable(result):
        result = await result
    assert isinstance(result, ExecutionResult)
    return shown(result)


async def by_engine(
    operation: Operation, context: OperationContext, *, executor: Executor, warm: bool = True
) -> bytes:
    """What the engine answers."""
    if warm:
        await context.settle(LISTINGS)
    result = await executor.run(operation, context=context)
    return result if isinstance(result, bytes) else shown(result)


def by_engine_at_once(operation: Operation, context: OperationContext, *, executor: Executor) -> bytes | None:
    """What the engine answers without waiting; None where it would have to, or something failed."""
    found = executor.find(
        operation, variables=operation.variables, tenant_id=context.tenant_id, scopes=context.scopes
    )
    planned = None if found is None else executor.known_run(found, variables=operation.variables)
    return None if planned is None else executor.run_at_once(planned, context=context)


def shown(result: ExecutionResult) -> bytes:
    errors = [shape_error(error, request_id="request-1") for error in result.errors or ()]
    content: dict[str, Any] = {"data": result.data, **({"errors": errors} if errors else {})}
    return msgspec.json.encode(content)
