"""A CallCenter that answers from held listings and lets no reader see the state from before a write."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final, TypeVar

from msgspec.structs import replace

from gateway.cache.at_hand import ListingsAtHand
from gateway.cache.freshness import FreshnessPolicy
from gateway.cache.generations import Generations
from gateway.cache.last_known import LastKnown
from gateway.cache.listings import HeldListings
from gateway.cache.observing import ReadObserver
from gateway.cache.sharing import Walks
from gateway.cache.store import Held, ListingKey, ListingKind, ListingStore
from gateway.cache.together import WritesTogether
from gateway.domain import known_changes
from gateway.domain.agents import Agent, AgentChange, NewAgent
from gateway.domain.call_center import CallCenter
from gateway.domain.clock import Clock
from gateway.domain.errors import NOTHING_WAS_WRITTEN
from gateway.domain.ids import AgentId, PauseId, TenantId
from gateway.domain.listings import ANY_AGE, FreshnessBound, Reading, Snapshot
from gateway.domain.outcomes import Witness
from gateway.domain.pauses import AllowedPause
from gateway.domain.queues import Queue
from gateway.telemetry.requests import upstream_wait
from gateway.telemetry.tracing import Tracing

T = TypeVar("T")
Foresee = Callable[[Snapshot[Agent], T], Agent | None]
"""What a write that answered so must have made of one agent; None where only Evolux can tell."""

_STATE: Final = (ListingKind.AGENTS,)
_MEMBERSHIP: Final = (ListingKind.AGENTS, ListingKind.AGENT_PAUSES)
"""The listings that a write touches."""


class CachedCallCenter:
    """One tenant's call centre behind its held listings.

    After a write that happened, or may have, no reader is given a listing whose walk began before the write's
    end. What the write is known to have changed is shown at once, and confirmed or corrected by the next
    walk. A write that Evolux refused changes nothing here either.
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
        walks: Walks | None = None,
        tracing: Tracing | None = None,
    ) -> None:
        self._upstream = upstream
        self._tenant_id = tenant_id
        self._credential = credential
        self._clock = clock
        self._listings = HeldListings(
            store=store,
            generations=generations,
            clock=clock,
            policies=policies,
            observer=observer,
            walks=walks,
            tracing=tracing,
        )
        self._last_known = LastKnown()
        self._writes: set[asyncio.Task[Any]] = set()
        self._at_hand = ListingsAtHand(
            self._listings,
            tenant_id=tenant_id,
            credential=credential,
            clock=clock,
            fetches={ListingKind.AGENTS: self._walk_agents, ListingKind.QUEUES: upstream.queues},
        )

    async def agents(self, bound: FreshnessBound = ANY_AGE) -> Reading[Agent]:
        return self.agents_at_hand(bound) or await self._listings.read(
            self._key(ListingKind.AGENTS), self._walk_agents, bound=bound
        )

    async def queues(self, bound: FreshnessBound = ANY_AGE) -> Reading[Queue]:
        return self.queues_at_hand(bound) or await self._listings.read(
            self._key(ListingKind.QUEUES), self._upstream.queues, bound=bound
        )

    def agents_at_hand(self, bound: FreshnessBound = ANY_AGE) -> Reading[Agent] | None:
        return self._at_hand.listing(ListingKind.AGENTS, bound)

    def queues_at_hand(self, bound: FreshnessBound = ANY_AGE) -> Reading[Queue] | None:
        return self._at_hand.listing(ListingKind.QUEUES, bound)

    def listings_at_hand(
        self, names: Iterable[str], bound: FreshnessBound = ANY_AGE
    ) -> dict[str, Reading[Any]]:
        return self._at_hand.listings(names, bound)

    async def agent_pauses(self, agent_id: AgentId, bound: FreshnessBound = ANY_AGE) -> Reading[AllowedPause]:
        key = self._key(ListingKind.AGENT_PAUSES, agent_id)
        return await self._listings.read(key, lambda: self._upstream.agent_pauses(agent_id), bound=bound)

    async def read_agent(self, agent_id: AgentId, *, near_page: int | None = None) -> Agent | None:
        key = self._key(ListingKind.AGENTS)
        last_seen = self._listings.last_seen(key)
        if near_page is None and last_seen is not None:
            near_page = last_seen.page_of(agent_id)
        before, began_at = self._listings.peek(key), self._clock.monotonic()
        agent = await self._upstream.read_agent(agent_id, near_page=near_page)
        if agent is not None:
            self._last_known.note(agent_id, agent, at=began_at)
            if before is not None and self._listings.peek(key) is before:
                self._listings.amend(key, agent, before=before, generation=before.generation)
        return agent

    def witness(self, agent_id: AgentId | None = None) -> Witness:
        return replace(
            self._upstream.witness(),
            agents=self._last_known.listing,
            read_since=self._last_known.since_listing(agent_id),
        )

    @asynccontextmanager
    async def together(self) -> AsyncIterator[CallCenter]:
        writes = WritesTogether(self._upstream, reads=self)
        try:
            yield writes
        finally:
            await self._to_the_end(self._end_together(writes))

    async def create_agent(self, new: NewAgent) -> Agent:
        created = await self._write(
            self._upstream.create_agent(new), touches=_MEMBERSHIP, foresee=lambda _agents, created: created
        )
        self._last_known.note(created.id, created, at=self._clock.monotonic())
        return created

    async def update_agent(self, agent_id: AgentId, change: AgentChange) -> None:
        await self._write(
            self._upstream.update_agent(agent_id, change),
            touches=_MEMBERSHIP,
            foresee=_of(
                agent_id, lambda agent, _at: known_changes.changed(agent, change=change), self._clock
            ),
            about=agent_id,
        )

    async def pause_agent(self, agent_id: AgentId, pause_id: PauseId) -> None:
        def foresee(agents: Snapshot[Agent], _answer: object) -> Agent | None:
            agent, pause = agents.by_id.get(agent_id), known_changes.known_pauses(agents).get(pause_id)
            if agent is None or pause is None:
                return None
            return known_changes.paused(agent, pause=pause, at=self._clock.now())

        pausing = self._upstream.pause_agent(agent_id, pause_id)
        await self._write(pausing, touches=_STATE, foresee=foresee, about=agent_id)

    async def unpause_agent(self, agent_id: AgentId) -> None:
        foresee = _of(agent_id, lambda agent, at: known_changes.unpaused(agent, at=at), self._clock)
        unpausing = self._upstream.unpause_agent(agent_id)
        await self._write(unpausing, touches=_STATE, foresee=foresee, about=agent_id)

    async def log_off_agent(self, agent_id: AgentId) -> None:
        foresee = _of(agent_id, lambda agent, at: known_changes.logged_off(agent, at=at), self._clock)
        leaving = self._upstream.log_off_agent(agent_id)
        await self._write(leaving, touches=_STATE, foresee=foresee, about=agent_id)

    async def close(self) -> None:
        """Let writes under way end, so that their outcome is known; abandon walks."""
        if self._writes:
            await asyncio.wait(self._writes)
        await self._listings.close()

    async def _walk_agents(self) -> Reading[Agent]:
        began_at = self._clock.monotonic()
        reading = await self._upstream.agents()
        self._last_known.note_listing(reading.snapshot, at=began_at)
        return reading

    def _key(self, kind: ListingKind, of_id: int | None = None) -> ListingKey:
        return ListingKey(self._tenant_id, self._credential(), kind, of_id)

    async def _write(
        self,
        send: Awaitable[T],
        *,
        touches: tuple[ListingKind, ...],
        foresee: Foresee[T],
        about: AgentId | None = None,
    ) -> T:
        """Do a write to its end even if its caller hangs up: what it did must be known here."""
        write = self._write_to_the_end(send, touches=touches, foresee=foresee, about=about)
        with upstream_wait():
            return await self._to_the_end(write)

    async def _to_the_end(self, work: Awaitable[T]) -> T:
        task = asyncio.ensure_future(work)
        self._writes.add(task)
        task.add_done_callback(self._forget_write)
        return await asyncio.shield(task)

    async def _end_together(self, writes: WritesTogether) -> None:
        await writes.ended()
        for agent_id in writes.written:
            if agent_id is not None:
                self._last_known.note(agent_id, None, at=self._clock.monotonic())
        if writes.written:
            await self._tell(_MEMBERSHIP)
            self._overtake(_MEMBERSHIP)

    async def _write_to_the_end(
        self,
        send: Awaitable[T],
        *,
        touches: tuple[ListingKind, ...],
        foresee: Foresee[T],
        about: AgentId | None,
    ) -> T:
        began_on = self._listings.peek(self._key(ListingKind.AGENTS))
        try:
            answer = await send
        except NOTHING_WAS_WRITTEN:
            raise
        except BaseException:
            await self._tell(touches)
            self._overtake(touches)
            raise
        await self._tell(touches)
        self._show(answer, touches=touches, foresee=foresee, about=about, began_on=began_on)
        return answer

    def _show(
        self,
        answer: T,
        *,
        touches: tuple[ListingKind, ...],
        foresee: Foresee[T],
        about: AgentId | None,
        began_on: Held | None,
    ) -> None:
        """Move the touched listings on, and show what is known in the one of agents.

        Where another write ended since this one began, or another walk, which came last only Evolux can tell.
        """
        key = self._key(ListingKind.AGENTS)
        before = self._listings.peek(key)
        self._overtake(touches)
        generation = self._listings.generation(key)
        is_current = (
            before is not None
            and began_on is not None
            and before.snapshot is began_on.snapshot
            and before.generation == began_on.generation == generation - 1
        )
        agent = foresee(before.snapshot, answer) if before is not None and is_current else None
        if about is not None:
            self._last_known.note(about, agent, at=self._clock.monotonic())
        if agent is not None:
            self._listings.amend(key, agent, before=before, generation=generation)

    async def _tell(self, touches: tuple[ListingKind, ...]) -> None:
        """Tell the other replicas first: what they share must be overtaken before what is held here is."""
        try:
            await self._listings.tell_write([self._key(kind) for kind in touches])
        except BaseException:
            self._overtake(touches)
            raise

    def _overtake(self, touches: tuple[ListingKind, ...]) -> None:
        for kind in touches:
            self._listings.overtake(self._key(kind))

    def _forget_write(self, task: asyncio.Task[Any]) -> None:
        self._writes.discard(task)
        if not task.cancelled():
            task.exception()


def _of(
    agent_id: AgentId, change: Callable[[Agent, datetime], Agent | None], clock: Clock
) -> Foresee[object]:
    """What a change makes of one agent of the listing, where it is listed."""

    def foresee(agents: Snapshot[Agent], _answer: object) -> Agent | None:
        agent = agents.by_id.get(agent_id)
        return None if agent is None else change(agent, clock.now())

    return foresee
