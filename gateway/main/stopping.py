"""Stopping in order: unready first, then the streams, then the sockets, then what was opened, last first."""

import asyncio
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

Message = MutableMapping[str, Any]
"""One ASGI message."""

Handler = Callable[[int, Any], Any]
"""What Python calls at a signal."""


class Stop:
    """What a process knows of its own end.

    `is_draining`: it still serves, and nothing new should come. `streams_end`: open streams tell readers
    to come again, elsewhere, and close; the server waits for them as for any answer.
    """

    def __init__(self, *, drain_seconds: float, on_drain: Callable[[], None]) -> None:
        self.is_draining = False
        self.streams_end = asyncio.Event()
        self._drain_seconds = drain_seconds
        self._on_drain = on_drain

    @contextmanager
    def following_signals(self) -> Iterator[None]:
        """Stand before the server's own handlers while the service is open; they are put back after.

        SIGTERM drains before the server hears of it, a second one ends the wait. SIGINT is a person at a
        terminal, who is not kept waiting.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
        servers = {number: handler for number, handler in before.items() if callable(handler)}
        for number, handler in servers.items():
            signal.signal(number, self._heard(loop, pass_on=handler))
        try:
            yield
        finally:
            for number, handler in servers.items():
                signal.signal(number, handler)

    def _heard(self, loop: asyncio.AbstractEventLoop, *, pass_on: Handler) -> Handler:
        def handle(number: int, _frame: object) -> None:
            loop.call_soon_threadsafe(self._begin, number, pass_on)

        return handle

    def _begin(self, number: int, pass_on: Handler) -> None:
        waits = number == signal.SIGTERM and not self.is_draining and self._drain_seconds > 0
        if not self.is_draining:
            self.is_draining = True
            self._on_drain()
        if waits:
            asyncio.get_running_loop().call_later(self._drain_seconds, self._end, number, pass_on)
        else:
            self._end(number, pass_on)

    def _end(self, number: int, pass_on: Handler) -> None:
        self.streams_end.set()
        pass_on(number, None)


class Parting:
    """While draining, an answer ends its connection: no balancer sends the next request down it."""

    def __init__(self, app: Any, *, stop: Stop) -> None:
        self._app = app
        self._stop = stop

    def __call__(self, scope: Message, receive: Any, send: Any) -> Awaitable[None]:
        if not self._stop.is_draining or scope["type"] != "http":
            answering: Awaitable[None] = self._app(scope, receive, send)
            return answering
        return self._part(scope, receive, send)

    async def _part(self, scope: Message, receive: Any, send: Any) -> None:

        async def part(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
            await send(message)

        await self._app(scope, receive, part)
