"""One WebSocket: the graphql-transport-ws protocol, message by message."""

import asyncio
from collections.abc import Callable, Mapping
from contextvars import Context
from enum import IntEnum
from typing import Any, Final

import msgspec
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Send

from gateway.domain.errors import (
    BadRequest,
    Forbidden,
    GatewayError,
    Overloaded,
    Unauthenticated,
    UnknownTenant,
)
from gateway.tenancy import TENANT_HEADER
from gateway.web.admissions import Admissions
from gateway.web.authentication import Authentication
from gateway.web.event_streams import LAST_EVENT_ID
from gateway.web.socket_operations import AskedBySocket

PROTOCOL: Final = "graphql-transport-ws"
_HEADERS: Final = ("authorization", TENANT_HEADER.lower(), LAST_EVENT_ID.lower())
"""What stands in the upgrade's headers or, for who cannot send any, in the payload of connection_init."""
_MAX_REASON_BYTES: Final = 120
_MAX_ID_CHARS: Final = 200


class CloseCode(IntEnum):
    """Why the gateway closes a socket; those under 2000 are WebSocket's own, the others the protocol's."""

    SERVICE_RESTART = 1012
    TRY_AGAIN_LATER = 1013
    BAD_MESSAGE = 4400
    NOT_ACKNOWLEDGED = 4401
    FORBIDDEN = 4403
    SUBPROTOCOL_NOT_ACCEPTABLE = 4406
    INIT_TIMEOUT = 4408
    SUBSCRIBER_EXISTS = 4409
    TOO_MANY_INITS = 4429


class _Said(msgspec.Struct, frozen=True):
    """A message of the client."""

    type: str
    id: str | None = None
    payload: dict[str, Any] | None = None


_MESSAGE: Final = msgspec.json.Decoder(_Said)
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeError, RecursionError, ValueError)


