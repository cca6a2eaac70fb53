"""Reads, writes, faults, time and two workers in any order: nobody reads what a write of before has ended."""

import asyncio
import gc
from collections.abc import Coroutine, Mapping
from typing import Any, Final

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gateway.cache.generations import WorkerGenerations
from gateway.cache.store import ListingStore
from gateway.domain.agents import Agent, AgentChange
from gateway.domain.errors import (
    AgentNotFound,
    Failure,
    GatewayError,
    OutcomeUnknown,
    UpstreamCredentialsRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from gateway.domain.ids import AgentId, TenantId
from gateway.domain.listings import ANY_AGE, FreshnessBound, Reading, ReadSource
from tests.unit.cache.staged import NO_CACHE, ONLY_IF_CACHED, POLICY, HandClock, Stage, settle
from tests.unit.cache.told_evolux import ToldEvolux

TENANTS: Final = (TenantId("acme"), TenantId("zeta"))
WORKERS: Final = (0, 1)
AGENTS: Final = (AgentId(1), AgentId(4))
TENANT: Final = st.sampled_from([*TENANTS[:1] * 4, *TENANTS])
WORKER: Final = st.sampled_from([0, 0, 0, 1])
AGENT: Final = st.sampled_from([*AGENTS[:1] * 3, *AGENTS])
BOUND: Final = st.sampled_from(
    [ANY_AGE, ANY_AGE, ANY_AGE, NO_CACHE, ONLY_IF_CACHED, FreshnessBound(max_age_seconds=3)]
)
STEP: Final = st.sampled_from(
    [
        "walk stops",
        "walk stops",
        "write",
        "write",
        "write stops",
        "write lost",
        "one stops",
        "go",
        "go last",
        "read",
    ]
)
OUTCOME: Final = st.sampled_from(["done", "done", "done", "lost", "refused", "unsent"])
TROUBLES: Final[Mapping[str, Failure | None]] = {
    "well": None,
    "timeout": UpstreamTimeout("late"),
    "down": UpstreamUnavailable("down"),
    "rejected": UpstreamCredentialsRejected("token"),
    "partial": None,
}
HELD: Final = {ReadSource.FRESH, ReadSource.STALE, ReadSource.STALE_IF_ERROR}


class Reader(msgspec.Struct, frozen=True):
    """A caller who reads, and what the writes that had ended by then make them expect at least."""

    task: "asyncio.Task[Reading[Agent]]"
    tenant: TenantId
    bound: FreshnessBound
    asked_at: float
    ended: Mapping[AgentId, int]


class ListingEngine(RuleBasedStateMachine):
    """Two workers of one host serve two tenants with equal agent ids."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.reports: list[Mapping[str, Any]] = []
        self.loop.set_exception_handler(lambda _loop, context: self.reports.append(context))
        self.path = WorkerGenerations.create_file()
        self.generations = [WorkerGenerations(self.path) for _ in WORKERS]
        self.clock = HandClock()
        self.evolux = {tenant: ToldEvolux(tenant, clock=self.clock) for tenant in TENANTS}
        stores = [ListingStore() for _ in WORKERS]
        self.stages = {
            (worker, tenant): Stage(
                tenant_id=tenant,
                generations=self.generations[worker],
                store=stores[worker],
                clock=self.clock,
                evolux=self.evolux[tenant],
            )
            for worker in WORKERS
            for tenant in TENANTS
        }
        self.readers: list[Reader] = []
        self.begun: list[asyncio.Task[Any]] = []
        self.labels = 0

    def run(self, work: Coroutine[Any, Any, None], *, stopping: str | None = None) -> None:
        """Do it, let all go on that can, and look at every answer; calls of this method stop midway."""
        for evolux in self.evolux.values():
            evolux.stopping = stopping

        async def to_the_end() -> None:
            await work
            await settle()

        self.clock.advance(0.001)
        self.loop.run_until_complete(to_the_end())
        for reader in [each for each in self.readers if each.task.done()]:
            self.readers.remove(reader)
            self.check(reader)

    @rule(tenant=TENANT, worker=WORKER, bound=BOUND, crowd=st.integers(1, 3), stops=st.booleans())
    def read(self, tenant: TenantId, worker: int, bound: FreshnessBound, crowd: int, stops: bool) -> None:  # noqa: FBT001 - drawn
        async def begin() -> None:
            for _ in range(crowd):
                task = asyncio.create_task(self.stages[worker, tenant].cached.agents(bound))
                ended = dict(self.evolux[tenant].ended)
                self.readers.append(Reader(task, tenant, bound, self.clock.monotonic(), ended))

        before = self.evolux[tenant].walks
        self.run(begin(), stopping="agents" if stops else None)
        if bound.only_if_cached:
            assert self.evolux[tenant].walks == before

    @rule(tenant=TENANT, worker=WORKER, agent_id=AGENT, outcome=OUTCOME, stops=st.booleans())
    def write(self, tenant: TenantId, worker: int, agent_id: AgentId, outcome: str, stops: bool) -> None:  # noqa: FBT001 - drawn
        evolux = self.evolux[tenant]
        match outcome:
            case "lost":
                evolux.lose_answer("update_agent", OutcomeUnknown("lost"))
            case "refused":
                evolux.fail("update_agent", AgentNotFound("no"))
            case "unsent":
                evolux.fail("update_agent", UpstreamUnavailable("down"))
        change = AgentChange(name=self.label(tenant))
        work = self.stages[worker, tenant].cached.update_agent(agent_id, change)
        self.run(self.begin(work), stopping="update_agent" if stops else None)

    @rule(tenant=TENANT, steps=st.lists(st.tuples(STEP, WORKER), min_size=3, max_size=8))
    def dance(self, tenant: TenantId, steps: list[tuple[str, int]]) -> None:
        """Calls that overlap closely on one agent; at the end both workers are read."""
        first = AGENTS[0]
        for step, worker in [*steps, *(("read", worker) for worker in WORKERS)]:
            kind, _, stops = step.partition(" ")
            match kind:
                case "walk":
                    self.read(tenant, worker, NO_CACHE, 1, bool(stops))
                case "write":
                    self.write(tenant, worker, first, "lost" if stops == "lost" else "done", stops == "stops")
                case "one":
                    self.read_one(tenant, worker, first, stops=True)
                case "go":
                    self.let_one_go(tenant, len(stops))
                case _:
                    self.read(tenant, worker, ANY_AGE, 1, False)

    @rule(tenant=TENANT, reader=WORKER, writer=WORKER)
    def write_between_quick_reads(self, tenant: TenantId, reader: int, writer: int) -> None:
        """The last of the reads before the write does not judge the listing any more, nor may the next."""
        self.dance(tenant, [*[("read", reader)] * 3, ("write", writer)])

    @rule(tenant=TENANT, number=st.integers(0, 3))
    def let_one_go(self, tenant: TenantId, number: int) -> None:
        self.run(self.evolux[tenant].let_one_go(number))

    @rule(seconds=st.sampled_from([0.5, 1, 2, 5, 20, 35, 100, 700]))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule(tenant=TENANT, worker=WORKER, agent_id=AGENT, stops=st.booleans())
    def read_one(self, tenant: TenantId, worker: int, agent_id: AgentId, stops: bool) -> None:  # noqa: FBT001 - drawn
        work = self.stages[worker, tenant].cached.read_agent(agent_id)
        self.run(self.begin(work), stopping="read_agent" if stops else None)

    @rule(
        tenant=TENANT,
        what=st.sampled_from(
            ["behind", "behind", *TROUBLES, "token", "reader leaves", "writer leaves", "wall"]
        ),
        number=st.integers(0, 3),
    )
    def happen(self, tenant: TenantId, what: str, number: int) -> None:
        evolux = self.evolux[tenant]
        match what:
            case "behind":
                self.clock.advance(0.001)
                evolux.rename(AGENTS[number % len(AGENTS)], self.label(tenant))
            case "token":
                for worker in WORKERS:
                    self.stages[worker, tenant].credential = f"token {number % 2}"
            case "wall":
                self.clock.jump(3_600 if number % 2 else -86_400)
            case "reader leaves":
                self.leave([reader.task for reader in self.readers], number)
                self.readers = [reader for reader in self.readers if not reader.task.cancelled()]
            case "writer leaves":
                self.leave([task for task in self.begun if not task.done()], number)
            case _:
                evolux.trouble = TROUBLES[what]
                is_part = what == "partial"
                evolux.missing, evolux.why = ("2 pages", UpstreamTimeout("late")) if is_part else (None, None)

    def leave(self, tasks: "list[asyncio.Task[Any]]", number: int) -> None:
        if tasks:
            tasks[number % len(tasks)].cancel()
            self.loop.run_until_complete(settle())

    @invariant()
    def each_worker_walks_a_listing_once_at_a_time(self) -> None:
        for evolux in self.evolux.values():
            assert evolux.walking <= len(WORKERS) * 2, "two workers, two tokens"

    def check(self, reader: Reader) -> None:
        try:
            reading = reader.task.result()
        except GatewayError:
            return
        age, now = reading.age_seconds, self.clock.monotonic()
        evolux = self.evolux[reader.tenant]
        assert age >= 0
        assert reading.stale is (
            age >= POLICY.fresh_seconds or reading.source is ReadSource.STALE_IF_ERROR
        ), reading
        if reader.bound.max_age_seconds is not None and reading.source in HELD:
            assert age <= reader.bound.max_age_seconds
        oldest_at = now - age
        if reader.bound.max_age_seconds is not None:
            oldest_at = max(oldest_at, reader.asked_at - reader.bound.max_age_seconds)
        for agent_id in AGENTS:
            agent = reading.snapshot.by_id.get(agent_id)
            if agent is None:
                assert not reading.snapshot.complete
                continue
            assert agent.name.startswith(reader.tenant), "a value of another tenant"
            shown = evolux.place_of(agent_id, agent.name)
            assert shown >= reader.ended.get(agent_id, 0), "older than a write that had ended"
            assert shown >= evolux.place_at(agent_id, oldest_at), "older than its age"

    async def begin(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(work)
        task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        self.begun.append(task)

    def label(self, tenant: TenantId) -> str:
        self.labels += 1
        return f"{tenant}:{self.labels}"

    def teardown(self) -> None:
        """In the end, with Evolux well, every worker shows the truth, and no error was left lying about."""
        for evolux in self.evolux.values():
            evolux.trouble, evolux.missing, evolux.why = None, None, None
            self.run(evolux.let_all_go())
        self.clock.advance(1_000)
        for (_, tenant), stage in self.stages.items():
            reading = self.loop.run_until_complete(stage.cached.agents())
            assert dict(reading.snapshot.by_id) == self.evolux[tenant].rows
            self.loop.run_until_complete(stage.cached.close())
        assert self.readers == []
        gc.collect()
        assert self.reports == []
        self.loop.close()
        for generations in self.generations:
            generations.close()
        self.path.unlink()


ListingEngine.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestListingEngine = ListingEngine.TestCase
