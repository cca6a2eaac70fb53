"""An Evolux whose every change is on record, and whose calls stop midway where told."""

import asyncio
from collections import defaultdict

from msgspec.structs import replace

from gateway.domain.agents import Agent, AgentChange
from gateway.domain.errors import OutcomeUnknown
from gateway.domain.ids import AgentId, TenantId
from gateway.domain.listings import ANY_AGE, FreshnessBound, Reading, ReadSource, Snapshot
from tests.builders import an_agent
from tests.unit.cache.staged import HandClock, Hold, StagedEvolux


class ToldEvolux(StagedEvolux):
    """Six agents named after their tenant. `ended` is the place of each agent's last write that has ended."""

    def __init__(self, tenant: TenantId, *, clock: HandClock) -> None:
        agents = [an_agent(each, name=f"{tenant}:0") for each in range(1, 7)]
        super().__init__(clock=clock, agents=agents)
        self._clock = clock
        self._history = defaultdict[AgentId, list[tuple[float, str]]](lambda: [(-1.0, f"{tenant}:0")])
        self._waiting: list[Hold] = []
        self.stopping: str | None = None
        self.ended: dict[AgentId, int] = {}
        self.walking = 0

    def rename(self, agent_id: AgentId, name: str) -> None:
        """The change happens, now."""
        self.put(replace(self.rows[agent_id], name=name))
        self._history[agent_id].append((self._clock.monotonic(), name))

    def place_of(self, agent_id: AgentId, name: str) -> int:
        """Which of the agent's names this is, the first is 0."""
        return [each for _, each in self._history[agent_id]].index(name)

    def place_at(self, agent_id: AgentId, instant: float) -> int:
        """Which name the agent had just before this instant."""
        return sum(at < instant for at, _ in self._history[agent_id]) - 1

    async def agents(self, bound: FreshnessBound = ANY_AGE) -> Reading[Agent]:  # noqa: ARG002 - the port's
        self.walking += 1
        self.calls["agents"] += 1
        try:
            if self.trouble is not None:
                raise self.trouble
            fetched_at, first = self.now(), list(self.rows.values())[:3]
            await self._stop("agents")
            if self.trouble is not None:
                raise self.trouble
        finally:
            self.walking -= 1
        rest = [] if self.missing else list(self.rows.values())[3:]
        snapshot = Snapshot([*first, *rest], fetched_at=fetched_at, missing=self.missing)
        return Reading(snapshot, ReadSource.WALKED, failure=self.why)

    async def read_agent(self, agent_id: AgentId, *, near_page: int | None = None) -> Agent | None:  # noqa: ARG002 - the port's
        agent = self.rows[agent_id]
        await self._stop("read_agent")
        return agent

    async def update_agent(self, agent_id: AgentId, change: AgentChange) -> None:
        assert change.name is not None
        if self._failures["update_agent"]:
            raise self._failures["update_agent"].popleft()
        lost = self._lost["update_agent"].popleft() if self._lost["update_agent"] else None
        self.rename(agent_id, change.name)
        await self._stop("update_agent")
        place = self.place_of(agent_id, change.name)
        self.ended[agent_id] = max(place, self.ended.get(agent_id, 0))
        if lost is not None:
            assert isinstance(lost, OutcomeUnknown)
            raise lost

    async def let_one_go(self, number: int) -> None:
        """One of the calls that wait goes on."""
        if self._waiting:
            self._waiting.pop(number % len(self._waiting)).let_go()

    async def let_all_go(self) -> None:
        """All calls go on."""
        while self._waiting:
            self._waiting.pop().let_go()
        await asyncio.sleep(0)

    async def _stop(self, method: str) -> None:
        if method == self.stopping:
            hold = Hold()
            self._waiting.append(hold)
            try:
                await hold.meet()
            finally:
                if hold in self._waiting:
                    self._waiting.remove(hold)
