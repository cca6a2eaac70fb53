"""An operation that came by WebSocket: asked of the application as a request, its answer said as messages."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
from starlette.types import ASGIApp, Message, Scope

from gateway.domain.errors import GatewayError
from gateway.schema.errors import shape_error
from gateway.telemetry.labels import Transport
from gateway.web.event_streams import CARRIER_KEY, EVENT_STREAM
from gateway.web.media_types import AnswerType
from gateway.web.request_ids import request_id_of
from gateway.web.streams import Gone, NotAdmitted, Restarting, Stream

Say = Callable[[str], Awaitable[None]]
_HEADERS: Final = (
    (b"accept", f"{AnswerType.GRAPHQL.value}, {EVENT_STREAM}".encode()),
    (b"content-type", b"application/json"),
    (b"host", b"socket"),
)


class AskedBySocket:
    """One operation between `subscribe` and `complete`."""

    transport = Transport.WEBSOCKET

    def __init__(
        self,
        operation_id: str,
        *,
        payload: Mapping[str, Any],
        headers: Mapping[str, str],
        say: Say,
        end: Callable[[GatewayError], None],
    ) -> None:
        self.id = operation_id
        self.task: asyncio.Task[None] | None = None
        self._id = msgspec.json.encode(operation_id).decode()
        self._body: bytes | None = msgspec.json.encode(payload)
        self._headers = headers
        self._say = say
        self._end_socket = end
        self._stream: Stream | None = None
        self._is_over = False
        self._status = 0
        self._answer: list[bytes] = []

    async def run(self, ask: ASGIApp) -> None:
        """Ask, and say what comes of it."""
        await ask(self._scope(), self._receive, self._send)
        if self._stream is not None or self._is_over:
            return
        answer = b"".join(self._answer).decode()
        if self._status == HTTPStatus.OK:
            await self._say(f'{{"id":{self._id},"type":"next","payload":{answer}}}')
            await self._complete()
        else:
            errors = msgspec.json.encode(msgspec.json.decode(answer)["errors"]).decode()
            await self._say(f'{{"id":{self._id},"type":"error","payload":{errors}}}')

    async def carry(self, stream: Stream) -> None:
        """Say a stream's events until either side ends it."""
        self._stream = stream
        self._body, begin = None, f'{{"id":{self._id}'
        if self._is_over:
            raise Gone
        while True:
            try:
                event = await stream.next_event()
            except NotAdmitted as ended:
                self._end_socket(ended.error)
                return
            except Restarting:
                return  # the socket as a whole says so
            if event is not None:
                await self._say(begin + event.text)
                if event.is_last:
                    await self._complete()
                    return

    async def refuse(self, error: GatewayError) -> None:
        """Say that it is not run."""
        shaped = msgspec.json.encode([shape_error(error, request_id=request_id_of(None))]).decode()
        await self._say(f'{{"id":{self._id},"type":"error","payload":{shaped}}}')

    def end(self) -> None:
        """The client wants no more of it, or is gone."""
        self._is_over = True
        if self._stream is not None:
            self._stream.hang_up()
        elif self.task is not None:
            self.task.cancel()

    async def _complete(self) -> None:
        if not self._is_over:
            await self._say(f'{{"id":{self._id},"type":"complete"}}')

    def _scope(self) -> Scope:
        given = [(name.encode(), value.encode()) for name, value in self._headers.items()]
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": "/graphql",
            "raw_path": b"/graphql",
            "query_string": b"",
            "root_path": "",
            "headers": [*_HEADERS, *given],
            "client": None,
            "server": None,
            "state": {},
            CARRIER_KEY: self,
        }

    async def _receive(self) -> Message:
        body, self._body = self._body, None
        if body is None:
            await asyncio.get_running_loop().create_future()
        return {"type": "http.request", "body": body, "more_body": False}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
        elif self._stream is None:
            self._answer.append(message.get("body", b""))
