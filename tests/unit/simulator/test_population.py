import re
from collections import Counter

import msgspec

from gateway.simulator.records import Agent
from gateway.simulator.world import World
from tests.unit.simulator.serving import Clock


def rows(world: World) -> list[bytes]:
    return [world.row(agent_id) for agent_id in world.listing]


def test_equal_seeds_give_equal_worlds_and_others_do_not() -> None:
    first = World.seeded(62, seed=7, clock=Clock())
    assert rows(first) == rows(World.seeded(62, seed=7, clock=Clock()))
    assert rows(first) != rows(World.seeded(62, seed=8, clock=Clock()))


def state_of(world: World, agent: Agent) -> str:
    pause = agent.current_pause
    if agent.archived:
        return "archived"
    if not agent.enabled:
        return "disabled"
    if agent.last_login is None:
        return "never logged in"
    if not agent.logged_in:
        return "logged off"
    if pause is None:
        return "logged in"
    return "paused productive" if world.pauses[pause.pause_id].productive else "paused non productive"


def test_a_dozen_agents_already_show_every_state() -> None:
    world = World.seeded(12, clock=Clock())
    agents = world.agents.values()
    assert {state_of(world, agent) for agent in agents} == {
        "archived",
        "disabled",
        "never logged in",
        "logged off",
        "logged in",
        "paused productive",
        "paused non productive",
    }
    over_limit = [
        agent
        for agent in agents
        if agent.current_pause is not None
        and agent.current_pause.max_seconds is not None
        and (world.clock() - agent.current_pause.started_at).total_seconds() > agent.current_pause.max_seconds
    ]
    assert over_limit
    assert any(agent.logged_in and agent.queue_ids == () for agent in agents)
    assert any(world.queues[queue_id].archived for agent in agents for queue_id in agent.queue_ids)
    assert any(agent.on_call for agent in agents)


def test_names_are_brazilian_and_logins_plain_and_unique() -> None:
    world = World.seeded(2_000, clock=Clock())
    names = [agent.name for agent in world.agents.values()]
    logins = [agent.login for agent in world.agents.values()]
    assert len(set(names)) == len(set(logins)) == 2_000
    assert all(re.fullmatch(r"[a-z]+\.[a-z]+\d*", login) for login in logins)
    assert any("Conceição" in name for name in names)
    assert any(name.startswith("João ") for name in names)


def test_the_listing_is_not_in_the_order_of_ids() -> None:
    world = World.seeded(62, clock=Clock())
    assert world.listing != sorted(world.listing)
    assert sorted(world.listing) == list(range(1, 63))


def test_the_three_ids_of_an_allowed_pause_overlap_without_agreeing() -> None:
    world = World.seeded(62, clock=Clock())
    allowed = [each for queue_id in world.queues for each in world.allowed_in(queue_id)]
    assert {each.id for each in allowed} & set(world.pauses)
    assert all(each.id != each.pause_id for each in allowed)


def test_ten_thousand_agents_are_in_every_state_and_all_have_rows() -> None:
    world = World.seeded(10_000, clock=Clock())
    states = Counter(state_of(world, agent) for agent in world.agents.values())
    assert states.total() == len(world.listing) == 10_000
    assert min(states.values()) > 100
    assert all(msgspec.json.decode(row)["id"] in world.agents for row in rows(world))
