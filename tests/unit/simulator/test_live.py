import asyncio
from datetime import timedelta

import pytest

from gateway.simulator.live import live, move
from gateway.simulator.world import World
from tests.unit.simulator.serving import Clock, small_world


def rows(world: World) -> list[bytes]:
    return [world.row(agent_id) for agent_id in world.listing]


def test_a_world_moves_by_the_time_that_went_by_and_equally_for_equal_seeds() -> None:
    worlds = [World.seeded(62, seed=5, clock=Clock()) for _ in range(2)]
    before = rows(worlds[0])
    for world in worlds:
        move(world, elapsed=timedelta(minutes=5))
    assert rows(worlds[0]) != before
    assert rows(worlds[0]) == rows(worlds[1])


def test_no_time_moves_nobody() -> None:
    world = World.seeded(62, clock=Clock())
    before = rows(world)
    move(world, elapsed=timedelta(0))
    assert rows(world) == before


def test_the_archived_and_disabled_stay_as_they_are() -> None:
    world = World.seeded(200, clock=Clock())
    idle = {agent.id: agent for agent in world.agents.values() if agent.archived or not agent.enabled}
    for _ in range(20):
        move(world, elapsed=timedelta(minutes=4))
    assert idle
    assert {agent_id: world.agents[agent_id] for agent_id in idle} == idle


def test_every_kind_of_step_is_taken() -> None:
    world = small_world(agents=30)
    seen: set[str] = set()
    for _ in range(40):
        move(world, elapsed=timedelta(minutes=4))
        for agent in world.agents.values():
            seen.add("in" if agent.logged_in else "off")
            seen |= {"paused"} if agent.current_pause else set()
            seen |= {"on call"} if agent.on_call else set()
            seen |= {"unpaused"} if agent.last_pause else set()
    assert seen == {"in", "off", "paused", "on call", "unpaused"}


@pytest.mark.parametrize(("seconds", "paused"), [(599, True), (600, False)])
def test_a_pause_that_ends_by_itself_ends_at_its_limit(seconds: float, *, paused: bool) -> None:
    world = small_world(agents=1)
    world.allow_pause(49, queue_id=1, limit_seconds=600, automatic_unpause=True)
    world.log_in(1)
    world.pause(1, 49)
    assert isinstance(world.clock, Clock)
    world.clock.advance(seconds)
    move(world, elapsed=timedelta(0))
    assert (world.agents[1].current_pause is not None) is paused


async def test_the_task_ticks_on_the_worlds_clock() -> None:
    world = World.seeded(62, clock=Clock())
    clock = world.clock
    assert isinstance(clock, Clock)
    before = rows(world)
    slept: list[float] = []
    ticked = asyncio.Event()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            ticked.set()
            await asyncio.Event().wait()
        clock.advance(120)

    moving = asyncio.create_task(live(world, tick_seconds=2.0, sleep=sleep))
    await asyncio.wait_for(ticked.wait(), timeout=5)
    moving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await moving
    assert slept == [2.0, 2.0, 2.0]
    assert rows(world) != before
