"""Streams: a reader's way through a broadcast, by any transport; opened within limits, ended in order."""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from gateway.domain.errors import ErrorCode, GatewayError
from gateway.domain.ids import TenantId
from gateway.telemetry.labels import Transport
from gateway.web.broadcasts import Broadcast
from gateway.web.events import Event


class Gone(Exception):
    """The reader has hung up, or wants no more."""


class Restarting(Exception):
    """This process is about to stop: the reader is to come again, to another one."""


class NotAdmitted(Exception):
    """The reader's credential, tenant or scopes are not what they were; `error` says it."""

    def __init__(self, error: GatewayError) -> None:
        super().__init__(error.message)
        self.error = error


class Opener(Protocol):
    """Who has opened a stream, and counts it."""

    @property
    def is_stopping(self) -> bool:
        """Whether this process is about to stop."""
        ...

    @property
    def keep_alive_seconds(self) -> float:
        """After how much silence a sign of life is due."""
        ...

    def note_event(self, stream: "Stream") -> None:
        """An event goes out."""
        ...


class Stream:
    """One reader: what it has seen, and a bell. A slow one holds nothing but the name of a state."""

    __slots__ = (
        "_bell",
        "_broadcast",
        "_desk",
        "_fault",
        "_is_gone",
        "_leave",
        "_turn",
        "began_at",
        "code",
        "operation_name",
        "sent",
        "state",
        "tenant_id",
        "transport",
    )

    def __init__(
        self, broadcast: Broadcast, *, desk: Opener, tenant_id: TenantId, transport: Transport
    ) -> None:
        self._broadcast = broadcast
        self._desk = desk
        self._bell: asyncio.Future[None] | None = None
        self._fault: GatewayError | None = None
        self._is_gone = False
        self._turn = -1
        self._leave: tuple[Callable[[], None], ...] = ()
        self.state: str | None = None
        self.tenant_id = tenant_id
        self.transport = transport
        self.operation_name: str | None = None
        self.code: ErrorCode | None = None
        self.began_at = time.perf_counter()
        self.sent = 0

    async def next_event(self) -> Event | None:
        """What to send next; None where there was nothing for so long that a sign of life is due.

        Raises `Gone`, `Restarting` or `NotAdmitted`.
        """
        while True:
            self._check()
            if self._broadcast.is_ready and self._turn != self._broadcast.turn:
                self._turn = self._broadcast.turn
                event = await self._broadcast.event_since(self.state)
                self._check()
                if event.code is None:
                    self.state = event.state
                self.code = event.code
                self.sent += 1
                self._desk.note_event(self)
                return event
            if not await self._rung():
                return None

    def ring(self) -> None:
        """There is something to look at."""
        if self._bell is not None and not self._bell.done():
            self._bell.set_result(None)

    def hang_up(self) -> None:
        """The reader is gone."""
        self._is_gone = True
        self.ring()

    def end_with(self, error: GatewayError) -> None:
        """The reader is let in no more."""
        self._fault = error
        self.ring()

    def close(self) -> None:
        """Give everything back."""
        leave, self._leave = self._leave, ()
        for each in leave:
            each()

    def opened(self, *leave: Callable[[], None]) -> None:
        """Take what is to be called at the end."""
        self._leave = leave

    def _check(self) -> None:
        if self._is_gone:
            raise Gone
        if self._fault is not None:
            self.code = self._fault.code
            raise NotAdmitted(self._fault)
        if self._desk.is_stopping:
            raise Restarting

    async def _rung(self) -> bool:
        """Wait for the bell; False where it was silent for long."""
        loop = asyncio.get_running_loop()
        bell = self._bell = loop.create_future()
        timer = loop.call_later(self._desk.keep_alive_seconds, _ring_out, bell)
        try:
            return await bell is None
        finally:
            timer.cancel()
            self._bell = None


def _ring_out(bell: "asyncio.Future[object]") -> None:
    if not bell.done():
        bell.set_result(False)
