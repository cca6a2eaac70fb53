"""The outermost layer: request id, server span, log fields, access line, metrics, and the last catch."""

import asyncio
import time
from collections.abc import Awaitable, Iterable, Mapping
from http import HTTPStatus
from typing import Final

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.domain.errors import ErrorCode, InternalServerError, OperationTooLarge
from gateway.telemetry import events, names
from gateway.telemetry.spans import OpenSpan
from gateway.telemetry.telemetry import Telemetry
from gateway.web.ledger import RequestLedger
from gateway.web.notes import RequestNotes, notes_begun, open_notes
from gateway.web.problems import refuse_at
from gateway.web.request_ids import REQUEST_ID_HEADER, request_id_of
from gateway.web.routes import QUIET_PATHS, route_of

_ID_HEADER: Final = REQUEST_ID_HEADER.lower().encode()


class Observation:
    """Wraps the whole application; what nothing else caught becomes INTERNAL_SERVER_ERROR here."""

    def __init__(
        self, app: ASGIApp, *, telemetry: Telemetry, ledger: RequestLedger, max_header_bytes: int
    ) -> None:
        self._app = app
        self._max_header_bytes = max_header_bytes
        self._telemetry = telemetry
        self._ledger = ledger
        self._log = telemetry.logger("gateway.http")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request, seen from outside."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        head = RequestHead(scope["headers"])
        route, method = route_of(scope["path"]), scope["method"]
        notes = notes_begun(scope) or open_notes(scope, request_id=request_id_of(head.request_id))
        answer = _Answer(send, request_id=notes.request_id)
        began_at = time.perf_counter()
        with opened_span(scope) or self._telemetry.tracing.server_span(
            head.trace, method=method, route=route, scheme=scope["scheme"]
        ) as span:
            notes.trace_id = span.trace_id
            with notes:
                try:
                    if head.bytes > self._max_header_bytes:
                        await self._refuse_headers(scope["path"], notes=notes)(scope, receive, answer)
                    else:
                        await self._app(scope, receive, answer)
                except asyncio.CancelledError:
                    self._log.info(events.CALLER_HUNG_UP, route=route)
                    raise
                except ClientDisconnect:  # before the body was whole
                    self._log.info(events.CALLER_HUNG_UP, route=route)
                    return
                except Exception as error:  # noqa: BLE001 - the outermost formatter
                    instead = self._fail(error, path=scope["path"], notes=notes)
                    if answer.status is None:
                        await instead(scope, receive, answer)
            status = answer.status or HTTPStatus.INTERNAL_SERVER_ERROR.value
            if span.is_recording:
                conclude_span(span, notes, status=status)
            if route not in QUIET_PATHS:
                seconds = time.perf_counter() - began_at
                self._ledger.enter(notes, method=method, route=route, status=status, seconds=seconds)

    def _refuse_headers(self, path: str, *, notes: RequestNotes) -> Response:
        notes.code = ErrorCode.OPERATION_TOO_LARGE
        told = OperationTooLarge(f"The request's headers are over {self._max_header_bytes} bytes.")
        return refuse_at(path, told, request_id=notes.request_id, status=431)

    def _fail(self, error: Exception, *, path: str, notes: RequestNotes) -> Response:
        notes.code = ErrorCode.INTERNAL_SERVER_ERROR
        self._log.error(events.INTERNAL_ERROR, exc_info=error)
        return refuse_at(path, InternalServerError("Internal server error."), request_id=notes.request_id)


def conclude_span(span: OpenSpan, notes: RequestNotes, *, status: int) -> None:
    """Note on a request's span what came of it."""
    span.answered(status)
    if notes.tenant is not None:
        span.note(names.TENANT, notes.tenant)
    if notes.code is not None and status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        span.fail(notes.code.value)


class _Answer:
    """A `send` that writes the request id into the answer and remembers the status."""

    def __init__(self, send: Send, *, request_id: str) -> None:
        self._send = send
        self._request_id = request_id.encode("latin-1")
        self.status: int | None = None

    def __call__(self, message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            self.status = int(message["status"])
            message["headers"] = [*message.get("headers", ()), (_ID_HEADER, self._request_id)]
        return self._send(message)


class RequestHead:
    """What this layer has to know of a request's headers, read in one go."""

    __slots__ = ("accept_encoding", "bytes", "is_forwarded", "is_of_a_page", "request_id", "trace")

    def __init__(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        self.request_id: str | None = None
        self.accept_encoding: bytes | None = None
        self.is_of_a_page = False
        self.is_forwarded = False
        self.trace: Mapping[str, str] = _NO_TRACE
        size = 0
        for name, value in headers:
            size += len(name) + len(value)
            if name in _READ_HEADERS:
                self._read(name, value)
        self.bytes = size

    def _read(self, name: bytes, value: bytes) -> None:
        if name in _PAGE_HEADERS:
            self.is_of_a_page = True
        elif name in _TRACE_HEADERS:
            self.trace = {name.decode(): value.decode("latin-1"), **self.trace}
        elif name == _SCHEME_HEADER:
            self.is_forwarded = True
        elif name == b"accept-encoding":
            if self.accept_encoding is None:
                self.accept_encoding = value
        elif self.request_id is None:
            self.request_id = value.decode("latin-1")


def put_span(scope: Scope, span: OpenSpan) -> None:
    """Leave the request's span, opened already but not entered, for the outermost layer."""
    scope[_SPAN_KEY] = span


def opened_span(scope: Scope) -> OpenSpan | None:
    """Take it; the scheme is as trusted proxies in front have told meanwhile."""
    span: OpenSpan | None = scope.pop(_SPAN_KEY, None)
    if span is not None:
        span.note(names.URL_SCHEME, scope["scheme"])
    return span


_SPAN_KEY: Final = "gateway.span"
_TRACE_HEADERS: Final = frozenset({b"traceparent", b"tracestate"})
_PAGE_HEADERS: Final = frozenset({b"origin", b"sec-fetch-site"})
"""What browsers send of themselves, and other origins are judged by."""
_SCHEME_HEADER: Final = b"x-forwarded-proto"
_READ_HEADERS: Final = _TRACE_HEADERS | _PAGE_HEADERS | {_ID_HEADER, _SCHEME_HEADER, b"accept-encoding"}
_NO_TRACE: Final[Mapping[str, str]] = {}
