"""WebSocket by the graphql-transport-ws protocol: who may open one, and what is told of it."""

import time
from collections.abc import Collection
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import msgspec
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from gateway.domain.errors import Forbidden, GatewayError, OperationTooLarge, Overloaded
from gateway.schema.errors import shape_error
from gateway.telemetry import events
from gateway.telemetry.telemetry import Telemetry
from gateway.web.authentication import Authentication
from gateway.web.request_ids import REQUEST_ID_HEADER, request_id_of
from gateway.web.socket_session import PROTOCOL, CloseCode, Session
from gateway.web.stream_desk import StreamDesk

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class SocketLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What one socket may take, and how many there may be in a process."""

    init_seconds: float
    max_operations: int
    max_open: int
    max_header_bytes: int


class Sockets:
    """Answers the upgrade at `/graphql`; each operation goes through `ask` as a request of its own would."""

    def __init__(
        self,
        *,
        authentication: Authentication,
        streams: StreamDesk,
        limits: SocketLimits,
        origins: Collection[str],
        telemetry: Telemetry,
    ) -> None:
        self._authentication = authentication
        self._streams = streams
        self._limits = limits
        self._origins = frozenset(origins)
        self._telemetry = telemetry
        self._log = telemetry.logger("gateway.sockets")
        self._sessions: set[Session] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one socket to its end, or refuse it."""
        headers = Headers(scope=scope)
        await receive()  # websocket.connect
        refusal = self._refusal(headers, scope=scope)
        if refusal is not None:
            status, error = refusal
            await _refuse(
                send, error, status=status, request_id=request_id_of(headers.get(REQUEST_ID_HEADER))
            )
            return
        speaks = PROTOCOL in scope.get("subprotocols", ())
        await send({"type": "websocket.accept", "subprotocol": PROTOCOL if speaks else None})
        session = Session(
            receive=receive,
            send=send,
            ask=scope["app"],
            headers=headers,
            authentication=self._authentication,
            admissions=self._streams.admissions,
            init_seconds=self._limits.init_seconds,
            max_operations=self._limits.max_operations,
        )
        await self._serve(session, speaks=speaks)

    async def _serve(self, session: Session, *, speaks: bool) -> None:
        began_at = time.perf_counter()
        self._sessions.add(session)
        leave = self._streams.on_end(lambda: session.end(CloseCode.SERVICE_RESTART, "Come again."))
        try:
            if not speaks:
                session.end(CloseCode.SUBPROTOCOL_NOT_ACCEPTABLE, f"Speak {PROTOCOL}.")
            await session.run()
        finally:
            leave()
            self._sessions.discard(session)
            self._tell(session, seconds=time.perf_counter() - began_at)

    def _tell(self, session: Session, *, seconds: float) -> None:
        optional = {"tenant": session.tenant, "caller": session.caller}
        self._log.info(
            events.SOCKET_CLOSED,
            close_code=session.close_code,
            duration_ms=round(seconds * 1000, 2),
            operations=session.operations_asked,
            **{name: value for name, value in optional.items() if value is not None},
        )

    def _refusal(self, headers: Headers, *, scope: Scope) -> tuple[HTTPStatus, GatewayError] | None:
        if sum(len(name) + len(value) for name, value in scope["headers"]) > self._limits.max_header_bytes:
            told = f"The request's headers are over {self._limits.max_header_bytes} bytes."
            return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, OperationTooLarge(told)
        if not self._is_own_page(headers, scheme=scope["scheme"]):
            return HTTPStatus.FORBIDDEN, Forbidden("Pages of this origin may not call the gateway.")
        if self._streams.is_stopping or len(self._sessions) >= self._limits.max_open:
            return HTTPStatus.SERVICE_UNAVAILABLE, Overloaded(
                f"Over {self._limits.max_open} sockets are open, or this process is stopping.",
                retry_after_seconds=1.0,
            )
        return None

    def _is_own_page(self, headers: Headers, *, scheme: str) -> bool:
        """Whether no page opens it, or one of this or a named origin: browsers ask no leave for sockets."""
        origin = headers.get("origin")
        if origin is None or origin in self._origins:
            return True
        return _address(origin) == _address(f"{scheme.replace('ws', 'http')}://{headers.get('host', '')}")


def _address(origin: str) -> tuple[str, int | None] | None:
    try:
        parts = urlsplit(origin)
        return (parts.hostname or "", parts.port or _DEFAULT_PORTS.get(parts.scheme))
    except ValueError:
        return None


async def _refuse(send: Send, error: GatewayError, *, status: HTTPStatus, request_id: str) -> None:
    content = {"errors": [shape_error(error, request_id=request_id)]}
    headers = [
        (b"content-type", b"application/json; charset=utf-8"),
        (REQUEST_ID_HEADER.lower().encode(), request_id.encode()),
    ]
    await send({"type": "websocket.http.response.start", "status": status.value, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": msgspec.json.encode(content)})
