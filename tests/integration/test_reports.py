"""Reports of agents by state are counted once for everybody, on both surfaces."""

from collections.abc import AsyncIterator

import pytest

from gateway.domain import agent_reports
from gateway.domain.agent_tallies import Company, form_companies
from gateway.domain.agents import Agent
from gateway.simulator.server import RunningSimulator
from gateway.simulator.world import World
from tests.integration.test_lost_answers import PATIENT, a_world
from tests.integration.test_rest import ask
from tests.served import Plan, Served, serving

REPORT = "{ agentStates(groupBy: [QUEUE, STATE]) { total { agents paused } groups { counts { agents } } } }"
BY_REST = "/agent-states?groupBy=STATE&groupBy=QUEUE"
AGENTS = "/api/v1/agents"


@pytest.fixture
def world() -> World:
    return a_world(agents=12)


@pytest.fixture
async def both(world: World) -> AsyncIterator[tuple[Served, RunningSimulator]]:
    async with serving(world, plan=Plan(limits=PATIENT)) as (served, simulators):
        yield served, simulators["acme"]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many agents were counted each time that any were."""
    times: list[int] = []

    def form(agents: tuple[Agent, ...]) -> tuple[Company, ...]:
        times.append(len(agents))
        return form_companies(agents)

    monkeypatch.setattr(agent_reports, "form_companies", form)
    return times


async def test_graphql_rest_and_exports_share_one_count(
    both: tuple[Served, RunningSimulator], counted: list[int]
) -> None:
    served, _ = both
    for _ in range(3):
        await served.ask(REPORT)
        await ask(served, "GET", BY_REST)
        await ask(served, "GET", "/exports/agent-states?groupBy=QUEUE&groupBy=STATE")
    assert counted == [12]


async def test_a_walk_that_finds_the_same_agents_counts_nothing_again(
    both: tuple[Served, RunningSimulator], counted: list[int], world: World
) -> None:
    served, simulator = both
    fresh = {"Cache-Control": "no-cache"}
    for _ in range(3):
        await ask(served, "GET", BY_REST, headers=fresh)
    assert (simulator.requests.count(AGENTS), counted) == (3, [12])
    world.pause(2, 49)
    changed = await ask(served, "GET", BY_REST, headers=fresh)
    assert (changed.json()["total"]["paused"], counted) == (1, [12, 12])
