"""Server-Sent Events by the graphql-sse protocol, distinct connections: one operation, one stream."""

import asyncio
import random
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import msgspec
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.domain.errors import GatewayError
from gateway.schema.errors import shape_error
from gateway.telemetry.labels import Transport
from gateway.web.media_types import accept_of, accepts
from gateway.web.notes import notes_in
from gateway.web.shedding import leave_shedding
from gateway.web.streams import Gone, NotAdmitted, Restarting, Stream

EVENT_STREAM: Final = "text/event-stream"
ONLY_STREAMED: Final = (
    "A subscription is answered by a stream: send Accept: text/event-stream, or ask by WebSocket."
)
CARRIER_KEY: Final = "gateway.carrier"
"""Where a scope says who carries the events, where they leave by another transport."""
_EXTENSION: Final = "lastEventId"
LAST_EVENT_ID: Final = "Last-Event-ID"
HEADERS: Final[Mapping[str, str]] = {
    "content-type": f"{EVENT_STREAM}; charset=utf-8",
    "cache-control": "no-store",
    "vary": "Accept",
    "x-accel-buffering": "no",
}
_RETRY_MS: Final = 2_000
_COMPLETE: Final = b"event: complete\ndata: \n\n"
_OPENED: Final = b"retry: %d\n\n" % _RETRY_MS
_KEEP_ALIVE: Final = b":\n\n"
_COME_AGAIN_MS: Final = (100, 1_500)
"""Where a process stops, its readers come again within so long, not all at one instant."""


class Carrier(Protocol):
    """Another transport for events."""

    @property
    def transport(self) -> Transport:
        """Which."""
        ...

    async def carry(self, stream: Stream) -> None:
        """Send the stream's events until the end; raises `Gone`."""
        ...


def takes_events(headers: Headers) -> bool:
    """Say whether a caller names event streams among what it accepts; a wildcard is no such word."""
    accept = accept_of(headers)
    return EVENT_STREAM in accept.lower() and accepts(accept, media_type=EVENT_STREAM)


def transport_of(scope: Scope) -> Transport:
    """What a stream opened by this request leaves by."""
    carrier: Carrier | None = scope.get(CARRIER_KEY)
    return Transport.SSE if carrier is None else carrier.transport


def last_event_id_of(headers: Headers, extensions: Mapping[str, Any] | None) -> str | None:
    """The last event that the reader has seen: as a browser tells it, or as its operation's extension."""
    given = (extensions or {}).get(_EXTENSION)
    return given if isinstance(given, str) else headers.get(LAST_EVENT_ID)


class EventStream(Response):
    """The answer to a subscription: open until either side ends it."""

    def __init__(self, stream: Stream) -> None:
        super().__init__(headers=dict(HEADERS))
        del self.headers["content-length"]
        self.stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send events until the end; whatever it is, everything is given back."""
        leave_shedding(scope)
        notes = notes_in(scope)
        notes.is_stream = True
        carrier: Carrier | None = scope.get(CARRIER_KEY)
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            if carrier is not None:
                await carrier.carry(self.stream)
            else:
                await self._send_all(receive, send, request_id=notes.request_id)
        except Gone:
            return
        finally:
            notes.code = self.stream.code
            self.stream.close()

    async def _send_all(self, receive: Receive, send: Send, *, request_id: str) -> None:
        watching = asyncio.get_running_loop().create_task(_watch(receive, self.stream.hang_up))
        try:
            await _send(send, _OPENED)
            await self._send_events(send, request_id=request_id)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            watching.cancel()

    async def _send_events(self, send: Send, *, request_id: str) -> None:
        while True:
            try:
                event = await self.stream.next_event()
            except NotAdmitted as ended:
                await _send(send, _failure(ended.error, request_id=request_id) + _COMPLETE)
                return
            except Restarting:
                wait_ms = random.randint(*_COME_AGAIN_MS)  # noqa: S311 - it spreads them, and hides nothing
                await _send(send, b"retry: %d\n: this process stops, come again\n\n" % wait_ms)
                return
            if event is None:
                await _send(send, _KEEP_ALIVE)
                continue
            await _send(send, event.sse)
            if event.is_last:
                await _send(send, _COMPLETE)
                return


def as_one_event(response: Response) -> Response:
    """An ordinary answer for one who takes nothing but events; one that says no stays as it is."""
    if isinstance(response, EventStream) or response.status_code != 200:  # noqa: PLR2004 - OK
        return response
    told = {name: value for name, value in response.headers.items() if name not in _REPLACED}
    body = b"event: next\ndata: %b\n\n%b" % (bytes(response.body), _COMPLETE)
    return Response(body, headers={**told, **HEADERS})


_REPLACED: Final = frozenset({"content-length", "content-type", "vary"})


def _failure(error: GatewayError, *, request_id: str) -> bytes:
    content: dict[str, Any] = {"errors": [shape_error(error, request_id=request_id)]}
    return b"event: next\ndata: %b\n\n" % msgspec.json.encode(content)


async def _send(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _watch(receive: Receive, hang_up: Callable[[], None]) -> None:
    """Notice that the reader is gone: the server tells it to nobody but who asks."""
    while (await receive())["type"] != "http.disconnect":
        continue
    hang_up()
