"""Connections: callers who send or read too slowly are cut off, and a head without end is not kept.

uvicorn bounds how long a connection may idle between requests, and nothing else of it.
"""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

import msgspec
from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from gateway.domain.errors import BadRequest, GatewayError, OperationTooLarge
from gateway.web.unread import Unread, be_told_once
from gateway.web.upgrades import DecliningConnection

LIMITS_KEY: Final = "connection_limits"
AT_ONCE_KEY: Final = "answers_at_once"
"""Where the application's lifespan state tells connections their limits, and who answers without a task, in
every worker process."""


class ConnectionLimits(msgspec.Struct, frozen=True, kw_only=True):
    """`head` is the request's line and headers; `write` is for a caller to take what it was sent."""

    head_seconds: float = 10.0
    write_seconds: float = 30.0
    max_head_bytes: int = 16_384


_STANDARD: Final = ConnectionLimits()
_MAX_AT_ONCE_BYTES: Final = 65_536
_OK: Final = b"HTTP/1.1 200 OK\r\n"

AtOnce = Callable[[Scope, bytes], tuple[bytes, bytes] | None]
"""Gives headers and body of an answer to a POST that is here whole, or None; raises nothing."""


be_told_once()


class GuardedConnection(DecliningConnection):
    """uvicorn's connection with a time for each head, a bound on its bytes, and a time for each write."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._limits: ConnectionLimits = self.app_state.get(LIMITS_KEY, _STANDARD)
        self._head_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._is_in_head = False
        self._has_head_begun = False
        self._is_in_body = False
        self._has_one_ended = False  # in what is being read
        self._is_handed_over = False
        self._at_once: tuple[bytes, AtOnce] | None = self.app_state.get(AT_ONCE_KEY)
        self._held_body: bytes | None = None
        self._running: RequestResponseCycle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A caller has come and must say what it wants."""
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """Something came: a head or part of one, or a body."""
        self._has_one_ended = False
        if self._head_timer is None and not self._is_in_body and self._is_idle:
            self._is_in_head = True
        self.parse(data)
        if self._held_body is not None:
            self._let_go()
        if self._is_handed_over:
            return
        if self._is_in_head:
            self._go_on_with_head(0 if self._has_one_ended else len(data))
        elif self._is_idle:
            self._go_on_unread()

    def on_message_begin(self) -> None:
        """A head begins, maybe behind another request's, whose answer has the connection's idle time run."""
        self._unset_keepalive_if_required()
        super().on_message_begin()
        self._is_in_head = self._has_head_begun = True

    def on_headers_complete(self) -> None:
        """The head is whole."""
        if self.is_upgrade_declined:
            return
        self._head_came()
        self._is_in_body = True
        if self._at_once is not None and self.url == self._at_once[0] and self._may_answer_at_once():
            self._held_body = b""
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Some of the body."""
        held = self._held_body
        if held is None:
            super().on_body(body)
            return
        self._held_body = held + body if held else body
        if len(self._held_body) > _MAX_AT_ONCE_BYTES:
            self._let_go()

    def on_message_complete(self) -> None:
        """The body is whole, if there was one."""
        if self.is_upgrade_declined:
            return
        self._is_in_body, self._has_one_ended = False, True
        if self._held_body is not None:
            if self._answer_at_once(self._held_body):
                self._held_body = None
                return
            self._let_go()
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """It is a WebSocket from here on: none of these times is its own."""
        self._is_handed_over = True
        self._written()
        super().handle_websocket_upgrade()

    def _may_answer_at_once(self) -> bool:
        """Whether this is a plain POST that no other answer is before, on a connection that stays.

        One of those that come together at most: between their answers other connections have their turn.
        """
        parser = self.parser
        return (
            self._is_idle
            and not self._has_one_ended
            and not self.pipeline
            and not self.expect_100_continue
            and not self.flow.write_paused
            and not self.root_path
            and self.limit_concurrency is None
            and parser.get_method() == b"POST"
            and parser.get_http_version() == "1.1"
            and parser.should_keep_alive()
            and not parser.should_upgrade()
            and not self.transport.is_closing()
        )

    def _answer_at_once(self, body: bytes) -> bool:
        assert self._at_once is not None  # noqa: S101 - else no body is held
        path, answer = self._at_once
        scope: Any = self.scope
        scope["method"], scope["path"], scope["query_string"] = "POST", path.decode(), b""
        parts = answer(scope, body)
        if parts is None:
            return False
        own = [b"%b: %b\r\n" % header for header in self.server_state.default_headers]
        self.transport.writelines((_OK, *own, *parts))
        self.on_response_complete()
        return True

    def _let_go(self) -> None:
        """What is not answered at once goes the usual way from here, as if its head had just come."""
        body, self._held_body = self._held_body, None
        super().on_headers_complete()
        if body:
            super().on_body(body)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, and with it everything that waits for it."""
        self._head_came()
        self._written()
        super().connection_lost(exc)
        running = self._running
        if running is not None and not running.response_complete:  # the server asks the last that came alone
            running.disconnected = True
            running.message_event.set()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def pause_writing(self) -> None:
        """The caller does not take its answer as fast as it is written."""
        super().pause_writing()
        if self._write_timer is None:
            self._write_timer = self.loop.call_later(self._limits.write_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """The caller took it."""
        self._written()
        super().resume_writing()

    @property
    def _is_idle(self) -> bool:
        """Whether no request is under way."""
        under_way: RequestResponseCycle | None = self.cycle
        return under_way is None or under_way.response_complete

    def _go_on_with_head(self, came_bytes: int) -> None:
        if self._head_timer is None:  # as a rule the head came whole, and needs none
            self._await_head()
        self._head_bytes += came_bytes
        if self._head_bytes > self._limits.max_head_bytes:
            told = f"The request's head is over {self._limits.max_head_bytes} bytes."
            self._refuse(OperationTooLarge(told), HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def _go_on_unread(self) -> None:
        """The rest of a body came to a request that was answered without it: it, too, is to end in time."""
        if self._is_in_body:
            if self._head_timer is None:
                self._head_timer = self.loop.call_later(self._limits.head_seconds, self._cut_off)
        elif self.timeout_keep_alive_task is None and not self.transport.is_closing():
            self._head_came()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def _await_head(self) -> None:
        self._is_in_head = True
        self._head_timer = self.loop.call_later(self._limits.head_seconds, self._cut_off)

    def _head_came(self) -> None:
        self._is_in_head = self._has_head_begun = False
        self._head_bytes = 0
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _written(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def _cut_off(self) -> None:
        if not self._is_idle:  # the answer that is under way is the caller's, and comes first
            self._await_head()
        elif self._has_head_begun:
            self._refuse(BadRequest("The request's head took too long."), HTTPStatus.REQUEST_TIMEOUT)
        else:
            self.transport.close()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the server's own words
        """Refuse what is no HTTP, its body's framing included."""
        self._refuse(BadRequest("The request cannot be read as HTTP."), HTTPStatus.BAD_REQUEST)

    def _refuse(self, error: GatewayError, status: HTTPStatus) -> None:
        unread, is_next = self._unread(), self._is_next
        self._held_body = None
        self._head_came()
        if self.transport.is_closing():
            return
        unread.note(error, status=status if is_next else None)
        if is_next:
            own = self.server_state.default_headers
            self.transport.write(unread.refuse(error, status=status, headers=own))
            self.transport.close()
        elif self._is_idle:  # its own answer was sent before its body had come
            self.transport.close()
        else:  # another answer is under way, and this one would be taken for it
            self.transport.abort()

    def _unread(self) -> Unread:
        if not self._has_head_begun and not self._is_in_body:
            return Unread()
        return Unread(self.url, self.headers, is_head=self.parser.get_method() == b"HEAD")

    @property
    def _is_next(self) -> bool:
        """Whether what is being read is what the caller waits for, and nothing of an answer was sent."""
        latest: RequestResponseCycle | None = self.cycle
        if not self._is_in_body or latest is None or latest.scope is not self.scope:
            return self._is_idle
        return not self.pipeline and not latest.response_started
