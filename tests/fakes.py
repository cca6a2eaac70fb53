"""Stand-ins with behaviour: a call centre in memory and a clock that moves when told."""

from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from itertools import count
from typing import TypeVar

from msgspec.structs import replace

from gateway.domain.agents import Agent, AgentChange, NewAgent, QueueLevel, is_logged_in
from gateway.domain.call_center import CallCenter
from gateway.domain.errors import (
    AgentAlreadyPaused,
    AgentNotFound,
    AgentNotLoggedIn,
    AgentNotPaused,
    AgentOnCall,
    BadUserInput,
    GatewayError,
    LoginTaken,
    PauseNotFound,
    QueueNotFound,
)
from gateway.domain.ids import AgentId, PauseId, QueueId
from gateway.domain.listings import ANY_AGE, FreshnessBound, Reading, ReadSource, Snapshot
from gateway.domain.outcomes import Witness
from gateway.domain.pauses import AgentPause, AllowedPause, Pause
from gateway.domain.queues import Queue
from tests.builders import NOON

Row = TypeVar("Row")


class FakeClock:
    """A clock for whoever takes one: call it for the instant, `advance` it to move on."""

    def __init__(self, at: datetime = NOON) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def advance(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class FakeCallCenter:
    """A `CallCenter` in memory, with Evolux's refusals.

    `calls` counts by method; `fail` makes a method raise; `before` is awaited with the method's name ahead
    of each call, so that a test can hold one. Without `allowed`, agents may take every pause in each of
    their queues. `on_call` names agents who are on a call; `passwords`, `levels`, `bounds` and `near_pages`
    hold what calls brought.
    """

    def __init__(
        self,
        *,
        agents: Iterable[Agent] = (),
        queues: Iterable[Queue] = (),
        pauses: Iterable[Pause] = (),
        allowed: Mapping[AgentId, Iterable[AllowedPause]] | None = None,
        now: Callable[[], datetime] | None = None,
        page_rows: int = 50,
    ) -> None:
        self.rows = {agent.id: agent for agent in agents}
        self.queue_rows = {queue.id: queue for queue in queues}
        self.pauses = {pause.id: pause for pause in pauses}
        self.allowed = {agent_id: tuple(rows) for agent_id, rows in (allowed or {}).items()}
        self.now = now or FakeClock()
        self.page_rows = page_rows
        self.calls: Counter[str] = Counter()
        self.bounds: list[FreshnessBound] = []
        self.near_pages: list[int | None] = []
        self.on_call: set[AgentId] = set()
        self.passwords: dict[AgentId, str] = {}
        self.levels: dict[AgentId, tuple[QueueLevel, ...]] = {}
        self.before: Callable[[str], Awaitable[None]] | None = None
        self._failures: defaultdict[str, deque[GatewayError]] = defaultdict(deque)
        self._lost: defaultdict[str, deque[GatewayError]] = defaultdict(deque)
        self._ids = count(90_000)

    def put(self, agent: Agent) -> None:
        """Add an agent, or replace the one with this id where it stands."""
        self.rows[agent.id] = agent

    def remove(self, agent_id: AgentId) -> None:
        del self.rows[agent_id]

    def fail(self, method: str, error: GatewayError, *, times: int = 1) -> None:
        """Raise this from the method's next calls, which then change nothing."""
        self._failures[method].extend([error] * times)

    def lose_answer(self, method: str, error: GatewayError) -> None:
        """Do the method's next write, and raise this as if its answer were lost."""
        self._lost[method].append(error)

    async def agents(self, bound: FreshnessBound = ANY_AGE) -> Reading[Agent]:
        self.bounds.append(bound)
        await self._begin("agents")
        return self._reading(self.rows.values())

    async def queues(self, bound: FreshnessBound = ANY_AGE) -> Reading[Queue]:
        self.bounds.append(bound)
        await self._begin("queues")
        return self._reading(self.queue_rows.values())

    async def agent_pauses(self, agent_id: AgentId, bound: FreshnessBound = ANY_AGE) -> Reading[AllowedPause]:
        self.bounds.append(bound)
        await self._begin("agent_pauses")
        return self._reading(self._allowed(self._agent(agent_id)))

    async def read_agent(self, agent_id: AgentId, *, near_page: int | None = None) -> Agent | None:
        self.near_pages.append(near_page)
        await self._begin("read_agent")
        return self.rows.get(agent_id)

    def witness(self, agent_id: AgentId | None = None) -> Witness:  # noqa: ARG002 - the port's
        return Witness(at=self.now())

    @asynccontextmanager
    async def together(self) -> AsyncIterator[CallCenter]:
        self.calls["together"] += 1
        yield self

    async def create_agent(self, new: NewAgent) -> Agent:
        await self._begin("create_agent")
        for field in ("name", "login", "password"):
            _refuse_blank(getattr(new, field), field=field)
        if any(agent.login.casefold() == new.login.casefold() for agent in self.rows.values()):
            raise LoginTaken("Another agent has this login.", field=("login",))
        self._know_queues(new.queue_ids)
        agent_id = AgentId(max(self.rows, default=0) + 1)
        agent = Agent(id=agent_id, name=new.name, login=new.login, queue_ids=new.queue_ids)
        self.put(agent)
        self.passwords[agent_id] = new.password
        self._end("create_agent")
        return agent

    async def update_agent(self, agent_id: AgentId, change: AgentChange) -> None:
        await self._begin("update_agent")
        agent = self._agent(agent_id)
        _refuse_blank(change.name, field="name")
        _refuse_blank(change.password, field="password")
        self._know_queues(change.queue_ids or ())
        self._know_queues(level.queue_id for level in change.levels or ())
        if change.name is not None:
            agent = replace(agent, name=change.name)
        if change.queue_ids is not None:
            agent = replace(agent, queue_ids=change.queue_ids)
        if change.password is not None:
            self.passwords[agent_id] = change.password
        if change.levels is not None:
            self.levels[agent_id] = change.levels
        self.put(agent)
        self._end("update_agent")

    async def pause_agent(self, agent_id: AgentId, pause_id: PauseId) -> None:
        await self._begin("pause_agent")
        agent = self._agent(agent_id)
        if agent.current_pause is not None:
            raise AgentAlreadyPaused("The agent is paused already.")
        if not is_logged_in(agent):
            raise AgentNotLoggedIn("The agent is not logged in.")
        taken = [row for row in self._allowed(agent) if row.pause.id == pause_id]
        if not taken:
            raise PauseNotFound("There is no such pause.")
        limits = [row.limit_duration_seconds for row in taken if row.limit_duration_seconds is not None]
        pause = AgentPause(
            id=next(self._ids),
            started_at=self.now(),
            pause=taken[0].pause,
            pause_id=pause_id,
            max_duration_seconds=min(limits, default=None),
        )
        self.put(replace(agent, current_pause=pause))
        self._end("pause_agent")

    async def unpause_agent(self, agent_id: AgentId) -> None:
        await self._begin("unpause_agent")
        agent = self._agent(agent_id)
        if agent.current_pause is None:
            raise AgentNotPaused("The agent is not paused.")
        self.put(self._unpaused(agent))
        self._end("unpause_agent")

    async def log_off_agent(self, agent_id: AgentId) -> None:
        await self._begin("log_off_agent")
        agent = self._agent(agent_id)
        if not is_logged_in(agent):
            raise AgentNotLoggedIn("The agent is not logged in.")
        if agent_id in self.on_call:
            raise AgentOnCall("The agent is on a call.")
        login = None if agent.last_login is None else replace(agent.last_login, ended_at=self.now())
        self.put(replace(self._unpaused(agent), last_login=login, extension=None, outbound_queue_id=None))
        self._end("log_off_agent")

    async def _begin(self, method: str) -> None:
        self.calls[method] += 1
        if self.before is not None:
            await self.before(method)
        if self._failures[method]:
            raise self._failures[method].popleft()

    def _end(self, method: str) -> None:
        if self._lost[method]:
            raise self._lost[method].popleft()

    def _reading(self, rows: Iterable[Row]) -> Reading[Row]:
        snapshot = Snapshot(rows, fetched_at=self.now(), page_rows=self.page_rows)
        return Reading(snapshot, ReadSource.WALKED)

    def _agent(self, agent_id: AgentId) -> Agent:
        if agent_id not in self.rows:
            raise AgentNotFound("There is no such agent.")
        return self.rows[agent_id]

    def _know_queues(self, queue_ids: Iterable[QueueId]) -> None:
        if any(queue_id not in self.queue_rows for queue_id in queue_ids):
            raise QueueNotFound("There is no such queue.")

    def _allowed(self, agent: Agent) -> tuple[AllowedPause, ...]:
        if agent.id in self.allowed:
            return self.allowed[agent.id]
        pairs = ((queue_id, pause) for queue_id in agent.queue_ids for pause in self.pauses.values())
        return tuple(
            AllowedPause(id=at, pause=pause, queue_id=queue_id)
            for at, (queue_id, pause) in enumerate(pairs, 1)
        )

    def _unpaused(self, agent: Agent) -> Agent:
        if agent.current_pause is None:
            return agent
        ended = replace(agent.current_pause, ended_at=self.now())
        return replace(agent, current_pause=None, last_pause=ended)


def _refuse_blank(text: str | None, *, field: str) -> None:
    if text is not None and not text.strip():
        raise BadUserInput(f"{field} must not be empty or only spaces.", field=(field,))
