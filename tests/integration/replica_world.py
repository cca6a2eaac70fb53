"""Two replicas, their callers, and the least that each answer must show by what its caller may know."""

import asyncio
import gc
from collections.abc import Coroutine, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Final

from gateway.domain.agents import Agent, AgentChange
from gateway.domain.errors import GatewayError
from gateway.domain.ids import AgentId, TenantId
from gateway.domain.listings import FreshnessBound, Reading, ReadSource
from tests.integration.told_replicas import HostClock, ToldReplica, ToldValkey, all_told, calm
from tests.replicas import PATIENT, until
from tests.unit.cache.staged import POLICY, HandClock
from tests.unit.cache.told_evolux import ToldEvolux
from tests.wires import Wire, wired

TENANTS: Final = (TenantId("acme"), TenantId("zeta"))
AGENTS: Final = (AgentId(1), AgentId(4))
HELD: Final = {ReadSource.FRESH, ReadSource.STALE, ReadSource.STALE_IF_ERROR}

Place = tuple[TenantId, AgentId]


@dataclass
class Reader:
    """A caller who reads, and the place of each agent's last write that was known at the replica by then."""

    task: "asyncio.Task[Reading[Agent]]"
    tenant: TenantId
    bound: FreshnessBound
    asked_at: float
    known: Mapping[Place, int]
    may_fail: bool


@dataclass(frozen=True)
class Writing:
    """A write that a caller sends, and what Evolux makes of it: done, lost, refused or unsent."""

    tenant: TenantId
    replica: int
    agent_id: AgentId
    name: str
    outcome: str = "done"
    together: bool = False


