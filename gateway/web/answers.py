"""Answers: the HTTP status of each error code, and how an error of the whole request is written."""

import math
from collections.abc import Iterable, Mapping
from hashlib import blake2b
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
    """An answer as the engine has encoded it, not copied; its headers are put together once per type."""

    body: bytes

    def __init__(self, body: bytes, kind: AnswerType, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
        self.status_code = 200
        self.background = None
        self.body = body
        self.raw_headers = [*_HEADERS[kind], (b"content-length", b"%d" % len(body)), *headers]

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send it."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body})


class Unchanged(Response):
    """Says that the caller holds these bytes already."""

    def __init__(self, answer: DataAnswer, *, etag: bytes) -> None:
        super().__init__(status_code=304)
        self.raw_headers = [
            *((name, value) for name, value in answer.raw_headers if name in _TOLD_UNCHANGED),
            *_PRIVATE,
            (b"etag", etag),
        ]


_TOLD_UNCHANGED: Final = frozenset({b"age", b"cache-status"})
_PRIVATE: Final = ((b"cache-control", b"private, no-cache"), (b"vary", b"Authorization, X-Tenant, Accept"))


def first_header(scope: Scope, name: bytes) -> bytes | None:
    """The first header of this name, in lower case; None where there is none."""
    return next((value for given, value in scope["headers"] if given == name), None)


def answer_get(answer: Response, *, if_none_match: bytes | None) -> Response:
    """Give an answer to a GET its `ETag`, a digest of its bytes; 304 where the caller holds them."""
    if not isinstance(answer, DataAnswer):
        return answer
    etag = b'"%b"' % blake2b(answer.body, digest_size=12).hexdigest().encode()
    given = [one.strip().removeprefix(b"W/") for one in (if_none_match or b"").split(b",")]
    if etag in given or given == [b"*"]:
        return Unchanged(answer, etag=etag)
    kept = [(name, value) for name, value in answer.raw_headers if name != b"vary"]
    answer.raw_headers = [*kept, *_PRIVATE, (b"etag", etag)]
    return answer


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
