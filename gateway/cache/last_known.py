"""The agents as they were last read or are known to be, whether or not that may still be served."""

from collections.abc import Iterable, Mapping
from math import inf
from typing import Final

import cachetools

from gateway.domain.agents import Agent
from gateway.domain.ids import AgentId
from gateway.domain.listings import Snapshot

_MAX_AGENTS: Final = 4096


class LastKnown:
    """The last walk, and rows of agents who were read or written last; None where a write left one unknown.

    All instants are monotonic: when a reading began, or a write ended.
    """

    def __init__(self, *, max_agents: int = _MAX_AGENTS) -> None:
        self.listing: Snapshot[Agent] | None = None
        self._listed_at = -inf
        self._rows: cachetools.LRUCache[AgentId, tuple[float, Agent | None]] = cachetools.LRUCache(max_agents)

    def note_listing(self, listing: Snapshot[Agent], *, at: float) -> None:
        """Remember what a walk brought that began at this instant."""
        if at >= self._listed_at:
            self.listing, self._listed_at = listing, at

    def note(self, agent_id: AgentId, agent: Agent | None, *, at: float) -> None:
        """Remember a row, of a reading that began or a write that ended at this instant."""
        self._rows[agent_id] = (at, agent)

    def since_listing(self, agent_id: AgentId | None) -> Mapping[AgentId, Agent | None]:
        """What is newer than the last walk: of one agent, or of all."""
        entries = self._rows.items() if agent_id is None else self._entry(agent_id)
        return {one: agent for one, (noted_at, agent) in entries if noted_at >= self._listed_at}

    def _entry(self, agent_id: AgentId) -> Iterable[tuple[AgentId, tuple[float, Agent | None]]]:
        entry = self._rows.get(agent_id)
        return () if entry is None else ((agent_id, entry),)
