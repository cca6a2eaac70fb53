"""Listings that lack a part: what was read is served, and the answer says which part is missing."""

from collections.abc import Sequence
from typing import Any

from graphql import ExecutionResult, GraphQLError

from gateway.domain.errors import Failure
from gateway.domain.listings import Reading


def tell_missing_parts(result: ExecutionResult, readings: Sequence[Reading[Any]]) -> ExecutionResult:
    """Add an error for each listing that Evolux failed to show whole; its path is the first root field."""
    parts = {
        (reading.snapshot.missing, type(reading.failure)): reading.failure
        for reading in readings
        if reading.failure is not None and reading.snapshot.missing is not None
    }
    if not parts or not result.data:
        return result
    path: list[str | int] = [next(iter(result.data))]
    told = [_tell(missing, failure, path=path) for (missing, _), failure in parts.items()]
    return ExecutionResult(result.data, [*(result.errors or ()), *told], result.extensions)


def _tell(missing: str, failure: Failure, *, path: list[str | int]) -> GraphQLError:
    cause = type(failure)(
        f"A listing is not whole: {missing}.",
        retry_after_seconds=failure.retry_after_seconds,
        upstream_status=failure.upstream_status,
    )
    return GraphQLError(cause.message, path=path, original_error=cause)
