"""Broadcasts: each distinct subscription is executed once per change, whoever and how many follow it."""

import asyncio
import hashlib
from collections.abc import Callable
from contextvars import Context
from typing import Any, Final

import msgspec
from graphql import ExecutionResult, GraphQLError

from gateway.domain.call_center import CallCenter
from gateway.domain.changes import Changes, is_state_name
from gateway.domain.clock import Clock
from gateway.domain.deadlines import one_deadline
from gateway.domain.errors import ErrorCode, error_classes
from gateway.domain.feed import Feed, Moment
from gateway.domain.ids import TenantId
from gateway.domain.listings import Reading
from gateway.engine.execution import Operation
from gateway.engine.executor import Executor
from gateway.schema.errors import shape_error
from gateway.schema.subscriptions import EventContext
from gateway.web.authentication import Visitor
from gateway.web.events import Event
from gateway.web.request_ids import request_id_of

_RETRYABLE: Final = frozenset(one.code for one in error_classes() if one.retryable)
_GOES_ON: Final = _RETRYABLE | {ErrorCode.UPSTREAM_CREDENTIALS_REJECTED}
"""Codes after which a later event may well be a good one; after any other the stream is complete."""


class Broadcast:
    """One subscription of one tenant, with the readers who follow it: same document, variables and scopes."""

    def __init__(
        self,
        operation: Operation,
        *,
        visitor: Visitor,
        call_center_of: Callable[[TenantId], CallCenter],
        feed: Feed,
        executor: Executor,
        clock: Clock,
        silence_seconds: float,
        deadline_seconds: float,
        hide_suggestions: bool,
        on_event: Callable[[float], None],
    ) -> None:
        self._operation = operation
        self._visitor = visitor
        self._call_center_of = call_center_of
        self._feed = feed
        self._executor = executor
        self._clock = clock
        self._silence_seconds = silence_seconds
        self._deadline_seconds = deadline_seconds
        self._hide_suggestions = hide_suggestions
        self._on_event = on_event
        self._name = _name_of(operation, tenant_id=visitor.tenant_id)
        self._readers: dict[object, Callable[[], None]] = {}
        self._leave_feed: Callable[[], None] | None = None
        self._made: dict[str | None, asyncio.Task[Event]] = {}
        self._made_at: Moment | None = None
        self._last: Event | None = None
        self._state: str | None = None
        self._told_at = -float("inf")
        self._advancing: asyncio.Task[None] | None = None
        self.turn = 0
        """How often the readers were told to look."""

    @property
    def readers(self) -> int:
        """How many follow."""
        return len(self._readers)

    def follow(self, ring: Callable[[], None]) -> Callable[[], None]:
        """Have `ring` called whenever there is an event to take; gives what ends that."""
        token = object()
        self._readers[token] = ring
        if self._leave_feed is None:
            self._leave_feed = self._feed.listen(self._hear)
            if self._feed.moment.is_told:
                self._hear()
        return lambda: self._part(token)

    @property
    def is_ready(self) -> bool:
        """Whether there is anything to tell a reader who comes now."""
        return self._last is not None

    async def event_since(self, state: str | None) -> Event:
        """The event that brings a reader who has seen this state up to now; made once for all of them."""
        made = self._made.get(state) if self._made_at is self._feed.moment else None
        if made is not None and made.done():
            return made.result()
        is_told = self._feed.moment.failure is None
        if state is not None and is_told and not await self._feed.knows(state):
            state = None  # whatever else was sent for an id costs no more than none at all
        moment = self._feed.moment
        if self._made_at is not moment:
            self._made, self._made_at = {}, moment
        making = self._made.get(state)
        if making is None:
            work = self._make(moment, state=state)
            making = self._made[state] = asyncio.get_running_loop().create_task(work, context=Context())
        return await asyncio.shield(making)

    def state_of(self, event_id: str | None) -> str | None:
        """The state that an event id of this subscription names; what is none, or of another one, is None."""
        state, _, name = (event_id or "").partition(".")
        return state if name == self._name and is_state_name(state) else None

    def _part(self, token: object) -> None:
        self._readers.pop(token, None)
        if not self._readers and self._leave_feed is not None:
            self._leave_feed()
            self._leave_feed = None
            self._made, self._made_at, self._last, self._state = {}, None, None, None
            advancing, self._advancing = self._advancing, None
            if advancing is not None:
                advancing.cancel()

    def _hear(self) -> None:
        """The feed has another moment."""
        if self._advancing is None:
            self._advancing = asyncio.get_running_loop().create_task(self._advance(), context=Context())
            self._advancing.add_done_callback(self._advanced)

    def _advanced(self, task: "asyncio.Task[None]") -> None:
        if self._advancing is task:
            self._advancing = None
        if not task.cancelled():
            task.result()

    async def _advance(self) -> None:
        """Tell the readers where there is something new, or where they have not heard anything for long."""
        while True:
            moment = self._feed.moment
            event = await self.event_since(self._state)
            now = self._clock.monotonic()
            if self._is_news(event) or now - self._told_at > self._silence_seconds:
                self._last, self._told_at = event, now
                if event.code is None:
                    self._state = event.state
                self.turn += 1
                for ring in tuple(self._readers.values()):
                    ring()
            if self._feed.moment is moment:
                return

    def _is_news(self, event: Event) -> bool:
        last = self._last
        return last is None or event.is_news or event.standing != last.standing

    async def _make(self, moment: Moment, *, state: str | None) -> Event:
        try:
            return await self._make_of(moment, state=state)
        except Exception as error:  # noqa: BLE001 - the task's root: its readers are told, the log has it
            return self._failed(error, state=state)

    async def _make_of(self, moment: Moment, *, state: str | None) -> Event:
        reading = moment.reading_at(self._clock.monotonic())
        if moment.failure is not None:
            return self._failed(moment.failure, state=state)
        assert reading is not None  # noqa: S101 - nobody asks before the feed has told something
        since = None if state is None else self._feed.changes_since(state)
        context = self._context(reading, since=since)
        with one_deadline(self._deadline_seconds):
            outcome = await self._executor.run(
                self._operation, context=context, hide_suggestions=self._hide_suggestions
            )
        event = self._event(outcome, moment=moment, context=context, state=state)
        self._on_event(self._clock.monotonic() - moment.read_at)
        return event

    def _context(self, reading: Reading[Any], *, since: Changes | None) -> EventContext:
        visitor = self._visitor
        return EventContext(
            reading,
            since=since,
            tenant_id=visitor.tenant_id,
            caller_name=visitor.caller.name,
            scopes=frozenset(scope.value for scope in visitor.caller.scopes),
            call_center=self._call_center_of(visitor.tenant_id),
            clock=self._clock.now,
            request_id=request_id_of(None),
        )

    def _event(
        self,
        outcome: bytes | ExecutionResult,
        *,
        moment: Moment,
        context: EventContext,
        state: str | None,
    ) -> Event:
        now, reading = moment.state, moment.reading
        assert reading is not None  # noqa: S101 - the event was made of it
        standing = (reading.stale, reading.snapshot.complete, None)
        event_id = f"{now}.{self._name}"
        if isinstance(outcome, bytes):
            payload = b'%b,"extensions":{"eventId":"%b"}}' % (outcome[:-1], event_id.encode())
            is_news = context.is_news if context.shows_changes else now != state
            return Event(payload, id=event_id, state=now, is_news=is_news, standing=standing)
        errors = _shape(outcome.errors or [], request_id=context.request_id)
        if outcome.data is None:
            return self._refused(errors, state=state)
        content = {"data": outcome.data, "errors": errors, "extensions": {"eventId": event_id}}
        return Event(msgspec.json.encode(content), id=event_id, state=now, is_news=True, standing=standing)

    def _failed(self, failure: Exception, *, state: str | None) -> Event:
        error = GraphQLError(str(failure), original_error=failure)
        return self._refused(_shape([error], request_id=request_id_of(None)), state=state)

    def _refused(self, errors: list[dict[str, Any]], *, state: str | None) -> Event:
        """An event without data: what the reader has seen stays what it has seen."""
        code = ErrorCode(errors[0]["extensions"]["code"])
        event_id = None if state is None else f"{state}.{self._name}"
        content: dict[str, Any] = {"errors": errors}
        if any("path" in error for error in errors):
            content["data"] = None  # it was begun; an answer to what could not even begin has no data
        if event_id is not None:
            content["extensions"] = {"eventId": event_id}
        return Event(
            msgspec.json.encode(content),
            id=event_id,
            state=state,
            is_news=False,
            standing=(None, None, code.value),
            code=code,
            is_last=code not in _GOES_ON,
        )


def _shape(errors: list[GraphQLError], *, request_id: str) -> list[dict[str, Any]]:
    return [shape_error(error, request_id=request_id) for error in errors]


def _name_of(operation: Operation, *, tenant_id: TenantId) -> str:
    """A tenant's subscription in eight characters: an id that came with another one is unknown in this."""
    asked = (tenant_id, operation.document.sha256, operation.name, operation.variables)
    return hashlib.blake2b(msgspec.json.encode(asked, order="deterministic"), digest_size=4).hexdigest()
