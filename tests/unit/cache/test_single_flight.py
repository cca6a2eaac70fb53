"""One walk for everybody, which belongs to nobody."""

import asyncio
from collections.abc import Sequence

import pytest

from gateway.domain.errors import AgentNotFound, Overloaded, UpstreamUnavailable
from gateway.domain.ids import AgentId
from gateway.domain.listings import FreshnessBound, ReadSource
from tests.unit.cache.staged import ANA, NO_CACHE, Stage, errors_that_nobody_took, settle

LONG_AGO = FreshnessBound(max_age_seconds=60)


async def test_all_who_come_while_a_walk_is_under_way_share_it() -> None:
    stage = Stage()
    hold = stage.evolux.hold_next("agents")
    readers = [stage.begin_read() for _ in range(100)]
    await hold.reached.wait()
    late = stage.begin_read()
    hold.let_go()
    readings = await asyncio.gather(*readers, late)
    assert stage.evolux.walks == 1
    assert [reading.source for reading in readings] == [ReadSource.WALKED] + [ReadSource.COALESCED] * 100
    assert len({id(reading.snapshot) for reading in readings}) == 1


async def test_a_failed_walk_fails_all_who_share_it_and_none_who_come_after() -> None:
    stage = Stage()
    stage.evolux.trouble = UpstreamUnavailable("down")
    hold = stage.evolux.hold_next("agents")
    readers = [stage.begin_read() for _ in range(3)]
    await hold.reached.wait()
    hold.let_go()
    assert [type(each) for each in await asyncio.gather(*readers, return_exceptions=True)] == [
        UpstreamUnavailable
    ] * 3
    assert (stage.evolux.walks, len(stage.served.failures)) == (1, 3)
    stage.evolux.trouble = None
    assert await stage.name_of(ANA) == "Ana"


@pytest.mark.parametrize("leaving", [(0,), (1,), (2,), (0, 1, 2)], ids=str)
async def test_callers_who_hang_up_leave_the_walk_to_the_others(leaving: Sequence[int]) -> None:
    stage = Stage()
    hold = stage.evolux.hold_next("agents")
    readers = [stage.begin_read() for _ in range(3)]
    await hold.reached.wait()
    with errors_that_nobody_took() as reports:
        for each in leaving:
            readers[each].cancel()
        await settle()
        assert [reader.cancelled() for reader in readers] == [each in leaving for each in range(3)]
        hold.let_go()
        await settle()
        assert all(reader.result().snapshot.complete for reader in readers if not reader.cancelled())
    assert reports == []
    assert stage.evolux.cancelled == 0
    assert (await stage.cached.agents()).source is ReadSource.FRESH
    assert stage.evolux.walks == 1


async def test_a_walk_that_fails_after_everybody_left_is_nobodys_error() -> None:
    stage = Stage()
    hold = stage.evolux.hold_next("agents")
    with errors_that_nobody_took() as reports:
        reader = stage.begin_read()
        await hold.reached.wait()
        reader.cancel()
        stage.evolux.trouble = UpstreamUnavailable("down")
        hold.let_go()
        await settle()
        del reader
    assert reports == []
    assert stage.held_agents is None


async def test_who_accepts_nothing_read_before_waits_for_the_next_walk_and_shares_that() -> None:
    stage = Stage()
    first_hold, second_hold = stage.evolux.hold_next("agents"), stage.evolux.hold_next("agents")
    first = stage.begin_read()
    await first_hold.reached.wait()
    stage.clock.advance(1)
    strict = [stage.begin_read(NO_CACHE) for _ in range(3)]
    easy = stage.begin_read(LONG_AGO)
    await settle()
    assert stage.evolux.walks == 1
    first_hold.let_go()
    await second_hold.reached.wait()
    assert (await first).source is ReadSource.WALKED
    assert (await easy).source is ReadSource.COALESCED
    second_hold.let_go()
    sources = [reading.source for reading in await asyncio.gather(*strict)]
    assert sources == [ReadSource.WALKED, ReadSource.COALESCED, ReadSource.COALESCED]
    assert stage.evolux.walks == 2