class Closing(Exception):
    """The socket is to be closed, for a reason of the protocol."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Session:
    """Reads messages until the end, and runs each operation in a task of its own."""

    def __init__(
        self,
        *,
        receive: Receive,
        send: Send,
        ask: ASGIApp,
        headers: Headers,
        authentication: Authentication,
        admissions: Admissions,
        init_seconds: float,
        max_operations: int,
    ) -> None:
        self.tenant: str | None = None
        self.caller: str | None = None
        self.close_code: int | None = None
        self.operations_asked = 0
        self._receive = receive
        self._send = send
        self._ask = ask
        self._given = {name: headers[name] for name in _HEADERS if name in headers}
        self._authentication = authentication
        self._admissions = admissions
        self._max_operations = max_operations
        self._is_acknowledged = self._is_begun = False
        self._leave: Callable[[], None] = lambda: None
        self._operations: dict[str, AskedBySocket] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._init_timer = asyncio.get_running_loop().call_later(
            init_seconds, self.end, CloseCode.INIT_TIMEOUT, "connection_init did not come in time."
        )

    async def run(self) -> None:
        """Serve it until it is closed by either side; then nothing of it is left."""
        try:
            await self._read_on()
        finally:
            self._init_timer.cancel()
            self._leave()
            for operation in tuple(self._operations.values()):
                operation.end()
            if self._tasks:
                await asyncio.wait(self._tasks)

    def end(self, code: CloseCode, reason: str) -> None:
        """Close it from this side; the first reason stands."""
        if self.close_code is None:
            self.close_code = code.value
            self._spawn(self._close(code, reason))

    async def say(self, text: str) -> None:
        """Send a message, once the client has taken what came before; nothing to one who is gone."""
        if self.close_code is None:
            try:
                await self._send({"type": "websocket.send", "text": text})
            except OSError:  # the server's word for a connection that is lost
                return

    async def _read_on(self) -> None:
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                self.close_code = self.close_code or message.get("code") or 1005
                return
            if self.close_code is not None:
                continue  # the closing handshake is under way
            try:
                await self._take(_read(message))
            except Closing as closing:
                self.end(closing.code, closing.reason)
            except RecursionError:  # what can just be read may nest too deeply to be written again
                self.end(CloseCode.BAD_MESSAGE, "That nests too deeply.")

    async def _take(self, said: _Said) -> None:
        match said.type:
            case "connection_init":
                await self._begin(said.payload or {})
            case "ping":
                payload = {} if said.payload is None else {"payload": said.payload}
                await self.say(msgspec.json.encode({"type": "pong", **payload}).decode())
            case "pong":
                return
            case "subscribe":
                self._subscribe(said)
            case "complete":
                operation = self._operations.pop(_id_of(said), None)
                if operation is not None:
                    operation.end()
            case _:
                raise Closing(CloseCode.BAD_MESSAGE, "No message is of that type.")

    async def _begin(self, payload: Mapping[str, Any]) -> None:
        if self._is_begun:
            raise Closing(CloseCode.TOO_MANY_INITS, "connection_init came twice.")
        self._is_begun = True
        self._init_timer.cancel()
        self._given |= _headers_in(payload)
        headers = Headers(self._given)
        try:
            visitor = await self._authentication.admit(headers)
        except GatewayError as error:
            raise _closing_of(error) from None
        self.tenant, self.caller = visitor.tenant_id, visitor.caller.name
        self._leave = self._admissions.hold(headers, visitor=visitor, end=self.end_with)
        self._is_acknowledged = True
        await self.say('{"type":"connection_ack"}')

    def end_with(self, error: GatewayError) -> None:
        """The caller is let in no more."""
        closing = _closing_of(error)
        self.end(closing.code, closing.reason)

    def _subscribe(self, said: _Said) -> None:
        if not self._is_acknowledged:
            raise Closing(CloseCode.NOT_ACKNOWLEDGED, "Send connection_init first.")
        operation_id = _id_of(said)
        if said.payload is None:
            raise Closing(CloseCode.BAD_MESSAGE, "subscribe has no payload.")
        if operation_id in self._operations:
            raise Closing(CloseCode.SUBSCRIBER_EXISTS, "There is a subscriber of that id already.")
        operation = AskedBySocket(
            operation_id, payload=said.payload, headers=self._given, say=self.say, end=self.end_with
        )
        self.operations_asked += 1
        if len(self._operations) >= self._max_operations:
            told = f"Over {self._max_operations} operations are under way on this socket."
            self._spawn(operation.refuse(Overloaded(told, retry_after_seconds=1.0)))
            return
        self._operations[operation_id] = operation
        operation.task = self._spawn(self._operate(operation))

    async def _operate(self, operation: AskedBySocket) -> None:
        try:
            await operation.run(self._ask)
        finally:
            if self._operations.get(operation.id) is operation:
                del self._operations[operation.id]

    async def _close(self, code: CloseCode, reason: str) -> None:
        cut = reason.encode()[:_MAX_REASON_BYTES].decode(errors="ignore")
        for operation in tuple(self._operations.values()):
            operation.end()
        try:
            await self._send({"type": "websocket.close", "code": code.value, "reason": cut})
        except (OSError, RuntimeError):  # it was lost, or the server has closed it by itself
            return

    def _spawn(self, work: Any) -> "asyncio.Task[None]":
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work, context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()


def _read(message: Message) -> _Said:
    text = message.get("text")
    if text is None:
        raise Closing(CloseCode.BAD_MESSAGE, "Messages are text.")
    try:
        return _MESSAGE.decode(text)
    except _UNREADABLE:
        raise Closing(CloseCode.BAD_MESSAGE, "That is no message of the protocol.") from None


def _id_of(said: _Said) -> str:
    if not said.id or len(said.id) > _MAX_ID_CHARS:
        raise Closing(CloseCode.BAD_MESSAGE, f"An operation's id has 1 to {_MAX_ID_CHARS} characters.")
    return said.id


def _headers_in(payload: Mapping[str, Any]) -> dict[str, str]:
    """What of the payload is meant as a header; anything but one text each closes the socket."""
    found: dict[str, str] = {}
    for name, value in payload.items():
        if name.lower() in _HEADERS:
            if not isinstance(value, str) or not value.isascii() or not value.isprintable():
                raise Closing(CloseCode.BAD_MESSAGE, f"{name.title()} must be a plain text.")
            if name.lower() in found:
                raise Closing(CloseCode.BAD_MESSAGE, f"{name.title()} is given twice.")
            found[name.lower()] = value
    return found


def _closing_of(error: GatewayError) -> Closing:
    """The close code for who is not let in: clients come again after 1013 and, with a new key, after 4403."""
    reason = f"{error.code.value}: {error.message}"
    if isinstance(error, Unauthenticated | UnknownTenant | Forbidden | BadRequest):
        return Closing(CloseCode.FORBIDDEN, reason)
    return Closing(CloseCode.TRY_AGAIN_LATER, reason)
