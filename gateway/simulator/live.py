"""A world that moves on its own: agents come, pause, take calls and go."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from gateway.simulator.records import Agent
from gateway.simulator.world import World

TICK_SECONDS = 1.0
MOVE_EVERY_SECONDS = 240.0  # how long an agent stays in one state, on average


async def live(
    world: World,
    *,
    tick_seconds: float = TICK_SECONDS,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> None:
    """Move the world for as long as the task runs, by as much as its clock went on between two ticks."""
    before = world.clock()
    while True:
        await sleep(tick_seconds)
        now = world.clock()
        move(world, elapsed=now - before)
        before = now


def move(world: World, *, elapsed: timedelta) -> None:
    """Let about as many agents do something as would in this time, and end pauses that end by themselves."""
    _end_automatic_pauses(world)
    expected = len(world.listing) * elapsed.total_seconds() / MOVE_EVERY_SECONDS
    for _ in range(int(expected + world.random.random())):
        move_agent(world, agent=world.agents[world.random.choice(world.listing)])


def move_agent(world: World, *, agent: Agent) -> None:
    """One agent's next step, by chance and by what they are doing; the archived and disabled do nothing."""
    if agent.archived or not agent.enabled:
        return
    if not agent.logged_in:
        world.log_in(agent.id)
    elif agent.current_pause is not None:
        world.unpause(agent.id)
    elif agent.on_call:
        world.set_on_call(agent.id, False)
    else:
        _begin_something(world, agent=agent)


def _begin_something(world: World, *, agent: Agent) -> None:
    allowed = world.allowed_pauses(agent.id)
    chance = world.random.random()
    if chance < 0.4 and allowed:  # noqa: PLR2004  four in ten
        world.pause(agent.id, world.random.choice(allowed).pause_id)
    elif chance < 0.8:  # noqa: PLR2004  four in ten
        world.set_on_call(agent.id, True)
    else:
        world.log_off(agent.id)


def _end_automatic_pauses(world: World) -> None:
    now = world.clock()
    for agent in tuple(world.agents.values()):
        pause = agent.current_pause
        if pause is None or pause.max_seconds is None:
            continue
        ends = any(
            each.automatic_unpause
            for each in world.allowed_pauses(agent.id)
            if each.pause_id == pause.pause_id
        )
        if ends and (now - pause.started_at).total_seconds() >= pause.max_seconds:
            world.unpause(agent.id)
