"""A listing that was judged fresh is not judged again for a moment; what ends the moment ends it at once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.cache.generations import WorkerGenerations
from gateway.domain.agents import AgentChange
from gateway.domain.ids import TenantId
from gateway.domain.listings import FreshnessBound, Reading, ReadSource
from tests.unit.cache.staged import ACME, ANA, NO_CACHE, ONLY_IF_CACHED, POLICY, Stage, settle


async def judged(stage: Stage) -> Reading[object]:
    """Read until the agents are served without being judged."""
    await stage.cached.agents()
    stage.cached.agents_at_hand()
    reading = stage.cached.agents_at_hand()
    assert reading is not None
    assert reading.source is ReadSource.FRESH
    return reading


async def test_another_workers_write_ends_it(path: Path) -> None:
    shared = [WorkerGenerations(path) for _ in range(2)]
    workers = [Stage(generations=each) for each in shared]
    await judged(workers[0])
    await workers[1].cached.update_agent(ANA, AgentChange(name="Ana Lima"))
    assert workers[0].cached.agents_at_hand() is None
    for generations in shared:
        generations.close()


@pytest.fixture
def path() -> Iterator[Path]:
    made = WorkerGenerations.create_file()
    yield made
    made.unlink()


async def test_ones_own_write_is_shown_at_once_and_confirmed_after_a_second() -> None:
    stage = Stage()
    await judged(stage)
    await stage.cached.update_agent(ANA, AgentChange(name="Ana Lima"))
    stage.clock.advance(0.5)
    for _ in range(3):
        reading = stage.cached.agents_at_hand()
        assert reading is not None
        assert reading.snapshot.by_id[ANA].name == "Ana Lima"
    stage.clock.advance(0.499)
    assert stage.cached.agents_at_hand() is not None
    await settle()
    assert stage.evolux.walks == 1
    stage.clock.advance(0.001)
    assert stage.cached.agents_at_hand() is not None
    await settle()
    assert stage.evolux.walks == 2


async def test_another_credential_ends_it() -> None:
    stage = Stage()
    await judged(stage)
    stage.credential = "second"
    assert stage.cached.agents_at_hand() is None
    stage.credential = "first"
    assert stage.cached.agents_at_hand() is not None


async def test_the_end_of_freshness_ends_it_and_refreshes_behind() -> None:
    stage = Stage()
    await judged(stage)
    stage.clock.advance(POLICY.fresh_seconds - 0.5)
    fresh = stage.cached.agents_at_hand()
    assert fresh is not None
    assert not fresh.stale
    stage.clock.advance(0.5)
    stale = stage.cached.agents_at_hand()
    assert stale is not None
    assert (stale.source, stale.stale, stale.age_seconds) == (ReadSource.STALE, True, POLICY.fresh_seconds)
    await settle()
    assert stage.evolux.walks == 2


async def test_what_the_store_lost_is_not_served() -> None:
    stage = Stage()
    await judged(stage)
    stage.store.drop_tenant(ACME)
    assert stage.cached.agents_at_hand() is None


async def test_a_tenant_that_takes_the_room_takes_it_from_what_was_judged() -> None:
    stage = Stage()
    await judged(stage)
    stage.store._max_bytes = stage.store.held_bytes
    other = Stage(tenant_id=TenantId("zeta"), store=stage.store)
    await other.cached.agents()
    assert stage.cached.agents_at_hand() is None


@pytest.mark.parametrize("bound", [NO_CACHE, FreshnessBound(max_age_seconds=1)])
async def test_a_callers_own_bound_is_judged_each_time(bound: FreshnessBound) -> None:
    stage = Stage()
    await judged(stage)
    stage.clock.advance(1.5)
    await judged(stage)
    assert stage.cached.agents_at_hand(bound) is None
    assert stage.cached.agents_at_hand(ONLY_IF_CACHED) is not None
    assert stage.evolux.walks == 1


async def test_a_jump_of_the_wall_clock_is_no_age() -> None:
    stage = Stage()
    await judged(stage)
    for seconds in (86_400, -172_800):
        stage.clock.jump(seconds)
        reading = stage.cached.agents_at_hand()
        assert reading is not None
        assert reading.age_seconds == 0
    assert stage.evolux.walks == 1


async def test_each_reading_is_counted_with_its_age() -> None:
    stage = Stage()
    await judged(stage)
    stage.clock.advance(0.25)
    stage.cached.agents_at_hand()
    assert [age for _, _, age in stage.served.readings] == [0, 0, 0, 0.25]
