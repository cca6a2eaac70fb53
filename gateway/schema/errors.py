"""How errors are shown: the codes in GraphQL, refusals in payloads, and every error in one shape."""

import math
import re
from typing import Any, Final

import msgspec
import strawberry
import structlog
from graphql import ExecutionResult, GraphQLError, GraphQLSyntaxError

from gateway.domain.errors import (
    ErrorCode,
    GatewayError,
    GraphQLParseFailed,
    GraphQLValidationFailed,
    InternalServerError,
)
from gateway.domain.messages import showable
from gateway.schema.context import OperationContext
from gateway.schema.enums import describe_enum
from gateway.schema.fields import attribute
from gateway.telemetry.events import INTERNAL_ERROR

_QUOTED_VALUE: Final = re.compile(
    r", found: .*|(?P<kept>cannot represent [^:]*): .*|(?P<also_kept>found (?:Block)?String) .*", re.DOTALL
)
"""Where graphql-core's messages quote a caller's value, which may be a password."""

describe_enum(
    ErrorCode,
    description=(
        "Every code that an error can carry, in a payload's errors and in extensions.code alike. The set is "
        "closed."
    ),
    values={
        ErrorCode.BAD_USER_INPUT: "A value is wrong; `field` names it.",
        ErrorCode.AGENT_NOT_FOUND: "The tenant has no such agent.",
        ErrorCode.PAUSE_NOT_FOUND: "The tenant has no such pause.",
        ErrorCode.QUEUE_NOT_FOUND: "The tenant has no such queue.",
        ErrorCode.LOGIN_TAKEN: "Another agent has this login.",
        ErrorCode.AGENT_ALREADY_PAUSED: "The agent is in a pause already.",
        ErrorCode.AGENT_NOT_PAUSED: "The agent is in no pause.",
        ErrorCode.AGENT_NOT_LOGGED_IN: "The agent is not logged in.",
        ErrorCode.AGENT_ON_CALL: "The agent is on a call; the same request may succeed once it has ended.",
        ErrorCode.UPSTREAM_REFUSED: "Evolux said no for a reason that the gateway does not know.",
        ErrorCode.OUTCOME_UNKNOWN: (
            "The write was sent and its answer lost: it may or may not have happened. Look before "
            "repeating it."
        ),
        ErrorCode.UPSTREAM_TIMEOUT: "Evolux did not answer in time.",
        ErrorCode.UPSTREAM_UNAVAILABLE: "Evolux could not be reached or cannot serve; nothing was changed.",
        ErrorCode.UPSTREAM_RATE_LIMITED: "Evolux asks for fewer requests; `retryAfterMs` says when.",
        ErrorCode.UPSTREAM_INVALID_RESPONSE: "Evolux answered, but not intelligibly or not whole.",
        ErrorCode.UPSTREAM_CREDENTIALS_REJECTED: "Evolux refused the tenant's token: an operator must act.",
        ErrorCode.UNAUTHENTICATED: "No caller is known by what was sent.",
        ErrorCode.FORBIDDEN: "The caller is known and may not do this.",
        ErrorCode.UNKNOWN_TENANT: "The caller has no such tenant.",
        ErrorCode.RATE_LIMITED: "More than the gateway allows the caller; `retryAfterMs` says when to go on.",
        ErrorCode.OVERLOADED: "The gateway has more work than it can do in time.",
        ErrorCode.BAD_REQUEST: "The HTTP request is not one the gateway can read.",
        ErrorCode.GRAPHQL_PARSE_FAILED: "The document is not GraphQL.",
        ErrorCode.GRAPHQL_VALIDATION_FAILED: "The document or its variables do not fit the schema.",
        ErrorCode.OPERATION_TOO_LARGE: "The request is over a limit, which the message names.",
        ErrorCode.PERSISTED_QUERY_NOT_FOUND: "No document has this hash: send it once with its text.",
        ErrorCode.PERSISTED_QUERY_REQUIRED: "This caller may only run documents that were stored beforehand.",
        ErrorCode.IDEMPOTENCY_KEY_REUSED: "The idempotency key was used before with another input.",
        ErrorCode.INTERNAL_SERVER_ERROR: "The gateway's own failure; its log has it under the request id.",
    },
)


class ShownRefusal(msgspec.Struct, frozen=True):
    """A refusal as a value: graphql-core raises whatever exception a resolver gives it."""

    code: ErrorCode
    message: str
    field: tuple[str, ...] | None
    retryable: bool


