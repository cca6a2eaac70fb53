"""WebSocket connections: uvicorn's, with nothing of what passes through them in any log."""

import logging
from typing import Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

_LOG: Final = logging.getLogger("gateway.sockets.server")
_LOG.setLevel(logging.ERROR)


class GuardedSocket(WebSocketsSansIOProtocol):
    """uvicorn's connection; its own log tells paths with their queries, and every message at level debug."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.logger = self.conn.logger = _LOG
        self.conn.debug = False
