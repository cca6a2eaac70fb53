"""The outermost layer: request id, server span, log fields, access line, metrics, and the last catch."""

import asyncio
import time
from collections.abc import MutableMapping
from http import HTTPStatus
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.domain.errors import ErrorCode, InternalServerError, OperationTooLarge
from gateway.telemetry import events, names
from gateway.telemetry.logs import request_fields
from gateway.telemetry.overhead import measured_wait
from gateway.telemetry.telemetry import Telemetry
from gateway.web.answers import refuse
from gateway.web.notes import RequestNotes, open_notes
from gateway.web.request_ids import REQUEST_ID_HEADER, request_id_of
from gateway.web.routes import QUIET_PATHS, route_of

_ID_HEADER: Final = REQUEST_ID_HEADER.lower().encode()


class Observation:
    """Wraps the whole application; what nothing else caught becomes INTERNAL_SERVER_ERROR here."""

    def __init__(self, app: ASGIApp, *, telemetry: Telemetry, max_header_bytes: int) -> None:
        self._app = app
        self._max_header_bytes = max_header_bytes
        self._telemetry = telemetry
        self._log = telemetry.logger("gateway.http")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request, seen from outside."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        notes = open_notes(scope, request_id=request_id_of(headers.get(REQUEST_ID_HEADER)))
        answer = _Answer(send, request_id=notes.request_id)
        began_at = time.perf_counter()
        route = route_of(scope["path"])
        tracing = self._telemetry.tracing
        with (
            measured_wait(monotonic=time.monotonic) as wait,
            tracing.server_span(headers, method=scope["method"], route=route, scheme=scope["scheme"]) as span,
            request_fields(request_id=notes.request_id, trace_id=span.trace_id),
        ):
            try:
                if _header_bytes(scope) > self._max_header_bytes:
                    await self._refuse_headers(notes)(scope, receive, answer)
                else:
                    await self._app(scope, receive, answer)
            except asyncio.CancelledError:
                self._log.info(events.CALLER_HUNG_UP, route=route)
                raise
            except ClientDisconnect:  # before the body was whole
                self._log.info(events.CALLER_HUNG_UP, route=route)
                return
            except Exception as error:  # noqa: BLE001 - the outermost formatter
                notes.code = ErrorCode.INTERNAL_SERVER_ERROR
                self._log.error(events.INTERNAL_ERROR, exc_info=error)
                if answer.status is None:
                    told = InternalServerError("Internal server error.")
                    await refuse(told, request_id=notes.request_id)(scope, receive, answer)
            span.answered(answer.status or 500)
            if notes.tenant is not None:
                span.note(names.TENANT, notes.tenant)
            if notes.code is not None and (answer.status or 500) >= HTTPStatus.INTERNAL_SERVER_ERROR:
                span.fail(notes.code.value)
            self._tell(
                scope, notes, status=answer.status or 500, route=route, began_at=began_at, wait=wait.seconds
            )

    def _refuse_headers(self, notes: RequestNotes) -> Response:
        notes.code = ErrorCode.OPERATION_TOO_LARGE
        told = OperationTooLarge(f"The request's headers are over {self._max_header_bytes} bytes.")
        return refuse(told, request_id=notes.request_id, status=431)

    def _tell(
        self, scope: Scope, notes: RequestNotes, *, status: int, route: str, began_at: float, wait: float
    ) -> None:
        if route in QUIET_PATHS:
            return
        seconds = time.perf_counter() - began_at
        self._telemetry.record_http(route, status=status)
        self._telemetry.record_request(
            notes.kind, code=notes.code, duration_seconds=seconds, upstream_seconds=wait
        )
        optional = {
            "operation_name": notes.operation_name,
            "code": notes.code and notes.code.value,
            "tenant": notes.tenant,
            "caller": notes.caller,
        }
        self._log.info(
            events.ACCESS,
            method=scope["method"],
            route=route,
            status=status,
            duration_ms=round(seconds * 1000, 2),
            operation_kind=notes.kind.value,
            **{name: value for name, value in optional.items() if value is not None},
        )


class _Answer:
    """A `send` that writes the request id into the answer and remembers the status."""

    def __init__(self, send: Send, *, request_id: str) -> None:
        self._send = send
        self._request_id = request_id.encode("latin-1")
        self.status: int | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = int(message["status"])
            _add_header(message, name=_ID_HEADER, value=self._request_id)
        await self._send(message)


def _header_bytes(scope: Scope) -> int:
    return sum(len(name) + len(value) for name, value in scope["headers"])


def _add_header(message: MutableMapping[str, Any], *, name: bytes, value: bytes) -> None:
    message["headers"] = [*message.get("headers", ()), (name, value)]