def show_refusal(refusal: GatewayError) -> ShownRefusal:
    """Show a refusal in a payload, or one agent's failure in a write to many."""
    return ShownRefusal(refusal.code, safe_message(refusal), refusal.field, refusal.retryable)


@strawberry.type(
    description=(
        "Why a write was refused: nothing was changed. In a write to many also why one of them failed; after "
        "OUTCOME_UNKNOWN something may have been changed."
    )
)
class MutationError:
    """A refusal; made from a `ShownRefusal`."""

    code: ErrorCode = attribute(
        description="Which refusal it is; the words in message may change, this does not."
    )
    message: str = attribute(description="The refusal in English, for people.")
    field: list[str] | None = attribute(
        description='The path of the input at fault, such as ["input", "queueIds"]. Null where none is.'
    )
    retryable: bool = attribute(
        description="Whether the very same request may succeed later without anybody's doing."
    )


class ShapedError(GraphQLError):
    """An error that was shaped ahead, where that held nobody up: there can be thousands."""

    def __init__(self, error: GraphQLError, *, request_id: str) -> None:
        Exception.__init__(self, error.message)
        for name in GraphQLError.__slots__:
            setattr(self, name, getattr(error, name))
        self.shaped = shape_error(error, request_id=request_id)


def shape_ahead(result: ExecutionResult, context: OperationContext) -> ExecutionResult:
    """The result with its errors shaped, for whoever shows them later."""
    errors: list[GraphQLError] = [
        ShapedError(error, request_id=context.request_id) for error in result.errors or ()
    ]
    return ExecutionResult(result.data, errors or None, result.extensions)


def shape_error(error: GraphQLError | GatewayError, *, request_id: str) -> dict[str, Any]:
    """Shape an error as callers see it; what is not in the catalogue is logged and shown as ours."""
    if isinstance(error, ShapedError):
        return error.shaped
    cause = _cause_of(error)
    if not isinstance(cause, GatewayError):
        _log(cause, request_id=request_id)
        cause = InternalServerError("Internal server error.")
    shaped: dict[str, Any] = {"message": safe_message(cause)}
    if isinstance(error, GraphQLError):
        if error.locations:
            shaped["locations"] = [{"line": at.line, "column": at.column} for at in error.locations]
        if error.path is not None:
            shaped["path"] = error.path
    shaped["extensions"] = _extensions(cause, request_id=request_id)
    return shaped


def _cause_of(error: GraphQLError | GatewayError) -> Exception:
    """What the error is in the end: one of the catalogue, or an exception that nobody foresaw."""
    cause: Exception = error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    if isinstance(error, GraphQLError) and isinstance(cause, GraphQLError):
        return _judge(error, cause=cause)
    return cause


def _judge(error: GraphQLError, *, cause: GraphQLError) -> Exception:
    """Say whose an error of graphql-core's own is: the document's or the variables', or a value's of ours.

    Under a path, what has no place in the document is a value that a resolver gave and its type refused.
    """
    if isinstance(cause, GraphQLSyntaxError):
        return GraphQLParseFailed(error.message)
    if error.path is None or cause.nodes:
        return GraphQLValidationFailed(error.message)
    return cause


def _extensions(cause: GatewayError, *, request_id: str) -> dict[str, Any]:
    known: dict[str, Any] = {
        "code": cause.code.value,
        "retryable": cause.retryable,
        "requestId": request_id,
    }
    if cause.retry_after_seconds is not None:
        known["retryAfterMs"] = math.ceil(cause.retry_after_seconds * 1_000)
    if cause.upstream_status is not None:
        known["upstreamStatus"] = cause.upstream_status
    if cause.field is not None:
        known["field"] = list(cause.field)
    return known


def safe_message(cause: GatewayError) -> str:
    """The message without a caller's value and without what UTF-8 or a log cannot take."""
    message = cause.message
    if isinstance(cause, GraphQLParseFailed | GraphQLValidationFailed):
        message = _QUOTED_VALUE.sub(_keep_the_rule, message)
    return showable(message)


def _keep_the_rule(quoting: re.Match[str]) -> str:
    return f"{quoting['kept'] or quoting['also_kept'] or ''}."


def _log(cause: Exception, *, request_id: str) -> None:
    log = structlog.get_logger("gateway.graphql")
    log.error(INTERNAL_ERROR, exc_info=cause, request_id=request_id)
