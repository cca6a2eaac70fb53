"""The desk of streams: opens each within its limits, counts it, and ends all in order."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from contextvars import Context
from typing import Final

import msgspec
from starlette.datastructures import Headers

from gateway.domain.clock import Clock
from gateway.domain.errors import BadRequest, Overloaded, RateLimited
from gateway.domain.feeds import Feeds
from gateway.domain.ids import TenantId
from gateway.domain.scopes import AGENTS_READ, require_scope
from gateway.engine.execution import Operation
from gateway.engine.executor import Executor
from gateway.telemetry import events
from gateway.telemetry.labels import Transport
from gateway.telemetry.telemetry import Telemetry
from gateway.web.admissions import Admissions
from gateway.web.authentication import Authentication, Visitor
from gateway.web.broadcasts import Broadcast
from gateway.web.streams import Stream

_MAX_EVENT_ID_CHARS: Final = 100
_RETRY_AFTER_SECONDS: Final = 5.0
_Key = tuple[object, ...]


class StreamLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How many may be open, and how often they are told something."""

    max_per_caller: int
    max_per_tenant: int
    max_open: int
    refresh_seconds: float
    keep_alive_seconds: float
    poll_seconds: float
    deadline_seconds: float


class StreamDesk:
    """Opens streams within their limits; those of one subscription share one broadcast."""

    def __init__(
        self,
        *,
        executor: Executor,
        feeds: Feeds,
        authentication: Authentication,
        clock: Clock,
        limits: StreamLimits,
        streams_end: asyncio.Event,
        telemetry: Telemetry,
    ) -> None:
        self.is_stopping = False
        self.keep_alive_seconds = limits.keep_alive_seconds
        self._limits = limits
        self._executor = executor
        self._authentication = authentication
        self._feeds = feeds
        self._clock = clock
        self.admissions = Admissions(
            authentication,
            check_seconds=limits.poll_seconds,
            on_fault=lambda fault: self._log.error(events.INTERNAL_ERROR, exc_info=fault),
        )
        self._at_end: dict[object, Callable[[], None]] = {}
        self._streams_end = streams_end
        self._telemetry = telemetry
        self._log = telemetry.logger("gateway.streams")
        self._open: set[Stream] = set()
        self._callers: Counter[str] = Counter()
        self._tenants: Counter[TenantId] = Counter()
        self._by_transport: Counter[tuple[str, str]] = Counter()
        self._broadcasts: dict[_Key, Broadcast] = {}
        self._stopping: asyncio.Task[None] | None = None
        telemetry.observe_streams(lambda: dict(self._by_transport))

    async def open(
        self,
        operation: Operation,
        *,
        visitor: Visitor,
        headers: Headers,
        transport: Transport,
        last_event_id: str | None = None,
        hide_suggestions: bool = False,
    ) -> Stream:
        """Open one; `Overloaded`, `RateLimited` or `Forbidden` where it may not be."""
        require_scope([scope.value for scope in visitor.caller.scopes], scope=AGENTS_READ)
        self._check_room(visitor)
        self._watch_end()
        key = _key_of(operation, visitor=visitor)
        broadcast = self._broadcasts.get(key)
        if broadcast is None:
            broadcast = self._begin(operation, visitor=visitor, hide_suggestions=hide_suggestions)
            self._broadcasts[key] = broadcast
        stream = Stream(broadcast, desk=self, tenant_id=visitor.tenant_id, transport=transport)
        self._count(stream, visitor=visitor, by=1)
        stream.opened(
            broadcast.follow(stream.ring),
            self.admissions.hold(headers, visitor=visitor, end=stream.end_with),
            lambda: self._closed(stream, key=key, visitor=visitor),
        )
        if last_event_id is not None and len(last_event_id) <= _MAX_EVENT_ID_CHARS:
            stream.state = broadcast.state_of(last_event_id)
        return stream

    def on_end(self, tell: Callable[[], None]) -> Callable[[], None]:
        """Have it called when this process stops; gives what ends that."""
        self._watch_end()
        token = object()
        self._at_end[token] = tell
        return lambda: self._at_end.pop(token, None) and None

    def note_event(self, stream: Stream) -> None:
        """An event goes out."""
        self._telemetry.record_stream_event(stream.tenant_id, transport=stream.transport)

    def _check_room(self, visitor: Visitor) -> None:
        limits = self._limits
        if self.is_stopping or self._streams_end.is_set():
            raise Overloaded("This process is stopping: come again.", retry_after_seconds=1.0)
        if len(self._open) >= limits.max_open:
            raise Overloaded(
                f"Over {limits.max_open} subscriptions are open.", retry_after_seconds=_RETRY_AFTER_SECONDS
            )
        if self._tenants[visitor.tenant_id] >= limits.max_per_tenant:
            raise Overloaded(
                f"Over {limits.max_per_tenant} subscriptions of this tenant are open.",
                retry_after_seconds=_RETRY_AFTER_SECONDS,
            )
        if self._callers[visitor.caller.name] >= limits.max_per_caller:
            raise RateLimited(
                f"You have {limits.max_per_caller} subscriptions open, as many as you may.",
                retry_after_seconds=_RETRY_AFTER_SECONDS,
            )

    def _count(self, stream: Stream, *, visitor: Visitor, by: int) -> None:
        (self._open.add if by > 0 else self._open.discard)(stream)
        self._by_transport[visitor.tenant_id, stream.transport.value] += by
        for counter, name in ((self._callers, visitor.caller.name), (self._tenants, visitor.tenant_id)):
            counter[name] += by  # type: ignore[index]  # each by names of its own
            if not counter[name]:  # type: ignore[index]
                del counter[name]

    def _closed(self, stream: Stream, *, key: _Key, visitor: Visitor) -> None:
        self._count(stream, visitor=visitor, by=-1)
        self._feeds.left(visitor.tenant_id)
        if not self._broadcasts[key].readers:
            del self._broadcasts[key]
        self._telemetry.record_stream_ended(
            stream.transport, duration_seconds=time.perf_counter() - stream.began_at
        )

    def _begin(self, operation: Operation, *, visitor: Visitor, hide_suggestions: bool) -> Broadcast:
        return Broadcast(
            operation,
            visitor=visitor,
            call_center_of=self._authentication.call_center_of,
            feed=self._feeds.of(visitor.tenant_id),
            executor=self._executor,
            clock=self._clock,
            silence_seconds=self._limits.refresh_seconds - self._limits.poll_seconds,
            deadline_seconds=self._limits.deadline_seconds,
            hide_suggestions=hide_suggestions,
            on_event=lambda seconds: self._telemetry.record_event_lag(visitor.tenant_id, seconds),
        )

    def _watch_end(self) -> None:
        if self._stopping is None:
            self._stopping = asyncio.get_running_loop().create_task(self._await_end(), context=Context())

    async def _await_end(self) -> None:
        await self._streams_end.wait()
        self.is_stopping = True
        for stream in tuple(self._open):
            stream.ring()
        for tell in tuple(self._at_end.values()):
            tell()

    async def close(self) -> None:
        """End what waits for the end."""
        if self._stopping is not None:
            self._stopping.cancel()
            await asyncio.wait([self._stopping])


def _key_of(operation: Operation, *, visitor: Visitor) -> _Key:
    """What streams of one broadcast have in common."""
    try:
        variables = msgspec.json.encode(operation.variables, order="deterministic")
    except (UnicodeEncodeError, RecursionError):
        raise BadRequest("The variables cannot be written as JSON in UTF-8.") from None
    document = operation.document
    return (visitor.tenant_id, document.sha256, operation.name, variables, visitor.caller.scopes)
