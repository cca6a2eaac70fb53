"""Answers: the HTTP status of each error code, and how an error of the whole request is written."""

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.domain.errors import CredentialsRejected, ErrorCode, GatewayError
from gateway.domain.scopes import MissingScope
from gateway.rest.errors import STATUS_BY_CODE
from gateway.schema.errors import shape_error
from gateway.web.media_types import AnswerType


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


class DataAnswer(Response):
    """An answer's data as the engine has encoded it; its headers are put together once per answer type."""

    def __init__(self, data: bytes, *, kind: AnswerType, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
        self.status_code = 200
        self.background = None
        self.body = body = b'{"data":%b}' % data
        self.raw_headers = [*_HEADERS[kind], (b"content-length", b"%d" % len(body)), *headers]

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send it."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body})


_HEADERS: Final = {
    kind: ((b"content-type", kind.content_type.encode()), (b"vary", b"Accept")) for kind in AnswerType
}


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
        headers={**standard_headers(error), **(headers or {})},
    )


def _challenge(error: GatewayError) -> str | None:
    """What RFC 6750 has a client told, if anything; who sent nothing is told no reason."""
    challenge = 'Bearer realm="evolux-gateway"'
    if isinstance(error, CredentialsRejected):
        return f'{challenge}, error="invalid_token", error_description="{error.message}"'
    if isinstance(error, MissingScope):
        return f'{challenge}, error="insufficient_scope", scope="{error.scope}"'
    return challenge if error.code is ErrorCode.UNAUTHENTICATED else None


def standard_headers(error: GatewayError) -> dict[str, str]:
    """The headers of HTTP that say what the error says, in either surface."""
    headers: dict[str, str] = {}
    challenge = _challenge(error)
    if challenge is not None:
        headers["www-authenticate"] = challenge
    if error.retry_after_seconds is not None:
        headers["retry-after"] = str(max(1, math.ceil(error.retry_after_seconds)))
    return headers
