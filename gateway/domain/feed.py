"""A feed: one tenant's agents as they change, read by one poller for all who listen."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Final, Protocol

import msgspec
from msgspec.structs import replace

from gateway.domain.agents import Agent
from gateway.domain.changes import AgentsState, ChangeMemory, Changes, Link, find_changes, keep_unseen
from gateway.domain.clock import Clock
from gateway.domain.errors import Failure, GatewayError, InternalServerError, UpstreamCredentialsRejected
from gateway.domain.ids import TenantId
from gateway.domain.listings import ANY_AGE, FreshnessBound, Reading

Read = Callable[[FreshnessBound], Awaitable[Reading[Agent]]]
Rest = Callable[[asyncio.Event, float], Awaitable[None]]
"""Waits for the event, for so many seconds at most."""

_HELD: Final = FreshnessBound(only_if_cached=True)
_SLACK: Final = 0.9
"""What another replica has just read is young enough, though it is not of this very instant."""
_LEAST_REST: Final = 0.2
"""Of the interval: an Evolux that is walked for longer than the interval is not walked without a pause."""
_RECALL_SECONDS: Final = 1.0
"""How often at most the other replicas' memory is asked for."""


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How often the listing is read, and how much is remembered for those who come back."""

    poll_seconds: float
    resume_agents: int
    resume_seconds: float


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """What a feed knows: the last reading, and why there is none, or none newer.

    `state` names the agents' state, None where nothing was read yet; `read_at` is monotonic.
    """

    reading: Reading[Agent] | None = None
    state: str | None = None
    read_at: float = 0.0
    failure: GatewayError | None = None

    @property
    def is_told(self) -> bool:
        """Whether anything is known, be it a failure."""
        return self.reading is not None or self.failure is not None

    def reading_at(self, now: float) -> Reading[Agent] | None:
        """The reading with its age as it is by now."""
        if self.reading is None:
            return None
        return replace(self.reading, age_seconds=self.reading.age_seconds + max(0.0, now - self.read_at))


class SharedChanges(Protocol):
    """What replicas tell each other of changes. Nothing here raises; where it fails nothing is shared."""

    async def tell(self, tenant_id: TenantId, link: Link) -> None:
        """Let the other replicas know."""
        ...

    async def links(self, tenant_id: TenantId) -> Sequence[Link]:
        """What they told, the oldest first."""
        ...


class FeedObserver(Protocol):
    """Watches feeds."""

    def feed_polled(self, tenant_id: TenantId, *, is_ok: bool) -> None:
        """A listing was read for those who listen."""
        ...

    def feed_failed(self, tenant_id: TenantId, error: Exception) -> None:
        """A fault of ours ended a poll."""
        ...


async def rest(event: asyncio.Event, seconds: float) -> None:
    """Wait for the event, for so long at most."""
    if seconds > 0:
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            return


class Feed:
    """One tenant's agents as they change, read while somebody listens and remembered a while after."""

    def __init__(
        self,
        tenant_id: TenantId,
        *,
        read: Read,
        pace: Pace,
        clock: Clock,
        observer: FeedObserver,
        shared: SharedChanges | None = None,
        rest: Rest = rest,
    ) -> None:
        self.moment = Moment()
        self._last: Reading[Agent] | None = None
        self._state = AgentsState(())
        self._tenant_id = tenant_id
        self._read = read
        self._pace = pace
        self._clock = clock
        self._observer = observer
        self._shared = shared
        self._rest = rest
        self._memory = ChangeMemory(
            max_agents=pace.resume_agents, keep_seconds=pace.resume_seconds, monotonic=clock.monotonic
        )
        self._listeners: dict[object, Callable[[], None]] = {}
        self._woken = asyncio.Event()
        self._is_held_newer = self._is_overtaken = False
        self._next_poll_at = self._last_poll_at = self._recalled_at = -float("inf")
        self._polling: asyncio.Task[None] | None = None
        self._recalling: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def listeners(self) -> int:
        """How many listen."""
        return len(self._listeners)

    def listen(self, ring: Callable[[], None]) -> Callable[[], None]:
        """Have `ring` called whenever `moment` is another one; gives what ends that."""
        token = object()
        self._listeners[token] = ring
        if self._polling is None:
            self.moment = Moment()  # what was known when the last one left is nobody's present any more
            self._polling = self._spawn(self._poll_on())
        return lambda: self._leave(token)

    def hear(self, *, is_held: bool) -> None:
        """Something newer is held already, or what is held was overtaken by a write."""
        if is_held:
            self._is_held_newer = True
        else:
            self._is_overtaken = True
        self._woken.set()

    def changes_since(self, state: str) -> Changes | None:
        """What differs between that state and now; None where it is not remembered."""
        now = self.moment.state
        return None if now is None else self._memory.between(state, now)

    async def knows(self, state: str) -> bool:
        """Whether `changes_since` has an answer; where it has none, the other replicas are asked."""
        if self.changes_since(state) is not None:
            return True
        if self._shared is None or self.moment.state is None:
            return False
        if self._recalling is None and self._clock.monotonic() - self._recalled_at >= _RECALL_SECONDS:
            self._recalling = self._spawn(self._recall(self._shared))
        if self._recalling is not None:
            await asyncio.shield(self._recalling)
        return self.changes_since(state) is not None

    async def _recall(self, shared: SharedChanges) -> None:
        try:
            for link in await shared.links(self._tenant_id):
                self._memory.remember(link)
        finally:
            self._recalled_at = self._clock.monotonic()
            self._recalling = None

    async def close(self) -> None:
        """End the poller and what it has begun."""
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _leave(self, token: object) -> None:
        self._listeners.pop(token, None)
        if not self._listeners and self._polling is not None:
            self._polling.cancel()
            self._polling = None

    async def _poll_on(self) -> None:
        """Read at once whatever is held, then whenever it is time."""
        await self._take(ANY_AGE)
        while True:
            await self._rest(self._woken, self._next_poll_at - self._clock.monotonic())
            self._woken.clear()
            is_held_newer, self._is_held_newer = self._is_held_newer, False
            if is_held_newer:
                self._is_overtaken = False
                await self._take(_HELD)
                continue
            if self._is_overtaken:
                self._next_poll_at = min(self._next_poll_at, self._last_poll_at + self._least_rest)
            if self._clock.monotonic() >= self._next_poll_at:
                self._is_overtaken = False
                await self._take(FreshnessBound(max_age_seconds=self._pace.poll_seconds * _SLACK))

    async def _take(self, bound: FreshnessBound) -> None:
        """Read, and tell what came of it."""
        began_at, is_ok = self._clock.monotonic(), False
        try:
            reading = await self._read(bound)
        except GatewayError as failure:
            if bound is not _HELD:
                self._observer.feed_polled(self._tenant_id, is_ok=False)
                await self._take_failure(failure)
        except Exception as error:  # noqa: BLE001 - the task's root: the feed goes on
            self._observer.feed_failed(self._tenant_id, error)
            await self._take_failure(InternalServerError("Internal server error."))
        else:
            is_ok = True
            self._observer.feed_polled(self._tenant_id, is_ok=True)
            self._show(reading)
        if bound is not _HELD:
            self._last_poll_at = began_at
            self._plan_poll(is_ok=is_ok, is_first=bound is ANY_AGE)

    def _plan_poll(self, *, is_ok: bool, is_first: bool) -> None:
        """Read again when the reading is as old as the interval, so that all replicas do at one instant."""
        now = self._clock.monotonic()
        reading = self.moment.reading_at(now)
        age_seconds = reading.age_seconds if is_ok and reading is not None else 0.0
        least_seconds = 0.0 if is_first else self._least_rest
        self._next_poll_at = now + max(least_seconds, self._pace.poll_seconds - age_seconds)

    @property
    def _least_rest(self) -> float:
        return self._pace.poll_seconds * _LEAST_REST

    async def _take_failure(self, failure: GatewayError) -> None:
        """Evolux failed: what is held stands in, marked stale, unless that was an answer of Evolux."""
        is_covered = isinstance(failure, Failure) and not isinstance(failure, UpstreamCredentialsRejected)
        if is_covered:
            try:
                held = await self._read(_HELD)
            except GatewayError:
                is_covered = False
            else:
                self._show(replace(held, stale=True))
                return
        self._publish(replace(self.moment, failure=failure))

    def _show(self, reading: Reading[Agent]) -> None:
        before = self._last
        if before is None:
            self._state = AgentsState(reading.snapshot.rows)
        else:
            if not reading.snapshot.complete:
                reading = replace(reading, snapshot=keep_unseen(before.snapshot, reading.snapshot))
            self._follow(find_changes(before.snapshot, reading.snapshot))
        self._last = reading
        self._publish(Moment(reading=reading, state=self._state.name, read_at=self._clock.monotonic()))

    def _follow(self, changes: Changes) -> None:
        if not changes:
            return
        before = self._state.name
        self._state.follow(changes)
        link = Link(before, self._state.name, changes)
        self._memory.remember(link)
        if self._shared is not None:
            self._spawn(self._shared.tell(self._tenant_id, link))

    def _publish(self, moment: Moment) -> None:
        self.moment = moment
        for ring in tuple(self._listeners.values()):
            ring()

    def _spawn(self, work: Awaitable[None]) -> "asyncio.Task[None]":
        """In a context of its own: what one caller brought (deadline, span, log fields) is not the feed's."""
        task = asyncio.get_running_loop().create_task(_awaited(work), context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _awaited(work: Awaitable[None]) -> None:
    await work
