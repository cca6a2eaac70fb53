"""Errors in REST: problems after RFC 9457, with the codes of the one catalogue."""

import math
from collections.abc import Mapping
from typing import Annotated, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gateway.domain.errors import ErrorCode, GatewayError
from gateway.domain.given import outside
from gateway.domain.messages import showable
from gateway.rest.shapes import Shape

PROBLEM_TYPE: Final = "application/problem+json"

STATUS_BY_CODE: Final[Mapping[ErrorCode, int]] = {
    ErrorCode.BAD_USER_INPUT: 400,
    ErrorCode.AGENT_NOT_FOUND: 404,
    ErrorCode.PAUSE_NOT_FOUND: 404,
    ErrorCode.QUEUE_NOT_FOUND: 404,
    ErrorCode.LOGIN_TAKEN: 409,
    ErrorCode.AGENT_ALREADY_PAUSED: 409,
    ErrorCode.AGENT_NOT_PAUSED: 409,
    ErrorCode.AGENT_NOT_LOGGED_IN: 409,
    ErrorCode.AGENT_ON_CALL: 409,
    ErrorCode.UPSTREAM_REFUSED: 422,
    ErrorCode.OUTCOME_UNKNOWN: 502,
    ErrorCode.UPSTREAM_TIMEOUT: 504,
    ErrorCode.UPSTREAM_UNAVAILABLE: 503,
    ErrorCode.UPSTREAM_RATE_LIMITED: 503,
    ErrorCode.UPSTREAM_INVALID_RESPONSE: 502,
    ErrorCode.UPSTREAM_CREDENTIALS_REJECTED: 502,
    ErrorCode.UNAUTHENTICATED: 401,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.UNKNOWN_TENANT: 403,
    ErrorCode.RATE_LIMITED: 429,
    ErrorCode.OVERLOADED: 503,
    ErrorCode.BAD_REQUEST: 400,
    ErrorCode.GRAPHQL_PARSE_FAILED: 400,
    ErrorCode.GRAPHQL_VALIDATION_FAILED: 422,
    ErrorCode.OPERATION_TOO_LARGE: 413,
    ErrorCode.PERSISTED_QUERY_NOT_FOUND: 404,
    ErrorCode.PERSISTED_QUERY_REQUIRED: 403,
    ErrorCode.IDEMPOTENCY_KEY_REUSED: 422,
    ErrorCode.INTERNAL_SERVER_ERROR: 500,
}
"""The HTTP status of an error that concerns the whole request, in either surface."""


class Problem(Shape, frozen=True, kw_only=True):
    """Why a request was refused or failed, after RFC 9457."""

    type: Annotated[str, Meta(description="A name for the kind of problem; the code says the same.")]
    title: Annotated[str, Meta(description="The kind of problem in words, the same for each code.")]
    status: Annotated[int, Meta(description="The HTTP status.")]
    detail: Annotated[str, Meta(description="What was wrong here, in English, for people.")]
    code: Annotated[ErrorCode, Meta(description="Which error of the catalogue it is.")]
    retryable: Annotated[
        bool, Meta(description="Whether the very same request may succeed later without anybody's doing.")
    ]
    request_id: Annotated[str, Meta(description="The request's id, under which the log has it.")]
    field: Annotated[
        tuple[str, ...] | UnsetType,
        Meta(description='The path of the value at fault, such as ["levels", "0", "queueId"].'),
    ] = UNSET
    retry_after_ms: Annotated[
        int | UnsetType, Meta(description="When to ask again, in milliseconds, where that is known.")
    ] = UNSET
    upstream_status: Annotated[
        int | UnsetType, Meta(description="The HTTP status that Evolux gave, where it gave one.")
    ] = UNSET


def problem_of(error: GatewayError, *, request_id: str, status: int | None = None) -> Problem:
    """Shape an error of the catalogue; `status` where HTTP has one of its own, such as 405."""
    code, retry_after = error.code, error.retry_after_seconds
    return Problem(
        type=f"urn:evolux-gateway:problem:{code.value.lower().replace('_', '-')}",
        title=code.value.replace("_", " ").capitalize(),
        status=status or STATUS_BY_CODE[code],
        detail=showable(error.message),
        code=code,
        retryable=error.retryable,
        request_id=request_id,
        field=UNSET if error.field is None else outside(error.field),
        retry_after_ms=UNSET if retry_after is None else math.ceil(retry_after * 1_000),
        upstream_status=UNSET if error.upstream_status is None else error.upstream_status,
    )


class WriteError(Shape, frozen=True, kw_only=True):
    """Why one write of many was not done, or is not known to be."""

    code: ErrorCode
    detail: str
    retryable: bool
    field: tuple[str, ...] | UnsetType = UNSET


def write_error_of(error: GatewayError) -> WriteError:
    """Shape one agent's error in a write to many."""
    return WriteError(
        code=error.code,
        detail=showable(error.message),
        retryable=error.retryable,
        field=UNSET if error.field is None else outside(error.field),
    )


def encode_problem(problem: Problem) -> bytes:
    """The problem's bytes."""
    return msgspec.json.encode(problem)
