"""Connections: callers who send or read too slowly are cut off, and a head without end is not kept.

uvicorn bounds how long a connection may idle between requests, and nothing else of it.
"""

import asyncio
from typing import Any, Final

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from gateway.domain.errors import ErrorCode

LIMITS_KEY: Final = "connection_limits"
"""Where the application's lifespan state tells connections their limits, in every worker process."""


class ConnectionLimits(msgspec.Struct, frozen=True, kw_only=True):
    """`head` is the request's line and headers; `write` is for a caller to take what it was sent."""

    head_seconds: float = 10.0
    write_seconds: float = 30.0
    max_head_bytes: int = 16_384


_TOO_LARGE: Final = b"431 Request Header Fields Too Large"
_TIMEOUT: Final = b"408 Request Timeout"
_ANSWER: Final = (
    b"HTTP/1.1 %b\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: %d\r\n"
    b"connection: close\r\n\r\n%b"
)
_STANDARD: Final = ConnectionLimits()


class GuardedConnection(HttpToolsProtocol):
    """uvicorn's connection with a time for each head, a bound on its bytes, and a time for each write."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._limits: ConnectionLimits = self.app_state.get(LIMITS_KEY, _STANDARD)
        self._head_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._is_in_head = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A caller has come and must say what it wants."""
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """Something came: a head or part of one, or a body."""
        under_way: RequestResponseCycle | None = self.cycle
        if self._head_timer is None and (under_way is None or under_way.response_complete):
            self._is_in_head = True
        super().data_received(data)
        if self._is_in_head:
            if self._head_timer is None:  # as a rule the head came whole, and needs none
                self._await_head()
            self._head_bytes += len(data)
            if self._head_bytes > self._limits.max_head_bytes:
                told = f"The request's head is over {self._limits.max_head_bytes} bytes."
                self._refuse(_TOO_LARGE, _told(ErrorCode.OPERATION_TOO_LARGE, told))

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._head_came()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, and with it everything that waits for it."""
        self._head_came()
        self._written()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The caller does not take its answer as fast as it is written."""
        super().pause_writing()
        if self._write_timer is None:
            self._write_timer = self.loop.call_later(self._limits.write_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """The caller took it."""
        self._written()
        super().resume_writing()

    def _await_head(self) -> None:
        self._is_in_head = True
        self._head_timer = self.loop.call_later(self._limits.head_seconds, self._cut_off)

    def _head_came(self) -> None:
        self._is_in_head = False
        self._head_bytes = 0
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _written(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def _cut_off(self) -> None:
        if self._head_bytes:
            self._refuse(_TIMEOUT, _told(ErrorCode.BAD_REQUEST, "The request's head took too long."))
        else:
            self.transport.close()

    def _refuse(self, status: bytes, body: bytes) -> None:
        self._head_came()
        if not self.transport.is_closing():
            self.transport.write(_ANSWER % (status, len(body), body))
            self.transport.close()


def _told(code: ErrorCode, message: str) -> bytes:
    extensions = {"code": code.value, "retryable": False}
    return msgspec.json.encode({"errors": [{"message": message, "extensions": extensions}]})