class ReplicaWorld:
    """Replica 0 is next to Valkey, replica 1 at the end of a wire that may be cut. Both serve two tenants.

    A write is known at its own replica when its caller has the answer, and by then at the other too where
    nothing kept them from sharing; else when they share again.
    """

    wire: Wire

    def __init__(self, valkey: ToldValkey) -> None:
        self.valkey = valkey
        self.loop = asyncio.new_event_loop()
        self.reports: list[Mapping[str, Any]] = []
        self.loop.set_exception_handler(lambda _loop, context: self.reports.append(context))
        self.hand = HandClock()
        self.evolux = {tenant: ToldEvolux(tenant, clock=self.hand) for tenant in TENANTS}
        self.replicas: list[ToldReplica] = []
        self.readers: list[Reader] = []
        self.writers: list[asyncio.Task[None]] = []
        self._known: list[dict[Place, int]] = [{}, {}]
        self._untold: list[tuple[int, Place, int]] = []
        self._outages = 0
        self._labels = 0
        self._stack = AsyncExitStack()
        valkey.empty()
        valkey.set_clock(self.hand)
        self.loop.run_until_complete(self._begin())

    async def _begin(self) -> None:
        (self.wire,) = await self._stack.enter_async_context(wired(self.valkey.server.port))
        for number, url in enumerate((self.valkey.server.url, self.wire.url)):
            clock = HostClock(self.hand, ahead_seconds=7_000.0 * number)
            replica = ToldReplica(url, evolux=self.evolux, clock=clock)
            self.replicas.append(replica)
            self._stack.push_async_callback(replica.close)
            await replica.shared.start()
            assert replica.shared.is_sharing

    def run(
        self, *work: Coroutine[Any, Any, Any], stopping: str | None = None, seconds: float = 0.001
    ) -> None:
        """Let time pass, do the work and all that can go on, and look at every answer.

        Evolux's calls of the method `stopping` stop midway.
        """
        for evolux in self.evolux.values():
            evolux.stopping = stopping
        self.hand.advance(seconds)
        self.valkey.set_clock(self.hand)
        self.loop.run_until_complete(self._to_the_end(*work))
        for reader in [each for each in self.readers if each.task.done()]:
            self.readers.remove(reader)
            if not reader.task.cancelled():
                self._check(reader)
        for writer in [each for each in self.writers if each.done()]:
            self.writers.remove(writer)
            if not writer.cancelled():
                writer.result()

    async def _to_the_end(self, *work: Coroutine[Any, Any, Any]) -> None:
        for each in work:
            await each
        await calm(self.replicas)
        await self._beat()
        if self._untold and self.is_shared:
            await all_told(self.replicas)
            for untold in self._untold:
                self._know(*untold)
            self._untold.clear()

    async def _beat(self) -> None:
        """What every replica does once a second: told time leaps over it."""
        for replica in self.replicas:
            if replica.shared.is_sharing:
                await replica.shared.hear_clock()

    def label(self, tenant: TenantId) -> str:
        self._labels += 1
        return f"{tenant}:{self._labels}"

    async def read(self, tenant: TenantId, replica: int, *, bound: FreshnessBound) -> None:
        """A caller begins to read."""
        may_fail = bound.only_if_cached or self.evolux[tenant].trouble is not None
        task = asyncio.create_task(self.replicas[replica].tenants[tenant].agents(bound))
        known = dict(self._known[replica])
        self.readers.append(Reader(task, tenant, bound, self.hand.monotonic(), known, may_fail))

    async def read_one(self, tenant: TenantId, replica: int, agent_id: AgentId) -> None:
        """A caller begins to read one agent alone, which may amend what is held."""
        task = asyncio.create_task(self.replicas[replica].tenants[tenant].read_agent(agent_id))
        task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())

    async def write(self, writing: Writing) -> None:
        """A caller begins to write."""
        self.writers.append(asyncio.create_task(self._note(writing)))
        await asyncio.sleep(0)

    async def _note(self, writing: Writing) -> None:
        before = self._interruptions() if self.is_shared else None
        try:
            await self._send(writing)
        except GatewayError:
            assert writing.outcome != "done", "no trouble but Evolux's own may cost a write"
            if writing.outcome != "lost":
                return
        place = self.evolux[writing.tenant].place_of(writing.agent_id, writing.name)
        of = (writing.tenant, writing.agent_id)
        self._know(writing.replica, of, place)
        if self.is_shared and before == self._interruptions():
            self._know(1 - writing.replica, of, place)
        else:
            self._untold.append((1 - writing.replica, of, place))

    async def _send(self, writing: Writing) -> None:
        cached = self.replicas[writing.replica].tenants[writing.tenant]
        change = AgentChange(name=writing.name)
        if not writing.together:
            await cached.update_agent(writing.agent_id, change)
            return
        async with cached.together() as writes:
            await writes.update_agent(writing.agent_id, change)

    @property
    def is_shared(self) -> bool:
        return self.valkey.is_up and all(replica.shared.is_sharing for replica in self.replicas)

    def _interruptions(self) -> int:
        """How often it could not be told, so far, what a replica wrote."""
        return self._outages + sum(replica.shared.unacknowledged for replica in self.replicas)

    def _know(self, replica: int, of: Place, place: int) -> None:
        known = self._known[replica]
        known[of] = max(place, known.get(of, 0))

    async def break_off(self, what: str) -> None:
        """Cut the wire, or kill Valkey; returns when every replica knows whether it can share."""
        self._outages += 1
        if what == "wire":
            self.wire.cut()
        elif self.valkey.is_up:
            self.valkey.kill()
        reached = [self.valkey.is_up, self.valkey.is_up and not self.wire.is_cut]
        await until(lambda: [replica.shared.is_sharing for replica in self.replicas] == reached)

    def mend(self) -> None:
        """Valkey runs and is reached, and all share."""
        if not self.valkey.is_up:
            self.valkey.start(self.hand)
        self.wire.is_cut = False
        self.run(until(lambda: self.is_shared))

    def _check(self, reader: Reader) -> None:
        try:
            reading = reader.task.result()
        except GatewayError:
            assert reader.may_fail, "no trouble but Evolux's own may cost an answer"
            return
        age, evolux = reading.age_seconds, self.evolux[reader.tenant]
        assert age >= 0
        assert reading.stale is (age >= POLICY.fresh_seconds or reading.source is ReadSource.STALE_IF_ERROR)
        oldest_at = self.hand.monotonic() - age
        if reader.bound.max_age_seconds is not None:
            assert reading.source not in HELD or age <= reader.bound.max_age_seconds
            oldest_at = max(oldest_at, reader.asked_at - reader.bound.max_age_seconds)
        for agent_id in AGENTS:
            agent = reading.snapshot.by_id.get(agent_id)
            if agent is None:
                assert not reading.snapshot.complete
                continue
            assert agent.name.startswith(f"{reader.tenant}:"), "a value of another tenant"
            shown = evolux.place_of(agent_id, agent.name)
            known = reader.known.get((reader.tenant, agent_id), 0)
            assert shown >= known, "older than a write that had ended"
            assert shown >= evolux.place_at(agent_id, oldest_at), "older than its age"

    def end(self) -> None:
        """With all well, every call has ended, both replicas show the truth, and no error lies about."""
        try:
            self._end_well()
        finally:
            if not self.valkey.is_up:
                self.valkey.start(self.hand)
            self.loop.run_until_complete(self._stack.aclose())
            self.loop.run_until_complete(until(lambda: len(asyncio.all_tasks(self.loop)) == 1))
            self.loop.close()
        gc.collect()
        assert self.reports == []

    def _end_well(self) -> None:
        for evolux in self.evolux.values():
            evolux.trouble, evolux.missing, evolux.why = None, None, None
        self.mend()
        for evolux in self.evolux.values():
            self.run(evolux.let_all_go())
        self.run(until(self._all_have_ended, seconds=2 * PATIENT))
        assert not [*self.readers, *self.writers, *self._untold]
        self.run(seconds=1_000)
        for replica in self.replicas:
            for tenant, cached in replica.tenants.items():
                reading = self.loop.run_until_complete(cached.agents())
                assert dict(reading.snapshot.by_id) == self.evolux[tenant].rows

    def _all_have_ended(self) -> bool:
        return all(task.done() for task in [*(reader.task for reader in self.readers), *self.writers])
