"""How one agent or queue is found in listings, and when not finding it says that there is none."""

from collections.abc import Mapping
from typing import Any

from gateway.domain.agents import Agent
from gateway.domain.errors import AgentNotFound, QueueNotFound, UpstreamInvalidResponse
from gateway.domain.ids import AgentId, QueueId
from gateway.domain.listings import Snapshot
from gateway.domain.queues import Queue


def find_agent(agents: Snapshot[Agent], agent_id: AgentId) -> Agent:
    """The agent of this id; `AgentNotFound` where there is none."""
    agent = agents.by_id.get(agent_id)
    if agent is None:
        check_complete(agents)
        raise AgentNotFound("No agent has this id.", field=("id",))
    return agent


def find_agent_by_login(agents: Snapshot[Agent], login: str) -> Agent:
    """The agent of this login, in another case if only one has it; `AgentNotFound` where there is none."""
    exact = agents.derive(_by_login, _by_login).get(login)
    if exact is not None:
        return exact
    alike = agents.derive(_by_folded_login, _by_folded_login).get(login.casefold(), ())
    if len(alike) == 1:
        return alike[0]
    check_complete(agents)
    raise AgentNotFound("No agent has this login.", field=("login",))


def find_listed_queue(queues: Snapshot[Queue], queue_id: QueueId) -> Queue | None:
    """The queue of this id where the listing shows it."""
    return queues.by_id.get(queue_id)


def find_hidden_queue(queue_id: QueueId, *, queues: Snapshot[Queue], agents: Snapshot[Agent]) -> Queue:
    """The queue that the listing hides, known from agents; `QueueNotFound` where nobody serves it."""
    if queue_id in agents.derive(_known_queue_ids, _known_queue_ids):
        return Queue(id=queue_id)
    check_complete(queues)
    check_complete(agents)
    raise QueueNotFound("No queue has this id.", field=("id",))


def check_complete(snapshot: Snapshot[Any]) -> None:
    """`UpstreamInvalidResponse` where what was not found may be in the missing part of the listing."""
    if not snapshot.complete:
        raise UpstreamInvalidResponse(
            "Evolux's listing could not be read whole, and what was read has no such row."
        )


def _by_login(snapshot: Snapshot[Agent]) -> Mapping[str, Agent]:
    """Agents by login; of several the first who is not archived."""
    rows = sorted(snapshot.rows, key=lambda row: row.archived)
    return {row.login: row for row in reversed(rows)}


def _by_folded_login(snapshot: Snapshot[Agent]) -> Mapping[str, list[Agent]]:
    alike: dict[str, list[Agent]] = {}
    for row in snapshot.rows:
        alike.setdefault(row.login.casefold(), []).append(row)
    return alike


def _known_queue_ids(snapshot: Snapshot[Agent]) -> frozenset[QueueId]:
    return frozenset(queue_id for row in snapshot.rows for queue_id in row.queue_ids)
