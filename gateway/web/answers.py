"""Answers: the HTTP status of each error code, and how an error of the whole request is written."""

import math
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from starlette.responses import Response

from gateway.domain.errors import CredentialsRejected, ErrorCode, GatewayError
from gateway.schema.errors import shape_error
from gateway.web.media_types import AnswerType

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
"""The HTTP status of an error that concerns the whole request."""


def json_answer(
    content: Mapping[str, Any],
    *,
    status: int = 200,
    kind: AnswerType = AnswerType.JSON,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Encode a GraphQL answer in the form that was negotiated."""
    return Response(
        msgspec.json.encode(content),
        status_code=status,
        headers={"content-type": kind.content_type, "vary": "Accept", **(headers or {})},
    )


def data_answer(data: bytes, *, kind: AnswerType, headers: Mapping[str, str]) -> Response:
    """Send data that the engine has encoded already."""
    return Response(
        b'{"data":' + data + b"}",
        headers={"content-type": kind.content_type, "vary": "Accept", **headers},
    )


def refuse(
    error: GatewayError,
    *,
    request_id: str,
    status: int | None = None,
    kind: AnswerType = AnswerType.JSON,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Write an error that stopped the whole request: no data, one error, the code's status."""
    return json_answer(
        {"errors": [shape_error(error, request_id=request_id)]},
        status=status or STATUS_BY_CODE[error.code],
        kind=kind,
        headers={**_standard_headers(error), **(headers or {})},
    )


def _challenge(error: GatewayError) -> str:
    """What RFC 6750 has a client told; who sent nothing is told no reason."""
    challenge = 'Bearer realm="evolux-gateway"'
    if isinstance(error, CredentialsRejected):
        challenge += f', error="invalid_token", error_description="{error.message}"'
    return challenge


def _standard_headers(error: GatewayError) -> dict[str, str]:
    headers: dict[str, str] = {}
    if error.code is ErrorCode.UNAUTHENTICATED:
        headers["www-authenticate"] = _challenge(error)
    if error.retry_after_seconds is not None:
        headers["retry-after"] = str(max(1, math.ceil(error.retry_after_seconds)))
    return headers
