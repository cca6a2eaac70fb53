"""The closed catalogue of errors: one class owns one code, and nothing outside it reaches a caller.

A `Refusal` is a no to this request for a reason of its own; a `Failure` could not be done or known.
`retryable` says whether the very same request, sent again, may succeed without anybody's doing.
"""

from collections.abc import Iterator
from enum import Enum
from typing import ClassVar


class ErrorCode(Enum):
    """Every code a caller can meet, in GraphQL and REST alike."""

    __hash__ = object.__hash__  # members are single; Enum's own is a Python function, and these are keys

    BAD_USER_INPUT = "BAD_USER_INPUT"
    AGENT_NOT_FOUND = "AGENT_NOT_FOUND"
    PAUSE_NOT_FOUND = "PAUSE_NOT_FOUND"
    QUEUE_NOT_FOUND = "QUEUE_NOT_FOUND"
    LOGIN_TAKEN = "LOGIN_TAKEN"
    AGENT_ALREADY_PAUSED = "AGENT_ALREADY_PAUSED"
    AGENT_NOT_PAUSED = "AGENT_NOT_PAUSED"
    AGENT_NOT_LOGGED_IN = "AGENT_NOT_LOGGED_IN"
    AGENT_ON_CALL = "AGENT_ON_CALL"
    UPSTREAM_REFUSED = "UPSTREAM_REFUSED"
    OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"
    UPSTREAM_TIMEOUT = "UPSTREAM_TIMEOUT"
    UPSTREAM_UNAVAILABLE = "UPSTREAM_UNAVAILABLE"
    UPSTREAM_RATE_LIMITED = "UPSTREAM_RATE_LIMITED"
    UPSTREAM_INVALID_RESPONSE = "UPSTREAM_INVALID_RESPONSE"
    UPSTREAM_CREDENTIALS_REJECTED = "UPSTREAM_CREDENTIALS_REJECTED"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    UNKNOWN_TENANT = "UNKNOWN_TENANT"
    RATE_LIMITED = "RATE_LIMITED"
    OVERLOADED = "OVERLOADED"
    BAD_REQUEST = "BAD_REQUEST"
    GRAPHQL_PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
    GRAPHQL_VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
    OPERATION_TOO_LARGE = "OPERATION_TOO_LARGE"
    PERSISTED_QUERY_NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"
    PERSISTED_QUERY_REQUIRED = "PERSISTED_QUERY_REQUIRED"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    INTERNAL_SERVER_ERROR = "INTERNAL_SERVER_ERROR"


class GatewayError(Exception):
    """Anything that a caller is told. `message` is safe to show; never Evolux's words, a host or a token."""

    code: ClassVar[ErrorCode]
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        field: tuple[str, ...] | None = None,
        retry_after_seconds: float | None = None,
        upstream_status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.retry_after_seconds = retry_after_seconds
        self.upstream_status = upstream_status


class Refusal(GatewayError):
    """Evolux or the gateway says no to this request for a reason of its own."""


class Failure(GatewayError):
    """The request could not be done, or its outcome could not be known."""


class BadUserInput(Refusal):
    """A value is wrong; `field` names it."""

    code = ErrorCode.BAD_USER_INPUT


class AgentNotFound(Refusal):
    """No such agent in this tenant."""

    code = ErrorCode.AGENT_NOT_FOUND


class PauseNotFound(Refusal):
    """No such pause in this tenant."""

    code = ErrorCode.PAUSE_NOT_FOUND


class QueueNotFound(Refusal):
    """No such queue in this tenant."""

    code = ErrorCode.QUEUE_NOT_FOUND


class LoginTaken(Refusal):
    """Another agent has this login."""

    code = ErrorCode.LOGIN_TAKEN


class AgentAlreadyPaused(Refusal):
    """The agent is in a pause already."""

    code = ErrorCode.AGENT_ALREADY_PAUSED


class AgentNotPaused(Refusal):
    """The agent is in no pause."""

    code = ErrorCode.AGENT_NOT_PAUSED


class AgentNotLoggedIn(Refusal):
    """The agent is not logged in."""

    code = ErrorCode.AGENT_NOT_LOGGED_IN