async def test_max_age_joins_a_walk_that_began_within_it_and_no_older_one() -> None:
    stage = Stage()
    hold = stage.evolux.hold_next("agents")
    first = stage.begin_read()
    await hold.reached.wait()
    stage.clock.advance(4)
    within = stage.begin_read(FreshnessBound(max_age_seconds=4))
    beyond = stage.begin_read(FreshnessBound(max_age_seconds=3))
    await settle()
    hold.let_go()
    assert (await within).snapshot is (await first).snapshot
    assert (await within).age_seconds == 4
    assert (await beyond).snapshot is not (await first).snapshot
    assert (await beyond).age_seconds == 0
    assert stage.evolux.walks == 2


async def test_a_walk_slower_than_fresh_is_told_as_stale() -> None:
    stage = Stage()
    hold = stage.evolux.hold_next("agents")
    reader = stage.begin_read()
    await hold.reached.wait()
    stage.clock.advance(6)
    hold.let_go()
    reading = await reader
    assert (reading.age_seconds, reading.stale, reading.source) == (6, True, ReadSource.WALKED)


async def test_listings_of_two_kinds_two_agents_two_credentials_fly_apart() -> None:
    stage = Stage()
    await stage.cached.agents()
    await stage.cached.queues()
    await stage.cached.agent_pauses(ANA)
    await stage.cached.agent_pauses(AgentId(2))
    stage.credential = "second"
    await stage.cached.agents()
    assert stage.evolux.calls == {"agents": 2, "queues": 1, "agent_pauses": 2}
    stage.credential = "first"
    assert (await stage.cached.agents()).source is ReadSource.FRESH


async def test_a_stop_ends_walks_and_tells_those_who_wait_why() -> None:
    stage = Stage()
    hold = stage.evolux.hold_next("agents")
    waiting, queues = stage.begin_read(), asyncio.create_task(stage.cached.queues())
    await hold.reached.wait()
    await queues
    with errors_that_nobody_took() as reports:
        await stage.cached.close()
        assert stage.evolux.cancelled == 1
        with pytest.raises(UpstreamUnavailable):
            await waiting
    assert reports == []
    assert not waiting.cancelled()


async def test_a_walk_that_is_ended_before_its_first_step_leaves_no_trace() -> None:
    stage = Stage()
    reader = stage.begin_read()
    await asyncio.sleep(0)
    await stage.cached.close()
    with pytest.raises(UpstreamUnavailable):
        await reader
    assert (await stage.cached.agents()).source is ReadSource.WALKED


async def test_a_fault_of_our_own_reaches_each_caller_and_asyncio_reports_it_where_there_is_none() -> None:
    stage = Stage()
    await stage.cached.agents()
    stage.evolux.trouble = ZeroDivisionError("ours")
    with pytest.raises(ZeroDivisionError):
        await stage.cached.agents(NO_CACHE)
    stage.clock.advance(10)
    with errors_that_nobody_took() as reports:
        assert (await stage.cached.agents()).source is ReadSource.STALE
        await settle()
    assert [report["exception"] for report in reports] == [stage.evolux.trouble]
    assert stage.evolux.walks == 3


async def test_an_agent_who_is_gone_has_no_held_pauses_either() -> None:
    stage = Stage()
    await stage.cached.agent_pauses(ANA)
    stage.evolux.remove(ANA)
    stage.clock.advance(10)
    assert (await stage.cached.agent_pauses(ANA)).source is ReadSource.STALE
    await settle()
    with pytest.raises(AgentNotFound):
        await stage.cached.agent_pauses(ANA)


async def test_what_the_gateway_has_too_much_of_is_covered_like_a_failure() -> None:
    stage = Stage()
    await stage.cached.agents()
    stage.clock.advance(100)
    stage.evolux.trouble = Overloaded("too much")
    assert (await stage.cached.agents()).source is ReadSource.STALE_IF_ERROR
