"""WebSocket connections: uvicorn's, with nothing of what passes in any log, and a time for each write."""

import asyncio
import logging
from typing import Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from gateway.web.connections import LIMITS_KEY, ConnectionLimits

_LOG: Final = logging.getLogger("gateway.sockets.server")
_LOG.setLevel(logging.ERROR)
_STANDARD: Final = ConnectionLimits()


class GuardedSocket(WebSocketsSansIOProtocol):
    """uvicorn's connection; its own log tells paths with their queries, and every message at level debug.

    uvicorn closes one that answers no ping, which waits until all is read: for ever, where nobody reads.
    """

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.logger = self.conn.logger = _LOG
        self.conn.debug = False
        limits: ConnectionLimits = self.app_state.get(LIMITS_KEY, _STANDARD)
        self._write_seconds = limits.write_seconds
        self._cut_off: asyncio.TimerHandle | None = None

    async def send(self, message: Any) -> None:
        """Send; a refusal, once it is sent whole, is an answer: uvicorn would log it as none."""
        await super().send(message)
        if self.close_sent:
            self.handshake_complete = True

    def pause_writing(self) -> None:
        """The client does not take what it is sent as fast as it is written."""
        super().pause_writing()
        self._await_reading()

    def resume_writing(self) -> None:
        """The client took it."""
        if not self.transport.is_closing():
            self._has_read()
        super().resume_writing()

    def keepalive_timeout(self) -> None:
        """The client answered no ping."""
        super().keepalive_timeout()
        self._await_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, and with it everything that waits for it."""
        self._has_read()
        super().connection_lost(exc)

    def _await_reading(self) -> None:
        if self._cut_off is None:
            self._cut_off = self.loop.call_later(self._write_seconds, self.transport.abort)

    def _has_read(self) -> None:
        if self._cut_off is not None:
            self._cut_off.cancel()
            self._cut_off = None