class AgentOnCall(Refusal):
    """The agent is on a call; the refusal ends with it, so the same request may succeed later."""

    code = ErrorCode.AGENT_ON_CALL
    retryable = True


class UpstreamRefused(Refusal):
    """Evolux said no in words we do not know; its text is in the log."""

    code = ErrorCode.UPSTREAM_REFUSED


class OutcomeUnknown(Failure):
    """A write was sent and its answer lost: it may or may not have happened.

    `may_come` where Evolux may still be about it, so that what cannot be seen yet may yet happen.
    """

    code = ErrorCode.OUTCOME_UNKNOWN
    may_come = False


class UpstreamTimeout(Failure):
    """Evolux did not answer a read in time."""

    code = ErrorCode.UPSTREAM_TIMEOUT
    retryable = True


class UpstreamUnavailable(Failure):
    """Evolux could not be reached, or answered that it cannot serve; nothing was changed."""

    code = ErrorCode.UPSTREAM_UNAVAILABLE
    retryable = True


class UpstreamRateLimited(Failure):
    """Evolux asks for fewer requests; `retry_after_seconds` says when, where it told."""

    code = ErrorCode.UPSTREAM_RATE_LIMITED
    retryable = True


class UpstreamInvalidResponse(Failure):
    """Evolux answered a read, but not intelligibly."""

    code = ErrorCode.UPSTREAM_INVALID_RESPONSE
    retryable = True


class UpstreamCredentialsRejected(Failure):
    """Evolux refused the tenant's token: an operator must act."""

    code = ErrorCode.UPSTREAM_CREDENTIALS_REJECTED


class Unauthenticated(Failure):
    """No caller, or a key that no caller has."""

    code = ErrorCode.UNAUTHENTICATED


class CredentialsRejected(Unauthenticated):
    """A key or a token was sent, and is not good; RFC 6750 calls it `invalid_token`."""


class Forbidden(Failure):
    """The caller is known and may not do this."""

    code = ErrorCode.FORBIDDEN


class UnknownTenant(Failure):
    """No such tenant for this caller."""

    code = ErrorCode.UNKNOWN_TENANT


class RateLimited(Failure):
    """The caller or the tenant asks more than the gateway allows."""

    code = ErrorCode.RATE_LIMITED
    retryable = True


class Overloaded(Failure):
    """The gateway has more work than it can do in time."""

    code = ErrorCode.OVERLOADED
    retryable = True


class BadRequest(Failure):
    """The HTTP request is not one the gateway can read."""

    code = ErrorCode.BAD_REQUEST


class GraphQLParseFailed(Failure):
    """The document is not GraphQL."""

    code = ErrorCode.GRAPHQL_PARSE_FAILED


class GraphQLValidationFailed(Failure):
    """The document or its variables do not fit the schema."""

    code = ErrorCode.GRAPHQL_VALIDATION_FAILED


class OperationTooLarge(Failure):
    """The request is over a limit; the message names the limit and the number."""

    code = ErrorCode.OPERATION_TOO_LARGE


class PersistedQueryNotFound(Failure):
    """No document is stored under this hash: send it once with its text."""

    code = ErrorCode.PERSISTED_QUERY_NOT_FOUND


class PersistedQueryRequired(Failure):
    """This caller may only run documents that were stored beforehand."""

    code = ErrorCode.PERSISTED_QUERY_REQUIRED


class IdempotencyKeyReused(Failure):
    """The idempotency key was used before with another input."""

    code = ErrorCode.IDEMPOTENCY_KEY_REUSED


class InternalServerError(Failure):
    """Ours; the text is in the log under the request id."""

    code = ErrorCode.INTERNAL_SERVER_ERROR


NOTHING_WAS_WRITTEN = (
    Refusal,
    UpstreamUnavailable,
    UpstreamRateLimited,
    UpstreamCredentialsRejected,
    RateLimited,
    Overloaded,
)
"""What a write may raise that is known to have changed nothing; after anything else it may have happened."""


def error_classes() -> Iterator[type[GatewayError]]:
    """Every class that owns a code, in the catalogue's order."""
    for kind in (Refusal, Failure):
        yield from kind.__subclasses__()
