"""The tenant's pause catalogue, which Evolux has no listing of: gathered from what agents show."""

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Iterable, Iterator
from datetime import datetime

from gateway.domain.agents import Agent, AgentState
from gateway.domain.errors import AgentNotFound
from gateway.domain.ids import AgentId, PauseId, QueueId
from gateway.domain.listings import Snapshot
from gateway.domain.pauses import AllowedPause, Pause

ReadAllowed = Callable[[AgentId], Awaitable[Iterable[AllowedPause]]]


def covering_agents(agents: Iterable[Agent]) -> tuple[AgentId, ...]:
    """Choose few agents who together serve every queue that any agent serves, by greedy set cover.

    Inactive agents are chosen only for queues that no active one serves. Equal agents, equal choice.
    """
    active: dict[frozenset[QueueId], AgentId] = {}
    inactive: dict[frozenset[QueueId], AgentId] = {}
    for agent in agents:
        side = inactive if agent.state is AgentState.INACTIVE else active
        queue_ids = frozenset(agent.queue_ids)
        side[queue_ids] = min(agent.id, side.get(queue_ids, agent.id))
    covered: set[QueueId] = set()
    return (*_cover(active, covered=covered), *_cover(inactive, covered=covered))


async def read_pause_catalogue(agents: Snapshot[Agent], *, read_allowed: ReadAllowed) -> tuple[Pause, ...]:
    """Give the pauses of the agents listing and of the covering agents' pauses listings, by id.

    An agent who is gone since the listing was read is passed over; other failures of `read_allowed` pass.
    """
    listings = await _read_all(covering_agents(agents.rows), read_allowed=read_allowed)
    best: dict[PauseId, tuple[tuple[bool, bool, bool, float], Pause]] = {}
    allowed = (row.pause for listing in listings for row in listing)
    for rank, pause in (*_taken(agents.rows), *((_rank(pause, at=None), pause) for pause in allowed)):
        if pause.id not in best or rank > best[pause.id][0]:
            best[pause.id] = (rank, pause)
    return tuple(best[pause_id][1] for pause_id in sorted(best))


def _cover(agents: dict[frozenset[QueueId], AgentId], *, covered: set[QueueId]) -> Iterator[AgentId]:
    """Give agents by how many uncovered queues each adds, the lowest id first among equals.

    Gains only shrink, so an agent whose gain still stands when it is the largest is the one to take.
    """
    heap = [(-len(queue_ids), agent_id, queue_ids) for queue_ids, agent_id in agents.items()]
    heapq.heapify(heap)
    while heap:
        loss, agent_id, queue_ids = heapq.heappop(heap)
        gain = len(queue_ids - covered)
        if gain == -loss > 0:
            covered |= queue_ids
            yield agent_id
        elif gain:
            heapq.heappush(heap, (-gain, agent_id, queue_ids))


async def _read_all(
    agent_ids: Iterable[AgentId], *, read_allowed: ReadAllowed
) -> list[Iterable[AllowedPause]]:
    """Read every listing at once; the first failure ends the others and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as readings:
            tasks = [
                readings.create_task(_read_or_pass(agent_id, read_allowed=read_allowed))
                for agent_id in agent_ids
            ]
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]


async def _read_or_pass(agent_id: AgentId, *, read_allowed: ReadAllowed) -> Iterable[AllowedPause]:
    try:
        return await read_allowed(agent_id)
    except AgentNotFound:
        return ()


def _taken(agents: Iterable[Agent]) -> Iterator[tuple[tuple[bool, bool, bool, float], Pause]]:
    for agent in agents:
        for taken in (agent.current_pause, agent.last_pause):
            if taken is not None and taken.pause is not None:
                yield _rank(taken.pause, at=taken.started_at), taken.pause


def _rank(pause: Pause, *, at: datetime | None) -> tuple[bool, bool, bool, float]:
    """Fuller descriptions before barer ones, then those of a pauses listing, then later ones."""
    described = bool(pause.description.strip())
    return (described, pause.type is not None, at is None, at.timestamp() if at else 0.0)
