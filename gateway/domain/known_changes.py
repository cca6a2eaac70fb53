"""What a write is known to have changed, before Evolux has been read again: pure functions on agents.

Each gives the agent as it must be now, or None where that cannot be told from what is held.
"""

from collections.abc import Mapping
from datetime import datetime

from msgspec.structs import replace

from gateway.domain.agents import Agent, AgentChange
from gateway.domain.ids import PauseId
from gateway.domain.listings import Snapshot
from gateway.domain.pauses import AgentPause, Pause


def known_pauses(agents: Snapshot[Agent]) -> Mapping[int, Pause]:
    """The pauses that the listing describes, by their id."""
    return agents.derive("known pauses", _known_pauses)


def paused(agent: Agent, *, pause: Pause, at: datetime) -> Agent | None:
    """The agent in a pause that began now; an agent who does not look logged in is better read again."""
    logged_in = agent.last_login is not None and agent.last_login.ended_at is None
    if not logged_in or agent.current_pause is not None:
        return None
    return replace(
        agent, current_pause=AgentPause(id=None, started_at=at, pause=pause, pause_id=PauseId(pause.id))
    )


def unpaused(agent: Agent, *, at: datetime) -> Agent | None:
    """The agent with the pause ended now; one who does not look paused is better read again."""
    if agent.current_pause is None:
        return None
    return replace(agent, current_pause=None, last_pause=replace(agent.current_pause, ended_at=at))


def logged_off(agent: Agent, *, at: datetime) -> Agent | None:
    """The agent with the login, and a pause within it, ended now."""
    if agent.last_login is None or agent.last_login.ended_at is not None:
        return None
    out = agent if agent.current_pause is None else unpaused(agent, at=at) or agent
    return replace(out, extension=None, last_login=replace(agent.last_login, ended_at=at))


def changed(agent: Agent, *, change: AgentChange) -> Agent:
    """The agent with the given fields; a password and levels show in no listing."""
    name = agent.name if change.name is None else change.name
    queue_ids = agent.queue_ids if change.queue_ids is None else change.queue_ids
    return replace(agent, name=name, queue_ids=queue_ids)


def _known_pauses(agents: Snapshot[Agent]) -> Mapping[int, Pause]:
    taken = (pause for agent in agents.rows for pause in (agent.last_pause, agent.current_pause) if pause)
    return {pause.pause.id: pause.pause for pause in taken if pause.pause is not None}
