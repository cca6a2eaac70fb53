"""Agents as they were last read or are known to be, where that is newer than the held listing."""

from collections.abc import Iterable, Mapping
from typing import Final

import cachetools

from gateway.domain.agents import Agent
from gateway.domain.ids import AgentId

_MAX_AGENTS: Final = 4096


class LastKnown:
    """A row for each of the agents that were read or written last; None where a write left it unknown."""

    def __init__(self, *, max_agents: int = _MAX_AGENTS) -> None:
        self._rows: cachetools.LRUCache[AgentId, tuple[float, Agent | None]] = cachetools.LRUCache(max_agents)

    def note(self, agent_id: AgentId, agent: Agent | None, *, at: float) -> None:
        """Remember the row, of a reading that began or a write that ended at the monotonic instant `at`."""
        self._rows[agent_id] = (at, agent)

    def since(self, at: float, *, agent_id: AgentId | None) -> Mapping[AgentId, Agent | None]:
        """What is newer than a listing whose walk began at `at`: of one agent, or of all."""
        entries = self._rows.items() if agent_id is None else self._entry(agent_id)
        return {one: agent for one, (noted_at, agent) in entries if noted_at >= at}

    def _entry(self, agent_id: AgentId) -> Iterable[tuple[AgentId, tuple[float, Agent | None]]]:
        entry = self._rows.get(agent_id)
        return () if entry is None else ((agent_id, entry),)
