"""An Evolux of raw bytes on a socket, for what no decent HTTP server would do."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from gateway.domain.secrets import ApiToken
from gateway.evolux.client import EvoluxClient
from gateway.evolux.connection import ConnectionLimits
from gateway.evolux.observing import AttemptReport, WalkReport
from gateway.evolux.retries import Retries
from gateway.telemetry.spans import UNSAMPLED, OpenSpan

Reply = Callable[[asyncio.StreamWriter], Awaitable[None]]
TOKEN = "planted-key-of-a-tenant"


class RawEvolux:
    """Plays one reply per request in order, the last one again and again; keeps every request's bytes."""

    def __init__(self, replies: Sequence[Reply]) -> None:
        self._replies = list(replies)
        self.requests: list[bytes] = []
        self.connections = 0
        self.tasks: set[asyncio.Task[None] | None] = set()
        self.base_url = ""
        self.asked = asyncio.Event()

    @property
    def lines(self) -> list[str]:
        return [request.split(b"\r\n", 1)[0].decode() for request in self.requests]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.tasks.add(asyncio.current_task())
        try:
            while True:
                self.requests.append(await _read_request(reader))
                self.asked.set()
                reply = self._replies[0] if len(self._replies) == 1 else self._replies.pop(0)
                await reply(writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


class Tokens:
    """A token source that turns to the next token when it is reread."""

    def __init__(self, *tokens: str) -> None:
        self._tokens = [ApiToken(token) for token in tokens or (TOKEN,)]
        self.rereads = 0

    def current(self) -> ApiToken:
        return self._tokens[0]

    def reread(self) -> bool:
        self.rereads += 1
        if len(self._tokens) == 1:
            return False
        del self._tokens[0]
        return True


class Watcher:
    """An observer that keeps what it was told."""

    def __init__(self) -> None:
        self.attempts: list[AttemptReport] = []
        self.walks: list[WalkReport] = []

    @property
    def outcomes(self) -> list[str]:
        return [report.outcome for report in self.attempts]

    def attempt_started(self, _method: str, **_of: Any) -> OpenSpan:
        return UNSAMPLED

    def attempt_finished(self, report: AttemptReport) -> None:
        self.attempts.append(report)

    def walk_finished(self, report: WalkReport) -> None:
        self.walks.append(report)


class Sleeps:
    """A sleep that takes no time and keeps how long it should have been."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@asynccontextmanager
async def raw_evolux(*replies: Reply) -> AsyncIterator[RawEvolux]:
    """Serve the replies on a port of the system's choice."""
    evolux = RawEvolux(replies)
    server = await asyncio.start_server(evolux.serve, "127.0.0.1", 0)
    evolux.base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield evolux
    finally:
        server.close()
        for task in filter(None, evolux.tasks):
            task.cancel()
        await asyncio.gather(*filter(None, evolux.tasks), return_exceptions=True)


@asynccontextmanager
async def a_client(base_url: str, **options: Any) -> AsyncIterator[EvoluxClient]:
    """A client that waits for nothing longer than a test may."""
    settings: dict[str, Any] = {
        "tokens": Tokens(),
        "limits": ConnectionLimits(connect_seconds=1.0, read_seconds=1.0, attempt_seconds=2.0),
        "retries": Retries(attempts=1),
        "sleep": Sleeps(),
        "random": lambda: 0.5,
    }
    client = EvoluxClient(base_url, **settings | options)
    try:
        yield client
    finally:
        await client.aclose()


def json_reply(status: int = 200, *, body: object = None, headers: Sequence[str] = ()) -> Reply:
    """A whole answer with a JSON body."""
    return bytes_reply(status, body=msgspec.json.encode(body), headers=headers)


def bytes_reply(status: int = 200, *, body: bytes = b"", headers: Sequence[str] = ()) -> Reply:
    """A whole answer."""

    async def reply(writer: asyncio.StreamWriter) -> None:
        writer.write(_head(status, length=len(body), headers=headers) + body)

    return reply


def truncated_reply(status: int = 200, *, body: bytes, missing: int = 10) -> Reply:
    """An answer that promises more than it sends, and closes."""

    async def reply(writer: asyncio.StreamWriter) -> None:
        writer.write(_head(status, length=len(body) + missing) + body)
        await writer.drain()
        writer.close()

    return reply


async def reset_reply(writer: asyncio.StreamWriter) -> None:
    """No answer: the connection is reset."""
    sock: socket.socket = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def hang_up_reply(writer: asyncio.StreamWriter) -> None:
    """No answer: the connection is closed."""
    writer.close()


async def silent_reply(writer: asyncio.StreamWriter) -> None:
    """No answer, until the server ends."""
    del writer
    await asyncio.Future()


def drip_reply(*, pause_seconds: float) -> Reply:
    """A body that never ends, a byte at a time."""

    async def reply(writer: asyncio.StreamWriter) -> None:
        writer.write(_head(200, length=1_000_000))
        while not writer.is_closing():
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(pause_seconds)

    return reply


def page_body(rows: Sequence[object], *, total: int | None = None, limit: int = 50) -> dict[str, object]:
    """A listing's page as Evolux writes it."""
    return {
        "meta": {"status": 200, "message": "OK"},
        "pagination": {
            "limit": limit,
            "total": len(rows) if total is None else total,
            "items": len(rows),
            "next_url": None if total is None else "http://internal/next",
        },
        "data": list(rows),
    }


async def _read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    length = int(lengths[0].split(b":")[1]) if lengths else 0
    return head + await reader.readexactly(length)


def _head(status: int, *, length: int, headers: Sequence[str] = ()) -> bytes:
    lines = [f"HTTP/1.1 {status} Any", f"Content-Length: {length}", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1")
