"""Two replicas on a real Valkey, and whatever may happen to them in any order: nobody reads the past.

`REPLICAS_EXAMPLES` says how many orders are tried.
"""

import asyncio
import gc
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from gateway.domain.errors import (
    AgentNotFound,
    Failure,
    OutcomeUnknown,
    UpstreamCredentialsRejected,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from gateway.domain.ids import AgentId, TenantId
from gateway.domain.listings import ANY_AGE, FreshnessBound
from tests.integration.replica_world import AGENTS, TENANTS, ReplicaWorld, Writing
from tests.integration.told_replicas import ToldValkey, told_valkey
from tests.replicas import running_valkey
from tests.unit.cache.staged import NO_CACHE, ONLY_IF_CACHED

EXAMPLES: Final = int(os.environ.get("REPLICAS_EXAMPLES", "15"))
REPLICAS: Final = (0, 1)
TENANT: Final = st.sampled_from([*TENANTS[:1] * 3, *TENANTS])
REPLICA: Final = st.sampled_from(REPLICAS)
AGENT: Final = st.sampled_from([*AGENTS[:1] * 3, *AGENTS])
BOUND: Final = st.sampled_from(
    [ANY_AGE, ANY_AGE, ANY_AGE, NO_CACHE, ONLY_IF_CACHED, FreshnessBound(max_age_seconds=3)]
)
SECONDS: Final = st.sampled_from([0.5, 1, 2, 5, 20, 35, 100, 700])
SET_BY: Final = st.sampled_from([3_600, -10, -30, -86_400])
BREAK: Final = st.sampled_from(["valkey", "wire"])
OUTCOME: Final = st.sampled_from(["done", "done", "done", "lost", "refused", "unsent"])
STEP: Final = st.sampled_from(
    ["walk", "walk stops", "read", "write", "write stops", "go", "behind", "wait", "set back", "one stops"]
)
TROUBLES: Final[Mapping[str, Failure | None]] = {
    "well": None,
    "timeout": UpstreamTimeout("late"),
    "down": UpstreamUnavailable("down"),
    "rejected": UpstreamCredentialsRejected("token"),
}


class TwoReplicas(RuleBasedStateMachine):
    """What callers, supervisors of Evolux and the machines may do."""

    def __init__(self, valkey: ToldValkey) -> None:
        super().__init__()
        self.world = ReplicaWorld(valkey)

    @property
    def is_whole(self) -> bool:
        """Whether Valkey runs and every replica reaches it."""
        return self.world.valkey.is_up and not self.world.wire.is_cut

    @rule(tenant=TENANT, replica=REPLICA, bound=BOUND, crowd=st.integers(1, 3), stops=st.booleans())
    def read(self, tenant: TenantId, replica: int, bound: FreshnessBound, crowd: int, stops: bool) -> None:  # noqa: FBT001 - drawn
        readers = [self.world.read(tenant, replica, bound=bound) for _ in range(crowd)]
        self.world.run(*readers, stopping="agents" if stops else None)

    @rule(tenant=TENANT, replica=REPLICA, agent_id=AGENT, stops=st.booleans())
    def read_one(self, tenant: TenantId, replica: int, agent_id: AgentId, stops: bool) -> None:  # noqa: FBT001 - drawn
        reader = self.world.read_one(tenant, replica, agent_id)
        self.world.run(reader, stopping="read_agent" if stops else None)

    @rule(
        tenant=TENANT, replica=REPLICA, agent_id=AGENT, outcome=OUTCOME, how=st.tuples(*[st.booleans()] * 2)
    )
    def write(
        self, tenant: TenantId, replica: int, agent_id: AgentId, outcome: str, how: tuple[bool, bool]
    ) -> None:
        stops, together = how
        evolux = self.world.evolux[tenant]
        match outcome:
            case "lost":
                evolux.lose_answer("update_agent", OutcomeUnknown("lost"))
            case "refused":
                evolux.fail("update_agent", AgentNotFound("no"))
            case "unsent":
                evolux.fail("update_agent", UpstreamUnavailable("down"))
        writing = Writing(tenant, replica, agent_id, self.world.label(tenant), outcome, together)
        self.world.run(self.world.write(writing), stopping="update_agent" if stops else None)

    @rule(tenant=TENANT, steps=st.lists(st.tuples(STEP, REPLICA), min_size=3, max_size=8))
    def dance(self, tenant: TenantId, steps: list[tuple[str, int]]) -> None:
        """Calls that overlap closely on one agent; at the end both replicas are read."""
        for step, replica in steps:
            kind, _, how = step.partition(" ")
            match kind:
                case "walk":
                    self.read(tenant, replica, NO_CACHE, 1, bool(how))
                case "write":
                    self.write(tenant, replica, AGENTS[0], "done", (bool(how), False))
                case "one":
                    self.read_one(tenant, replica, AGENTS[0], bool(how))
                case "go":
                    self.let_one_go(tenant, replica)
                case "behind":
                    self.change_behind_the_gateway(tenant, AGENTS[0])
                case "wait":
                    self.wait(20)
                case "set":
                    self.set_a_wall_clock("valkey", -10)
                case _:
                    self.read(tenant, replica, ANY_AGE, 1, False)
        self.read_at_both(tenant)

    @precondition(lambda self: self.is_whole)
    @rule(tenant=TENANT, writer=REPLICA, turns=st.integers(0, 30), bound=BOUND, what=BREAK)
    def break_midway(
        self, tenant: TenantId, writer: int, turns: int, bound: FreshnessBound, what: str
    ) -> None:
        """A write and a read at each replica are under way when the sharing breaks off."""

        async def midway() -> None:
            await self.world.write(Writing(tenant, writer, AGENTS[0], self.world.label(tenant)))
            for replica in REPLICAS:
                await self.world.read(tenant, replica, bound=bound)
            for _ in range(turns):
                await asyncio.sleep(0)
            await self.world.break_off(what)

        self.world.run(midway())
        self.read_at_both(tenant)
        self.mend_sharing()
        self.read_at_both(tenant)

    @rule(tenant=TENANT, walker=REPLICA, writer=REPLICA, reader=REPLICA)
    def overtake_a_walk(self, tenant: TenantId, walker: int, writer: int, reader: int) -> None:
        """A walk is half done when a write ends and another walk begins."""
        self.read(tenant, walker, NO_CACHE, 1, True)
        self.write(tenant, writer, AGENTS[0], "done", (False, False))
        self.read(tenant, reader, NO_CACHE, 1, False)
        self.let_one_go(tenant, 0)
        self.read_at_both(tenant)

    @rule(tenant=TENANT, reader=REPLICA, seconds=st.sampled_from([4, 20, 30]), set_by=SET_BY)
    def take_what_another_read_before(
        self, tenant: TenantId, reader: int, seconds: float, set_by: float
    ) -> None:
        """A replica whose own listing is too old takes the other's; Valkey's clock was set meanwhile."""
        self.wait(36)
        self.read(tenant, 1 - reader, ANY_AGE, 1, False)
        self.change_behind_the_gateway(tenant, AGENTS[0])
        self.wait(seconds)
        self.set_a_wall_clock("valkey", set_by)
        self.read(tenant, reader, ANY_AGE, 1, False)

    @rule(tenant=TENANT, number=st.integers(0, 3))
    def let_one_go(self, tenant: TenantId, number: int) -> None:
        self.world.run(self.world.evolux[tenant].let_one_go(number))

    @rule(seconds=SECONDS)
    def wait(self, seconds: float) -> None:
        self.world.run(seconds=seconds)

    @rule(tenant=TENANT, agent_id=AGENT)
    def change_behind_the_gateway(self, tenant: TenantId, agent_id: AgentId) -> None:
        self.world.run()
        self.world.evolux[tenant].rename(agent_id, self.world.label(tenant))

    @rule(tenant=TENANT, what=st.sampled_from([*["well"] * 3, *TROUBLES, "partial"]))
    def trouble_evolux(self, tenant: TenantId, what: str) -> None:
        evolux, is_part = self.world.evolux[tenant], what == "partial"
        evolux.trouble = TROUBLES.get(what)
        evolux.missing, evolux.why = ("2 pages", UpstreamTimeout("late")) if is_part else (None, None)
        for reader in self.world.readers:
            reader.may_fail |= evolux.trouble is not None and reader.tenant == tenant

    @rule(where=st.sampled_from([*REPLICAS, "evolux", "valkey", "valkey"]), seconds=SET_BY)
    def set_a_wall_clock(self, where: int | str, seconds: float) -> None:
        match where:
            case int():
                self.world.replicas[where].clock.jumped_seconds += seconds
            case "evolux":
                self.world.hand.jump(seconds)
            case _:
                self.world.valkey.jumped_seconds += seconds

    @rule(who=st.sampled_from(["reader", "writer"]), number=st.integers(0, 3))
    def leave(self, who: str, number: int) -> None:
        readers = [reader.task for reader in self.world.readers]
        tasks: list[asyncio.Task[Any]] = [*readers] if who == "reader" else [*self.world.writers]
        if tasks:
            tasks[number % len(tasks)].cancel()
            self.world.run()

    @precondition(lambda self: self.is_whole)
    @rule(tenant=TENANT, writer=REPLICA, what=BREAK)
    def write_in_an_outage(self, tenant: TenantId, writer: int, what: str) -> None:
        """Both hold the listing. What one replica then writes, the other hears of when they share again."""
        self.read_at_both(tenant)
        self.break_sharing(what)
        self.write(tenant, writer, AGENTS[0], "done", (False, False))
        self.read_at_both(tenant)
        self.mend_sharing()
        self.read_at_both(tenant)

    def read_at_both(self, tenant: TenantId) -> None:
        for replica in REPLICAS:
            self.read(tenant, replica, ANY_AGE, 1, False)

    @precondition(lambda self: self.is_whole)
    @rule(what=BREAK)
    def break_sharing(self, what: str) -> None:
        self.world.run(self.world.break_off(what))

    @precondition(lambda self: not self.is_whole)
    @rule()
    def mend_sharing(self) -> None:
        self.world.mend()

    def teardown(self) -> None:
        self.world.end()


@contextmanager
def frozen() -> Iterator[None]:
    """Spare the collections at the end of each order what was there before."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def test_nobody_reads_the_past_whatever_happens_to_two_replicas_and_their_valkey(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wanted = settings(
        max_examples=EXAMPLES,
        stateful_step_count=15,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    with (
        frozen(),
        running_valkey(appendonly="yes", appendfsync="no") as server,
        told_valkey(server, monkeypatch) as valkey,
    ):
        run_state_machine_as_test(lambda: TwoReplicas(valkey), settings=wanted)  # type: ignore[arg-type]  # it takes any callable
