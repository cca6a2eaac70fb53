"""After a write nobody sees the state from before it; what it is known to have changed shows at once."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.cache.generations import WorkerGenerations
from gateway.domain.agents import AgentChange, AgentState, NewAgent
from gateway.domain.errors import (
    AgentAlreadyPaused,
    AgentNotLoggedIn,
    GatewayError,
    OutcomeUnknown,
    UpstreamCredentialsRejected,
    UpstreamRateLimited,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from gateway.domain.ids import PauseId, TenantId
from gateway.domain.listings import FreshnessBound, ReadSource
from tests.builders import a_login, an_agent, an_agent_pause, queue_ids
from tests.unit.cache.staged import ANA, NO_CACHE, RUI, Stage, code_of, errors_that_nobody_took, settle

LUNCH = PauseId(50)
WITHIN_A_MINUTE = FreshnessBound(max_age_seconds=60)


def renamed(name: str) -> AgentChange:
    return AgentChange(name=name)


async def test_a_change_shows_at_once_and_costs_no_walk() -> None:
    stage = Stage()
    before = (await stage.cached.agents()).snapshot
    stage.clock.advance(2)
    await stage.cached.update_agent(ANA, renamed("Ana Maria"))
    reading = await stage.cached.agents()
    assert reading.snapshot.by_id[ANA].name == "Ana Maria"
    assert (reading.source, reading.age_seconds) == (ReadSource.FRESH, 2)
    assert reading.snapshot.version != before.version
    assert before.by_id[ANA].name == "Ana"
    assert stage.evolux.calls == {"agents": 1, "update_agent": 1}


async def test_what_was_shown_is_confirmed_or_corrected_by_one_walk_a_second_later() -> None:
    stage = Stage()
    await stage.cached.agents()
    await stage.cached.update_agent(ANA, renamed("Ana Maria"))
    stage.evolux.put(an_agent(ANA, name="ANA MARIA"))
    stage.clock.advance(0.9)
    assert await stage.name_of(ANA) == "Ana Maria"
    await settle()
    assert stage.evolux.walks == 1
    stage.clock.advance(0.1)
    assert await stage.name_of(ANA) == "Ana Maria"
    await settle()
    reading = await stage.cached.agents()
    assert (reading.snapshot.by_id[ANA].name, reading.age_seconds) == ("ANA MARIA", 0)
    stage.clock.advance(2)
    await stage.cached.agents()
    await settle()
    assert stage.evolux.walks == 2


async def test_a_pause_that_the_listing_knows_shows_at_once_and_its_end_too() -> None:
    stage = Stage()
    stage.evolux.put(an_agent(RUI, last_pause=an_agent_pause()))
    await stage.cached.agents()
    await stage.cached.pause_agent(ANA, LUNCH)
    assert (await stage.cached.agents()).snapshot.by_id[ANA].state is AgentState.PAUSED
    await stage.cached.unpause_agent(ANA)
    ana = (await stage.cached.agents()).snapshot.by_id[ANA]
    assert (ana.state, ana.last_pause is None) == (AgentState.LOGGED_IN, False)
    await stage.cached.log_off_agent(ANA)
    assert (await stage.cached.agents()).snapshot.by_id[ANA].state is AgentState.LOGGED_OUT
    assert stage.evolux.walks == 1


async def test_a_pause_that_the_listing_does_not_know_makes_the_next_reader_wait_for_a_walk() -> None:
    stage = Stage()
    await stage.cached.agents()
    await stage.cached.pause_agent(ANA, LUNCH)
    reading = await stage.cached.agents()
    assert (reading.source, reading.snapshot.by_id[ANA].state) == (ReadSource.WALKED, AgentState.PAUSED)
    assert stage.evolux.walks == 2


async def test_a_created_agent_is_listed_at_once_and_every_pauses_listing_is_read_anew() -> None:
    stage = Stage()
    await stage.cached.agents()
    await stage.cached.agent_pauses(ANA)
    created = await stage.cached.create_agent(NewAgent(name="Zoé", login="zoe", password="planted-password"))
    assert (await stage.cached.agents()).snapshot.rows[-1] == created
    assert (await stage.cached.agent_pauses(ANA)).source is ReadSource.WALKED
    assert stage.evolux.calls == {"agents": 1, "agent_pauses": 2, "create_agent": 1}


@pytest.mark.parametrize(
    "failure",
    [
        AgentNotLoggedIn("no"),
        UpstreamUnavailable("down"),
        UpstreamRateLimited("slow"),
        UpstreamCredentialsRejected("no"),
    ],
    ids=code_of,
)
async def test_a_write_that_changed_nothing_keeps_the_listing(failure: GatewayError) -> None:
    stage = Stage()
    before = (await stage.cached.agents()).snapshot
    stage.evolux.fail("pause_agent", failure)
    with pytest.raises(type(failure)):
        await stage.cached.pause_agent(ANA, LUNCH)
    reading = await stage.cached.agents()
    assert reading.snapshot is before
    assert reading.source is ReadSource.FRESH
    assert stage.evolux.walks == 1


async def test_a_refused_write_lets_the_walk_beside_it_be_held() -> None:
    stage = Stage()
    hold = stage.evolux.hold_next("agents")
    reader = stage.begin_read()
    await hold.reached.wait()
    stage.evolux.fail("pause_agent", AgentAlreadyPaused("no"))
    with pytest.raises(AgentAlreadyPaused):
        await stage.cached.pause_agent(ANA, LUNCH)
    hold.let_go()
    snapshot = (await reader).snapshot
    assert (await stage.cached.agents()).snapshot is snapshot


@pytest.mark.parametrize("failure", [OutcomeUnknown("lost"), UpstreamTimeout("late")], ids=code_of)
async def test_a_write_that_may_have_happened_makes_the_next_reader_wait(failure: GatewayError) -> None:
    stage = Stage()
    await stage.cached.agents()
    stage.evolux.lose_answer("update_agent", failure)
    with pytest.raises(type(failure)):
        await stage.cached.update_agent(ANA, renamed("Ana Maria"))
    reading = await stage.cached.agents()
    assert (reading.source, reading.snapshot.by_id[ANA].name) == (ReadSource.WALKED, "Ana Maria")


async def test_after_a_write_not_even_a_failing_evolux_brings_the_old_state_back() -> None:
    stage = Stage()
    await stage.cached.agents()
    stage.evolux.lose_answer("update_agent", OutcomeUnknown("lost"))
    with pytest.raises(OutcomeUnknown):
        await stage.cached.update_agent(ANA, renamed("Ana Maria"))
    stage.evolux.trouble = UpstreamUnavailable("down")
    with pytest.raises(UpstreamUnavailable):
        await stage.cached.agents()


async def test_a_write_whose_caller_hangs_up_still_counts() -> None:
    stage = Stage()
    await stage.cached.agents()
    hold = stage.evolux.hold_answer("update_agent")
    with errors_that_nobody_took() as reports:
        write = asyncio.create_task(stage.cached.update_agent(ANA, renamed("Ana Maria")))
        await hold.reached.wait()
        write.cancel()
        await settle()
        assert write.cancelled()
        assert await stage.name_of(ANA) == "Ana"
        hold.let_go()
        await settle()
    assert reports == []
    assert await stage.name_of(ANA) == "Ana Maria"


async def test_a_refused_write_whose_caller_hung_up_is_nobodys_error() -> None:
    stage = Stage()
    hold = stage.evolux.hold_next("unpause_agent")
    with errors_that_nobody_took() as reports:
        write = asyncio.create_task(stage.cached.unpause_agent(ANA))
        await hold.reached.wait()
        write.cancel()
        hold.let_go()
        await settle()
    assert reports == []


async def test_a_stop_lets_writes_end_first() -> None:
    stage = Stage()
    hold = stage.evolux.hold_next("update_agent")
    write = asyncio.create_task(stage.cached.update_agent(ANA, renamed("Ana Maria")))
    await hold.reached.wait()
    stop = asyncio.create_task(stage.cached.close())
    await settle()
    assert not stop.done()
    hold.let_go()
    await stop
    await write
    assert stage.evolux.rows[ANA].name == "Ana Maria"


async def test_a_walk_that_a_write_overtook_is_not_held() -> None:
    stage = Stage()
    hold = stage.evolux.hold_answer("agents")
    reader = stage.begin_read()
    await hold.reached.wait()
    await stage.cached.update_agent(ANA, renamed("Ana Maria"))
    hold.let_go()
    assert (await reader).snapshot.by_id[ANA].name == "Ana"
    assert stage.held_agents is None
    assert await stage.name_of(ANA) == "Ana Maria"


async def test_a_reader_after_a_write_ends_the_walk_from_before_it_and_all_get_the_new_one() -> None:
    stage = Stage()
    hold = stage.evolux.hold_answer("agents")
    early = [stage.begin_read() for _ in range(3)]
    await hold.reached.wait()
    await stage.cached.update_agent(ANA, renamed("Ana Maria"))
    assert await stage.name_of(ANA) == "Ana Maria"
    readings = await asyncio.gather(*early)
    assert {reading.snapshot.by_id[ANA].name for reading in readings} == {"Ana Maria"}
    assert (stage.evolux.walks, stage.evolux.cancelled) == (2, 1)


async def test_steady_writes_cost_one_walk_at_a_time_and_starve_nobody() -> None:
    stage = Stage()
    holds = [stage.evolux.hold_answer("agents") for _ in range(3)]
    first = stage.begin_read()
    await holds[0].reached.wait()
    await stage.cached.update_agent(ANA, renamed("2"))
    second = stage.begin_read()
    await holds[1].reached.wait()
    await stage.cached.update_agent(ANA, renamed("3"))
    third = stage.begin_read()
    await settle()
    assert (stage.evolux.walks, stage.evolux.cancelled) == (2, 1)
    holds[1].let_go()
    assert [(await each).snapshot.by_id[ANA].name for each in (first, second)] == ["2", "2"]
    await holds[2].reached.wait()
    await stage.cached.update_agent(ANA, renamed("4"))
    holds[2].let_go()
    assert (await third).snapshot.by_id[ANA].name == "3"
    assert stage.evolux.walks == 3


async def test_who_waited_for_a_walk_to_end_shares_one_that_began_since_though_a_write_overtook_it() -> None:
    stage = Stage()
    holds = [stage.evolux.hold_answer("agents") for _ in range(3)]
    first = stage.begin_read()
    await holds[0].reached.wait()
    await stage.cached.update_agent(ANA, renamed("2"))
    second = stage.begin_read()
    await holds[1].reached.wait()
    await stage.cached.update_agent(ANA, renamed("3"))
    waiting = [stage.begin_read() for _ in range(3)]
    await settle()
    holds[1].let_go()
    await holds[2].reached.wait()
    holds[2].let_go()
    assert {(await each).snapshot.by_id[ANA].name for each in waiting} == {"3"}
    assert stage.evolux.walks == 3
    await asyncio.gather(first, second)


async def test_of_two_writes_that_overlapped_only_evolux_can_tell_which_came_last() -> None:
    stage = Stage()
    await stage.cached.agents()
    hold = stage.evolux.hold_answer("update_agent")
    slow = asyncio.create_task(stage.cached.update_agent(ANA, renamed("first")))
    await hold.reached.wait()
    await stage.cached.update_agent(ANA, renamed("second"))
    assert await stage.name_of(ANA) == "second"
    hold.let_go()
    await slow
    assert await stage.name_of(ANA) == "second"


async def test_a_slow_write_is_not_shown_over_a_walk_that_is_newer_than_another_write() -> None:
    stage = Stage()
    hold = stage.evolux.hold_answer("update_agent")
    slow = asyncio.create_task(stage.cached.update_agent(ANA, renamed("first")))
    await hold.reached.wait()
    await stage.cached.update_agent(ANA, renamed("second"))
    assert await stage.name_of(ANA) == "second"
    hold.let_go()
    await slow
    assert await stage.name_of(ANA) == "second"


async def test_a_slow_write_is_not_shown_over_a_walk_that_may_have_seen_what_came_after_it() -> None:
    stage = Stage()
    await stage.cached.agents()
    hold = stage.evolux.hold_answer("update_agent")
    slow = asyncio.create_task(stage.cached.update_agent(ANA, renamed("first")))
    await hold.reached.wait()
    stage.evolux.put(an_agent(ANA, name="changed by another since"))
    assert await stage.name_of(ANA, NO_CACHE) == "changed by another since"
    hold.let_go()
    await slow
    assert await stage.name_of(ANA) == "changed by another since"
    assert stage.evolux.walks == 3


async def test_one_agent_that_was_read_is_put_into_the_listing() -> None:
    stage = Stage()
    await stage.cached.agents()
    stage.evolux.put(an_agent(ANA, name="Ana Maria"))
    await stage.cached.read_agent(ANA)
    assert await stage.name_of(ANA) == "Ana Maria"
    assert stage.evolux.walks == 1
    assert stage.evolux.near_pages == [1]


async def test_one_agent_that_was_read_slowly_is_not_put_over_what_came_since() -> None:
    stage = Stage()
    await stage.cached.agents()
    hold = stage.evolux.hold_answer("read_agent")
    slow = asyncio.create_task(stage.cached.read_agent(ANA))
    await hold.reached.wait()
    stage.evolux.put(an_agent(ANA, name="Ana Maria"))
    stage.clock.advance(10)
    await stage.cached.agents(WITHIN_A_MINUTE)
    await settle()
    assert await stage.name_of(ANA) == "Ana Maria"
    hold.let_go()
    await slow
    assert await stage.name_of(ANA) == "Ana Maria"


async def test_one_agent_that_was_read_before_a_write_is_not_put_over_it() -> None:
    stage = Stage()
    await stage.cached.agents()
    hold = stage.evolux.hold_answer("read_agent")
    slow = asyncio.create_task(stage.cached.read_agent(ANA))
    await hold.reached.wait()
    await stage.cached.update_agent(ANA, renamed("Ana Maria"))
    hold.let_go()
    agent = await slow
    assert agent is not None
    assert agent.name == "Ana"
    assert await stage.name_of(ANA) == "Ana Maria"


async def test_tenants_do_not_overtake_each_other() -> None:
    acme = Stage()
    other = Stage(
        tenant_id=TenantId("other"), store=acme.store, generations=acme.generations, clock=acme.clock
    )
    await other.cached.agents()
    await acme.cached.agents()
    await acme.cached.update_agent(ANA, renamed("Ana de Acme"))
    assert await acme.name_of(ANA) == "Ana de Acme"
    reading = await other.cached.agents()
    assert (reading.source, reading.snapshot.by_id[ANA].name) == (ReadSource.FRESH, "Ana")


@pytest.fixture
def shared_file() -> Iterator[Path]:
    path = WorkerGenerations.create_file()
    yield path
    path.unlink()


async def test_a_write_by_one_worker_is_seen_by_all_workers(shared_file: Path) -> None:
    one_generations, other_generations = WorkerGenerations(shared_file), WorkerGenerations(shared_file)
    one = Stage(generations=one_generations)
    other = Stage(generations=other_generations, clock=one.clock, evolux=one.evolux)
    await other.cached.agents()
    hold = one.evolux.hold_answer("agents")
    overtaken = other.begin_read(FreshnessBound(max_age_seconds=0))
    await hold.reached.wait()
    await one.cached.update_agent(ANA, renamed("Ana Maria"))
    hold.let_go()
    assert (await overtaken).snapshot.by_id[ANA].name == "Ana"
    assert await other.name_of(ANA) == "Ana Maria"
    one_generations.close()
    other_generations.close()


async def test_a_write_by_another_worker_between_leaves_the_telling_to_evolux(shared_file: Path) -> None:
    one_generations, other_generations = WorkerGenerations(shared_file), WorkerGenerations(shared_file)
    one = Stage(generations=one_generations)
    other = Stage(generations=other_generations, clock=one.clock, evolux=one.evolux)
    await one.cached.agents()
    hold = one.evolux.hold_answer("update_agent")
    slow = asyncio.create_task(one.cached.update_agent(ANA, renamed("first")))
    await hold.reached.wait()
    await other.cached.update_agent(ANA, renamed("second"))
    assert await one.name_of(ANA) == "second"
    hold.let_go()
    await slow
    assert await one.name_of(ANA) == "second"
    one_generations.close()
    other_generations.close()


async def test_an_agent_who_logged_in_behind_our_back_is_better_read_again() -> None:
    stage = Stage()
    await stage.cached.agents()
    stage.evolux.put(an_agent(RUI, last_login=a_login(id=2), queue_ids=queue_ids(1)))
    await stage.cached.pause_agent(RUI, LUNCH)
    reading = await stage.cached.agents()
    assert (reading.source, reading.snapshot.by_id[RUI].state) == (ReadSource.WALKED, AgentState.PAUSED)
