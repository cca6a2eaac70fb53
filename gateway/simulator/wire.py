"""The wire itself: a connection that can be cut, and a response that can be held back and altered."""

import asyncio
import os
import socket
import struct
from dataclasses import dataclass, field
from typing import cast

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

TRANSPORT = "simulator.transport"
_LINGER_ZERO = struct.pack("ii", 1, 0)


class CuttableProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with the connection's transport in `scope["extensions"]`."""

    def on_message_begin(self) -> None:
        """Begin a scope, as uvicorn does, and put the transport into it."""
        super().on_message_begin()
        self.scope["extensions"] = cast("dict[str, dict[object, object]]", {TRANSPORT: self.transport})


@dataclass(slots=True)
class HeldResponse:
    """A whole response that has not been sent."""

    status: int = 200
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""

    async def send(self, send: Send, *, promised_bytes: int | None = None) -> None:
        """Send its head, promising as many bytes as there are unless told otherwise, and then its body."""
        await self.send_head(send, promised_bytes=promised_bytes)
        await send({"type": "http.response.body", "body": self.body, "more_body": promised_bytes is not None})

    async def send_head(self, send: Send, *, promised_bytes: int | None = None) -> None:
        """Send status and headers alone."""
        length = str(len(self.body) if promised_bytes is None else promised_bytes).encode()
        kept = [(name, value) for name, value in self.headers if name.lower() != b"content-length"]
        headers = [*kept, (b"content-length", length)]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})


async def hold_response(app: ASGIApp, *, scope: Scope, body: bytes) -> HeldResponse:
    """Let the app handle a request whose body was read already, and keep what it answers."""
    held = HeldResponse()
    pending = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return pending.pop() if pending else {"type": "http.disconnect"}

    async def keep(message: Message) -> None:
        if message["type"] == "http.response.start":
            held.status = message["status"]
            held.headers = list(message["headers"])
        else:
            held.body += message.get("body", b"")

    await app(scope, receive, keep)
    return held


async def read_body(receive: Receive) -> bytes | None:
    """The whole request body, or None where the client left before its end."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body)


async def gone(receive: Receive) -> None:
    """Wait until the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def reset_connection(scope: Scope, *, receive: Receive) -> None:
    """Drop the connection with a TCP reset: unsent bytes are lost and the peer sees an error, not an end."""
    transport = _transport(scope)
    descriptor = os.dup(transport.get_extra_info("socket").fileno())
    with socket.socket(fileno=descriptor) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
    transport.abort()
    await gone(receive)


async def close_connection(scope: Scope, *, receive: Receive) -> None:
    """End the connection after what was written has been sent."""
    _transport(scope).close()
    await gone(receive)


def _transport(scope: Scope) -> asyncio.Transport:
    return cast("asyncio.Transport", scope["extensions"][TRANSPORT])
