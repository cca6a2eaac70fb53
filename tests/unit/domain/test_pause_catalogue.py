import asyncio
from collections.abc import Iterable, Mapping
from datetime import timedelta
from itertools import combinations

import pytest
from hypothesis import given

from gateway.domain.agents import Agent, AgentState
from gateway.domain.errors import AgentNotFound, UpstreamTimeout
from gateway.domain.ids import AgentId
from gateway.domain.pause_catalogue import covering_agents, read_pause_catalogue
from gateway.domain.pauses import AllowedPause, Pause
from tests.builders import (
    NOON,
    a_pause,
    a_snapshot,
    an_agent,
    an_agent_pause,
    an_allowed_pause,
    queue_ids,
)
from tests.unit.domain.populations import populations


class Listings:
    """Pauses listings by agent; `asked` tells whose were read, an error stands for a listing that fails."""

    def __init__(self, listings: Mapping[int, Iterable[Pause] | Exception] | None = None) -> None:
        self.listings = listings or {}
        self.asked: list[int] = []

    async def read(self, agent_id: AgentId) -> Iterable[AllowedPause]:
        self.asked.append(agent_id)
        await asyncio.sleep(0)
        listing = self.listings.get(agent_id, ())
        if isinstance(listing, Exception):
            raise listing
        return [an_allowed_pause(pause) for pause in listing]


def serving(id: int, *queues: int, enabled: bool = True) -> Agent:  # noqa: A002 - ids are called id
    return an_agent(id, queue_ids=queue_ids(*queues), enabled=enabled)


@pytest.mark.parametrize(
    ("agents", "expected"),
    [
        ([], ()),
        ([serving(1), serving(2)], ()),
        ([serving(1, 5)], (1,)),
        ([serving(2, 1), serving(1, 1)], (1,)),
        ([serving(1, 1), serving(2, 1, 2), serving(3, 2)], (2,)),
        ([serving(1, 1, 2), serving(2, 3), serving(3, 2, 3)], (1, 2)),
        ([serving(1, 1, 2, enabled=False), serving(2, 1), serving(3, 2)], (2, 3)),
        ([serving(1, 1, 2, enabled=False), serving(2, 1)], (2, 1)),
    ],
)
def test_few_agents_cover_every_queue(agents: list[Agent], expected: tuple[int, ...]) -> None:
    assert covering_agents(agents) == expected
    assert covering_agents(reversed(agents)) == expected


@given(populations(max_size=20))
def test_every_served_queue_is_covered_and_nobody_is_chosen_in_vain(people: list[Agent]) -> None:
    chosen = covering_agents(people)
    served = {agent.id: set(agent.queue_ids) for agent in people}
    active = {agent.id for agent in people if agent.state is not AgentState.INACTIVE}
    assert set().union(*(served[each] for each in chosen)) == set().union(*served.values())
    covered: set[int] = set()
    for each in chosen:
        gains = {
            other: len(served[other] - covered) for other in served if (other in active) is (each in active)
        }
        assert gains[each] == max(gains.values()) > 0
        assert each == min(other for other in gains if gains[other] == gains[each])
        covered |= served[each]
    inactive = [each for each in chosen if each not in active]
    assert list(chosen) == [each for each in chosen if each in active] + inactive
    of_active = set().union(*(served[each] for each in active))
    assert all(served[each] - of_active for each in inactive)


@given(populations(max_size=7))
def test_the_choice_is_near_the_smallest_there_is(people: list[Agent]) -> None:
    active = [agent for agent in people if agent.state is not AgentState.INACTIVE]
    served = {agent.id: set(agent.queue_ids) for agent in active}
    everything = set().union(*served.values())
    smallest = next(
        size
        for size in range(len(active) + 1)
        for some in combinations(served.values(), size)
        if set().union(*some) == everything
    )
    assert smallest <= len(covering_agents(active)) <= 2 * smallest


async def test_the_catalogue_joins_what_agents_took_and_what_they_may_take() -> None:
    rows = [
        an_agent(1, queue_ids=queue_ids(1), current_pause=an_agent_pause(a_pause(30))),
        an_agent(2, queue_ids=queue_ids(1), last_pause=an_agent_pause(a_pause(20))),
        an_agent(3, queue_ids=queue_ids(2), archived=True, last_pause=an_agent_pause(known=False)),
    ]
    listings = Listings({1: [a_pause(40), a_pause(10)], 3: [a_pause(10), a_pause(20)]})
    catalogue = await read_pause_catalogue(a_snapshot(rows), read_allowed=listings.read)
    assert catalogue == (a_pause(10), a_pause(20), a_pause(30), a_pause(40))
    assert listings.asked == [1, 3]


async def test_an_empty_tenant_has_an_empty_catalogue_and_is_asked_nothing() -> None:
    listings = Listings()
    assert await read_pause_catalogue(a_snapshot([an_agent(1)]), read_allowed=listings.read) == ()
    assert listings.asked == []


@pytest.mark.parametrize(
    ("seen_early", "seen_late", "allowed", "expected"),
    [
        ("Antes", "Depois", None, "Depois"),
        ("Antes", "Depois", "Agora", "Agora"),
        ("Antes", " ", None, "Antes"),
        ("Antes", "Depois", "", "Depois"),
    ],
)
async def test_a_pause_met_often_is_as_last_and_best_described(
    seen_early: str, seen_late: str, allowed: str | None, expected: str
) -> None:
    early, late = (a_pause(7, description=each) for each in (seen_early, seen_late))
    rows = [
        an_agent(1, queue_ids=queue_ids(1), last_pause=an_agent_pause(late, started_at=NOON)),
        an_agent(2, last_pause=an_agent_pause(early, started_at=NOON - timedelta(days=1))),
    ]
    listings = Listings({1: [] if allowed is None else [a_pause(7, description=allowed)]})
    for agents in (rows, rows[::-1]):
        (pause,) = await read_pause_catalogue(a_snapshot(agents), read_allowed=listings.read)
        assert pause.description == expected


async def test_a_type_that_is_known_beats_one_that_is_not() -> None:
    rows = [an_agent(1, queue_ids=queue_ids(1), last_pause=an_agent_pause(a_pause(7, type="nr17rest10")))]
    listings = Listings({1: [a_pause(7)]})
    (pause,) = await read_pause_catalogue(a_snapshot(rows), read_allowed=listings.read)
    assert pause.type == "nr17rest10"


async def test_an_agent_who_is_gone_is_passed_over() -> None:
    rows = [serving(1, 1), serving(2, 2)]
    listings = Listings({1: AgentNotFound("gone"), 2: [a_pause(50)]})
    assert await read_pause_catalogue(a_snapshot(rows), read_allowed=listings.read) == (a_pause(50),)
    assert listings.asked == [1, 2]


async def test_any_other_failure_passes_and_leaves_no_reading_behind() -> None:
    ended = asyncio.Event()

    async def read(agent_id: AgentId) -> Iterable[AllowedPause]:
        if agent_id == 2:
            raise UpstreamTimeout("late")
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return ()

    with pytest.raises(UpstreamTimeout):
        await read_pause_catalogue(a_snapshot([serving(1, 1), serving(2, 2)]), read_allowed=read)
    assert ended.is_set()


async def test_a_cancelled_catalogue_cancels_its_readings() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def read(agent_id: AgentId) -> Iterable[AllowedPause]:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return ()

    task = asyncio.create_task(read_pause_catalogue(a_snapshot([serving(1, 1)]), read_allowed=read))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()
