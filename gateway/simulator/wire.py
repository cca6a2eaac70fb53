"""The wire itself: a connection that can be cut, and a response that can be held back and altered."""

import asyncio
import os
import socket
import struct
from dataclasses import dataclass, field
from typing import cast

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_CONNECTION = "simulator.connection"
_LINGER_ZERO = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """The client's end of a request: `lost` is done once it is gone. Without a socket it can only wait."""

    lost: "asyncio.Future[None]"
    transport: asyncio.Transport | None = None

    async def lasts(self, seconds: float) -> bool:
        """Wait; whether the client was there to the end."""
        done, _ = await asyncio.wait([self.lost], timeout=seconds)
        return not done

    async def lasts_until(self, event: "asyncio.Future[None]") -> bool:
        """Wait for something; whether it came before the client left."""
        await asyncio.wait([self.lost, event], return_when=asyncio.FIRST_COMPLETED)
        return not self.lost.done()

    async def reset(self) -> None:
        """Drop the connection with a TCP reset: what was unsent is lost, and the peer sees an error."""
        transport = self._cuttable()
        descriptor = os.dup(transport.get_extra_info("socket").fileno())
        with socket.socket(fileno=descriptor) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        transport.abort()
        await self.lost

    async def close(self) -> None:
        """End the connection after what was written has been sent."""
        self._cuttable().close()
        await self.lost

    def _cuttable(self) -> asyncio.Transport:
        if self.transport is None:
            raise RuntimeError("cutting a connection needs a socket: serve the app with server.running")
        return self.transport


class CuttableProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with the connection in each request's `scope["extensions"]`."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # narrowed by uvicorn
        """Take the connection up; its requests go into the simulator's own log, not into uvicorn's."""
        super().connection_made(transport)
        self.access_log = False
        self.connection = Connection(transport=transport, lost=self.loop.create_future())

    def connection_lost(self, exc: Exception | None) -> None:
        """Let uvicorn know, and then whoever waits."""
        super().connection_lost(exc)
        if not self.connection.lost.done():
            self.connection.lost.set_result(None)

    def on_message_begin(self) -> None:
        """Begin a request's scope, and put the connection into it."""
        super().on_message_begin()
        self.scope["extensions"] = cast("dict[str, dict[object, object]]", {_CONNECTION: self.connection})


def connection_of(scope: Scope) -> Connection:
    """The request's connection; one that never ends where the app is called without a socket."""
    extensions: dict[str, Connection] = scope.get("extensions", {})
    return extensions.get(_CONNECTION) or Connection(lost=asyncio.get_running_loop().create_future())


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
