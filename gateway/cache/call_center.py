"""A CallCenter that answers from held listings and asks the one behind it as rarely as the policy allows."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeVar

import msgspec

from gateway.cache.flights import Flight, Flights
from gateway.cache.freshness import FreshnessPolicy, Verdict, is_stale, judge, may_serve_on_error
from gateway.cache.generations import Generations
from gateway.cache.store import Held, ListingKey, ListingKind, ListingStore
from gateway.domain.agents import Agent, AgentChange, NewAgent
from gateway.domain.call_center import CallCenter
from gateway.domain.clock import Clock
from gateway.domain.errors import (
    NOTHING_WAS_WRITTEN,
    Failure,
    UpstreamCredentialsRejected,
    UpstreamUnavailable,
)
from gateway.domain.ids import AgentId, PauseId, TenantId
from gateway.domain.listings import ANY_AGE, FreshnessBound, Reading, ReadSource
from gateway.domain.pauses import AllowedPause
from gateway.domain.queues import Queue

T = TypeVar("T")
Fetch = Callable[[], Awaitable[Reading[Any]]]


_AGENTS = (ListingKind.AGENTS,)
_AGENTS_AND_PAUSES = (ListingKind.AGENTS, ListingKind.AGENT_PAUSES)


class ReadObserver(Protocol):
    """Watches how readings are served."""

    def reading_served(self, kind: ListingKind, source: ReadSource, *, age_seconds: float) -> None:
        """A reader got a listing of this age."""
        ...

    def reading_failed(self, kind: ListingKind) -> None:
        """A reader got an error."""
        ...


class Unobserved:
    """The observer that looks away."""

    def reading_served(self, kind: ListingKind, source: ReadSource, *, age_seconds: float) -> None:
        """Nothing."""

    def reading_failed(self, kind: ListingKind) -> None:
        """Nothing."""


class CachedCallCenter:
    """One tenant's call centre behind its held listings.

    After a write that happened, or may have, no reader is given a listing whose walk began before the write's
    end. A write that Evolux refused changes nothing here either.
    """

    def __init__(
        self,
        upstream: CallCenter,
        *,
        tenant_id: TenantId,
        credential: Callable[[], str],
        store: ListingStore,
        generations: Generations,
        clock: Clock,
        policies: Mapping[ListingKind, FreshnessPolicy],
        observer: ReadObserver | None = None,
    ) -> None:
        self._upstream = upstream
        self._tenant_id = tenant_id
        self._credential = credential
        self._store = store
        self._generations = generations
        self._clock = clock
        self._policies = policies
        self._observer = observer or Unobserved()
        self._flights = Flights()
        self._failed: dict[ListingKey, Failure] = {}
        self._writes: set[asyncio.Task[Any]] = set()

    async def agents(self, bound: FreshnessBound = ANY_AGE) -> Reading[Agent]:
        return await self._read(self._key(ListingKind.AGENTS), self._upstream.agents, bound)

    async def queues(self, bound: FreshnessBound = ANY_AGE) -> Reading[Queue]:
        return await self._read(self._key(ListingKind.QUEUES), self._upstream.queues, bound)

    async def agent_pauses(self, agent_id: AgentId, bound: FreshnessBound = ANY_AGE) -> Reading[AllowedPause]:
        key = self._key(ListingKind.AGENT_PAUSES, agent_id)
        return await self._read(key, lambda: self._upstream.agent_pauses(agent_id), bound)

    async def read_agent(self, agent_id: AgentId, *, near_page: int | None = None) -> Agent | None:
        held = self._store.get(self._key(ListingKind.AGENTS))
        if near_page is None and held is not None:
            near_page = held.snapshot.page_of(agent_id)
        return await self._upstream.read_agent(agent_id, near_page=near_page)

    async def create_agent(self, new: NewAgent) -> Agent:
        return await self._write(self._upstream.create_agent(new), touches=_AGENTS_AND_PAUSES)

    async def update_agent(self, agent_id: AgentId, change: AgentChange) -> None:
        await self._write(self._upstream.update_agent(agent_id, change), touches=_AGENTS_AND_PAUSES)

    async def pause_agent(self, agent_id: AgentId, pause_id: PauseId) -> None:
        await self._write(self._upstream.pause_agent(agent_id, pause_id), touches=_AGENTS)

    async def unpause_agent(self, agent_id: AgentId) -> None:
        await self._write(self._upstream.unpause_agent(agent_id), touches=_AGENTS)

    async def log_off_agent(self, agent_id: AgentId) -> None:
        await self._write(self._upstream.log_off_agent(agent_id), touches=_AGENTS)

    async def close(self) -> None:
        """Let writes under way end, so that their outcome is known; abandon walks."""
        if self._writes:
            await asyncio.wait(self._writes)
        await self._flights.close()

    def _key(self, kind: ListingKind, of_id: int | None = None) -> ListingKey:
        return ListingKey(self._tenant_id, self._credential(), kind, of_id)

    async def _write(self, send: Awaitable[T], *, touches: tuple[ListingKind, ...]) -> T:
        """Do a write to its end even if its caller hangs up: what it did must be known here."""
        task = asyncio.ensure_future(self._write_to_the_end(send, touches=touches))
        self._writes.add(task)
        task.add_done_callback(self._forget_write)
        return await asyncio.shield(task)

    async def _write_to_the_end(self, send: Awaitable[T], *, touches: tuple[ListingKind, ...]) -> T:
        happened = True
        try:
            return await send
        except NOTHING_WAS_WRITTEN:
            happened = False
            raise
        finally:
            if happened:
                for kind in touches:
                    self._generations.advance(_counter(self._tenant_id, kind))

    def _forget_write(self, task: asyncio.Task[Any]) -> None:
        self._writes.discard(task)
        if not task.cancelled():
            task.exception()

    async def _read(self, key: ListingKey, fetch: Fetch, bound: FreshnessBound) -> Reading[Any]:
        policy = self._policies[key.kind]
        asked_at = self._clock.monotonic()
        held = self._valid(key)
        age = None if held is None else asked_at - held.read_at
        verdict = judge(age, policy=policy, bound=bound)
        if held is not None and verdict is not Verdict.WAIT:
            if verdict is Verdict.SERVE_AND_REFRESH or held.provisional:
                self._refresh_behind(key, fetch)
            return self._serve(key, held, stale=is_stale(asked_at - held.read_at, policy=policy))
        if bound.only_if_cached:
            raise UpstreamUnavailable(
                "No listing young enough is held, and only-if-cached forbids to ask Evolux."
            )
        if held is not None and key in self._failed and may_serve_on_error(age, policy=policy, bound=bound):
            self._refresh_behind(key, fetch)
            return self._serve(key, held, source=ReadSource.STALE_IF_ERROR, stale=True)
        return await self._wait(key, fetch, bound=bound, asked_at=asked_at)

    async def _wait(
        self, key: ListingKey, fetch: Fetch, *, bound: FreshnessBound, asked_at: float
    ) -> Reading[Any]:
        """Wait for a walk that this caller may share, or begin it; where Evolux fails, fall back."""
        not_before = asked_at - bound.max_age_seconds if bound.max_age_seconds is not None else None
        flight = self._flights.current(key)
        while flight is not None and not self._may_share(key, flight, not_before=not_before):
            await flight.settle()
            flight = self._flights.current(key)
        try:
            reading = await (flight or self._launch(key, fetch)).land()
        except Failure as failure:
            fallback = self._fallback(key, bound=bound, failure=failure)
            if fallback is None:
                self._observer.reading_failed(key.kind)
                raise
            return fallback
        source = ReadSource.COALESCED if flight is not None else ReadSource.WALKED
        self._observer.reading_served(key.kind, source, age_seconds=reading.age_seconds)
        return reading if reading.stale else msgspec.structs.replace(reading, source=source)

    def _may_share(self, key: ListingKey, flight: Flight, *, not_before: float | None) -> bool:
        """A walk begun before the last write's end, or before the age a caller accepts, is not for it."""
        if flight.generation != self._generation(key):
            return False
        return not_before is None or flight.started_at >= not_before

    def _refresh_behind(self, key: ListingKey, fetch: Fetch) -> None:
        flight = self._flights.current(key)
        if flight is None or flight.generation != self._generation(key):
            self._launch(key, fetch)

    def _launch(self, key: ListingKey, fetch: Fetch) -> Flight:
        started_at = self._clock.monotonic()
        generation = self._generation(key)

        async def walk() -> Reading[Any]:
            try:
                reading = await fetch()
            except Failure as failure:
                self._failed[key] = failure
                raise
            self._failed.pop(key, None)
            return self._keep(key, reading, started_at=started_at, generation=generation)

        return self._flights.launch(key, walk, started_at=started_at, generation=generation)

    def _keep(
        self, key: ListingKey, reading: Reading[Any], *, started_at: float, generation: int
    ) -> Reading[Any]:
        """Hold what a walk brought, unless a write overtook it or it is less whole than what is held."""
        age_seconds = self._clock.monotonic() - started_at
        reading = msgspec.structs.replace(reading, age_seconds=age_seconds)
        if generation != self._generation(key):
            return reading
        held = self._valid(key)
        if not reading.snapshot.complete and held is not None and held.snapshot.complete:
            age = self._clock.monotonic() - held.read_at
            if may_serve_on_error(age, policy=self._policies[key.kind], bound=ANY_AGE):
                return Reading(held.snapshot, ReadSource.STALE_IF_ERROR, stale=True, age_seconds=age)
        self._store.put(key, Held(reading.snapshot, started_at, generation))
        return reading

    def _fallback(self, key: ListingKey, *, bound: FreshnessBound, failure: Failure) -> Reading[Any] | None:
        """The last good listing where Evolux fails; a refused token is an answer, and nothing covers it."""
        held = self._valid(key)
        if held is None or isinstance(failure, UpstreamCredentialsRejected):
            return None
        age = self._clock.monotonic() - held.read_at
        if not may_serve_on_error(age, policy=self._policies[key.kind], bound=bound):
            return None
        return self._serve(key, held, source=ReadSource.STALE_IF_ERROR, stale=True)

    def _generation(self, key: ListingKey) -> int:
        return self._generations.current(_counter(key.tenant_id, key.kind))

    def _valid(self, key: ListingKey) -> Held | None:
        """What is held, if no write came after it."""
        held = self._store.get(key)
        if held is None or held.generation != self._generation(key):
            return None
        return held

    def _serve(
        self, key: ListingKey, held: Held, *, stale: bool, source: ReadSource | None = None
    ) -> Reading[Any]:
        served_as = source or (ReadSource.STALE if stale else ReadSource.FRESH)
        age_seconds = self._clock.monotonic() - held.read_at
        self._observer.reading_served(key.kind, served_as, age_seconds=age_seconds)
        return Reading(held.snapshot, served_as, stale=stale, age_seconds=age_seconds)


def _counter(tenant_id: TenantId, kind: ListingKind) -> str:
    return f"{tenant_id}/{kind.value}"
