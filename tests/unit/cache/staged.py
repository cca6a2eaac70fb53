"""The cached call centre on a stage: time moved by hand, an Evolux that does as told, walks held midway."""

import asyncio
import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, TypeVar

from msgspec.structs import replace

from gateway.cache.call_center import CachedCallCenter
from gateway.cache.freshness import FreshnessPolicy
from gateway.cache.generations import Generations, LocalGenerations
from gateway.cache.store import ListingKey, ListingKind, ListingStore
from gateway.domain.agents import Agent, AgentChange
from gateway.domain.errors import Failure, GatewayError
from gateway.domain.ids import AgentId, TenantId
from gateway.domain.listings import ANY_AGE, FreshnessBound, Reading, ReadSource, Snapshot
from tests.builders import NOON, a_login, a_pause, a_queue, an_agent, queue_ids
from tests.fakes import FakeCallCenter

Row = TypeVar("Row")

POLICY = FreshnessPolicy(fresh_seconds=5, stale_seconds=30, stale_if_error_seconds=600)
ACME = TenantId("acme")
ANA, RUI = AgentId(1), AgentId(2)
NO_CACHE = FreshnessBound(max_age_seconds=0)
ONLY_IF_CACHED = FreshnessBound(only_if_cached=True)


class HandClock:
    """Both clocks, moved by hand; called, it is the wall clock."""

    def __init__(self) -> None:
        self._seconds = 1_000.0
        self._wall = NOON

    def monotonic(self) -> float:
        return self._seconds

    def now(self) -> datetime:
        return self._wall

    __call__ = now

    def advance(self, seconds: float) -> None:
        """Time passes."""
        self._seconds += seconds
        self._wall += timedelta(seconds=seconds)

    def jump(self, seconds: float) -> None:
        """Somebody sets the wall clock."""
        self._wall += timedelta(seconds=seconds)


class Hold:
    """Calls that have been begun and wait to be let go."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self._go = asyncio.Event()

    def let_go(self) -> None:
        self._go.set()

    async def meet(self) -> None:
        self.reached.set()
        await self._go.wait()


class StagedEvolux(FakeCallCenter):
    """Evolux as told: `trouble` fails every read, `missing` and `why` take rows from listings.

    `hold_next` holds the next call of a method before it is done, `hold_answer` after it.
    """

    def __init__(self, *, clock: Callable[[], datetime], agents: Iterable[Agent] = ()) -> None:
        pauses = [a_pause(49), a_pause(50)]
        super().__init__(agents=agents, queues=[a_queue(1), a_queue(2)], pauses=pauses, now=clock)
        self.trouble: BaseException | None = None
        self.missing: str | None = None
        self.why: Failure | None = None
        self.cancelled = 0
        self._holds: dict[tuple[str, str], list[Hold]] = {}
        self.before = self._before

    @property
    def walks(self) -> int:
        """How often the agents were asked for."""
        return self.calls["agents"]

    def hold_next(self, method: str) -> Hold:
        return self._hold(method, "before")

    def hold_answer(self, method: str) -> Hold:
        return self._hold(method, "after")

    async def agents(self, bound: FreshnessBound = ANY_AGE) -> Reading[Agent]:
        reading = await super().agents(bound)
        await self._meet("agents", "after")
        return reading

    async def update_agent(self, agent_id: AgentId, change: AgentChange) -> None:
        await super().update_agent(agent_id, change)
        await self._meet("update_agent", "after")

    async def read_agent(self, agent_id: AgentId, *, near_page: int | None = None) -> Agent | None:
        agent = await super().read_agent(agent_id, near_page=near_page)
        await self._meet("read_agent", "after")
        return agent

    def _hold(self, method: str, when: str) -> Hold:
        hold = Hold()
        self._holds.setdefault((method, when), []).append(hold)
        return hold

    async def _before(self, method: str) -> None:
        await self._meet(method, "before")
        if self.trouble is not None and method in {"agents", "queues", "agent_pauses"}:
            raise self.trouble

    async def _meet(self, method: str, when: str) -> None:
        holds = self._holds.get((method, when))
        if holds:
            try:
                await holds.pop(0).meet()
            except asyncio.CancelledError:
                self.cancelled += 1
                raise

    def _reading(self, rows: Iterable[Row]) -> Reading[Row]:
        reading = super()._reading(rows)
        if self.missing is None:
            return reading
        kept = reading.snapshot.rows[: len(reading.snapshot.rows) // 2]
        snapshot = Snapshot(kept, fetched_at=self.now(), missing=self.missing)
        return replace(reading, snapshot=snapshot, failure=self.why)


class Served:
    """What was told of the readings."""

    def __init__(self) -> None:
        self.readings: list[tuple[ListingKind, ReadSource, float]] = []
        self.failures: list[ListingKind] = []

    def reading_served(self, kind: ListingKind, source: ReadSource, *, age_seconds: float) -> None:
        self.readings.append((kind, source, age_seconds))

    def reading_failed(self, kind: ListingKind) -> None:
        self.failures.append(kind)


class Stage:
    """One tenant's cached call centre over a staged Evolux of ten agents; Ana is logged in, Rui is not."""

    def __init__(
        self,
        *,
        tenant_id: TenantId = ACME,
        policy: FreshnessPolicy = POLICY,
        generations: Generations | None = None,
        store: ListingStore | None = None,
        clock: HandClock | None = None,
        evolux: StagedEvolux | None = None,
    ) -> None:
        self.clock = clock or HandClock()
        self.evolux = evolux or StagedEvolux(clock=self.clock, agents=ten_agents())
        self.credential = "first"
        self.served = Served()
        self.generations = generations or LocalGenerations()
        self.store = store or ListingStore()
        self.tenant_id = tenant_id
        self.cached = CachedCallCenter(
            self.evolux,
            tenant_id=tenant_id,
            credential=lambda: self.credential,
            store=self.store,
            generations=self.generations,
            clock=self.clock,
            policies=dict.fromkeys(ListingKind, policy),
            observer=self.served,
        )

    @property
    def held_agents(self) -> Snapshot[Agent] | None:
        """What the store holds, servable or not."""
        held = self.store.get(ListingKey(self.tenant_id, self.credential, ListingKind.AGENTS))
        return None if held is None else held.snapshot

    async def name_of(self, agent_id: AgentId, bound: FreshnessBound = ANY_AGE) -> str:
        return (await self.cached.agents(bound)).snapshot.by_id[agent_id].name

    def begin_read(self, bound: FreshnessBound = ANY_AGE) -> "asyncio.Task[Reading[Agent]]":
        return asyncio.create_task(self.cached.agents(bound))


def ten_agents() -> Sequence[Agent]:
    ana = an_agent(ANA, last_login=a_login(id=1), queue_ids=queue_ids(1, 2), name="Ana")
    return [ana, *(an_agent(each, queue_ids=queue_ids(1)) for each in range(2, 11))]


async def settle() -> None:
    """Let everything that can go on without time or events go on."""
    for _ in range(20):
        await asyncio.sleep(0)


@contextmanager
def errors_that_nobody_took() -> Iterator[list[Mapping[str, Any]]]:
    """What asyncio has to report of the block."""
    reports: list[Mapping[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: reports.append(context))
    try:
        yield reports
        gc.collect()
    finally:
        loop.set_exception_handler(None)


def code_of(error: GatewayError) -> str:
    return error.code.value
