"""How many agents are in each state, in all and by queue, pause, kind of pause and state."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from itertools import chain
from typing import assert_never

import msgspec

from gateway.domain.agents import Agent, AgentState
from gateway.domain.ids import PauseId, QueueId
from gateway.domain.pauses import AgentPause, Pause


class AgentStateDimension(Enum):
    """What a report can be grouped by."""

    QUEUE = "QUEUE"
    PAUSE = "PAUSE"
    PAUSE_TYPE = "PAUSE_TYPE"
    PRODUCTIVE = "PRODUCTIVE"
    STATE = "STATE"


class AgentStateCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Agents by state at an instant; pause durations in whole seconds, None where nobody is paused."""

    agents: int
    inactive: int
    logged_out: int
    logged_in: int
    paused: int
    paused_productive: int
    longest_pause_seconds: int | None
    average_pause_seconds: float | None
    over_limit: int


class AgentStateTally(msgspec.Struct, frozen=True, kw_only=True):
    """Agents by state, whatever the time; `pauses` are the running pauses of those who are paused.

    `paused_productive` leaves out pauses whose reason is unknown.
    """

    agents: int
    inactive: int
    logged_out: int
    logged_in: int
    paused: int
    paused_productive: int
    pauses: tuple[AgentPause, ...] = ()

    def at(self, now: datetime) -> AgentStateCounts:
        """The counts with the pauses' durations as they are at `now`."""
        elapsed = [pause.elapsed_seconds(now) for pause in self.pauses]
        return AgentStateCounts(
            agents=self.agents,
            inactive=self.inactive,
            logged_out=self.logged_out,
            logged_in=self.logged_in,
            paused=self.paused,
            paused_productive=self.paused_productive,
            longest_pause_seconds=max(elapsed, default=None),
            average_pause_seconds=sum(elapsed) / len(elapsed) if elapsed else None,
            over_limit=sum(
                pause.max_duration_seconds is not None and seconds > pause.max_duration_seconds
                for pause, seconds in zip(self.pauses, elapsed, strict=True)
            ),
        )


class AgentStateGroup(msgspec.Struct, frozen=True, kw_only=True):
    """A row of a report: the tally of the agents that share these; None where not grouped by or not so."""

    queue_id: QueueId | None = None
    pause: Pause | None = None
    state: AgentState | None = None
    productive: bool | None = None
    pause_type: str | None = None
    tally: AgentStateTally


def tally(agents: Iterable[Agent]) -> AgentStateTally:
    """Count each agent once."""
    row = _Row()
    for company in _companies(agents):
        row.count(company, agents=len(company.agents))
        row.pauses += company.running_pauses
    return row.tally()


def group_tallies(
    agents: Iterable[Agent],
    *,
    dimensions: Sequence[AgentStateDimension],
    queue_order: Sequence[QueueId] = (),
) -> tuple[AgentStateGroup, ...]:
    """Count agents by every combination of the dimensions that some agent is in; without any, no rows.

    An agent counts in the row of each of their queues, or in the row without a queue. Rows are ordered by
    the dimensions as given: queues as in `queue_order`, then by id; what is None comes last.
    """
    if not dimensions:
        return ()
    companies = _companies(agents)
    pauses = {company.reason.id: company.reason for company in companies if company.reason is not None}
    rows: defaultdict[_Key, _Row] = defaultdict(_Row)
    for company in companies:
        _spread(company, rows=rows, by=frozenset(dimensions))
    groups = [_group(key, pauses=pauses, tally=row.tally()) for key, row in rows.items()]
    queue_ranks = {queue_id: rank for rank, queue_id in enumerate(queue_order)}
    groups.sort(key=lambda group: [_rank(group, by=each, queue_ranks=queue_ranks) for each in dimensions])
    return tuple(groups)


_Key = tuple[QueueId | None, PauseId | None, str | None, bool | None, AgentState | None]
"""What the agents of a row share, in the order of `AgentStateDimension`."""
_STATES = (AgentState.INACTIVE, AgentState.LOGGED_OUT, AgentState.LOGGED_IN, AgentState.PAUSED)
_NO_QUEUE: tuple[QueueId | None, ...] = (None,)


class _Company(msgspec.Struct, frozen=True):
    """Agents in one state, with one and the same reason in their pauses (None: no pause, or none told)."""

    state_rank: int
    reason: Pause | None
    agents: list[Agent]

    @property
    def state(self) -> AgentState:
        return _STATES[self.state_rank]

    @property
    def running_pauses(self) -> list[AgentPause]:
        """The pauses that count, one for each agent who is paused."""
        if self.state is not AgentState.PAUSED:
            return []
        return [agent.current_pause for agent in self.agents if agent.current_pause is not None]


class _Row:
    """One row while it is being counted."""

    __slots__ = ("by_state", "pauses", "productive")

    def __init__(self) -> None:
        self.by_state = [0] * len(_STATES)
        self.productive = 0
        self.pauses: list[AgentPause] = []

    def count(self, company: _Company, *, agents: int) -> None:
        self.by_state[company.state_rank] += agents
        if company.state is AgentState.PAUSED and company.reason is not None and company.reason.productive:
            self.productive += agents

    def tally(self) -> AgentStateTally:
        inactive, logged_out, logged_in, paused = self.by_state
        return AgentStateTally(
            agents=inactive + logged_out + logged_in + paused,
            inactive=inactive,
            logged_out=logged_out,
            logged_in=logged_in,
            paused=paused,
            paused_productive=self.productive,
            pauses=tuple(self.pauses),
        )


def _companies(agents: Iterable[Agent]) -> list[_Company]:
    """Sort agents into companies. There are few, so that what follows costs little per agent."""
    everybody = tuple(agents)
    states = [agent.state for agent in everybody]
    companies: list[_Company] = []
    for rank, state in enumerate(_STATES):
        members = [agent for agent, each in zip(everybody, states, strict=True) if each is state]
        by_reason: dict[Pause | None, list[Agent]] = {
            None: [agent for agent in members if agent.current_pause is None]
        }
        for agent in members:
            if agent.current_pause is not None:
                by_reason.setdefault(agent.current_pause.pause, []).append(agent)
        companies += [_Company(rank, reason, some) for reason, some in by_reason.items() if some]
    return companies


def _spread(company: _Company, *, rows: defaultdict[_Key, _Row], by: frozenset[AgentStateDimension]) -> None:
    """Count a company in its rows: one for each queue that an agent of it serves, if by queue."""
    reason = company.reason
    traits = (
        reason.id if reason is not None and AgentStateDimension.PAUSE in by else None,
        reason.type if reason is not None and AgentStateDimension.PAUSE_TYPE in by else None,
        reason.productive if reason is not None and AgentStateDimension.PRODUCTIVE in by else None,
        company.state if AgentStateDimension.STATE in by else None,
    )
    if AgentStateDimension.QUEUE not in by:
        row = rows[None, *traits]
        row.count(company, agents=len(company.agents))
        row.pauses += company.running_pauses
        return
    queues = [_places(agent.queue_ids) for agent in company.agents]
    for queue_id, count in Counter(chain.from_iterable(queues)).items():
        rows[queue_id, *traits].count(company, agents=count)
    for pause, queue_ids in zip(company.running_pauses, queues, strict=False):
        for queue_id in queue_ids:
            rows[queue_id, *traits].pauses.append(pause)


def _places(queue_ids: tuple[QueueId, ...]) -> tuple[QueueId | None, ...]:
    """Each queue once; as a rule the very tuple, which costs nothing to keep."""
    if len(queue_ids) != len(set(queue_ids)):
        return tuple(set(queue_ids))
    return queue_ids or _NO_QUEUE


def _group(key: _Key, *, pauses: Mapping[PauseId, Pause], tally: AgentStateTally) -> AgentStateGroup:
    queue_id, pause_id, pause_type, productive, state = key
    return AgentStateGroup(
        queue_id=queue_id,
        pause=None if pause_id is None else pauses[pause_id],
        state=state,
        productive=productive,
        pause_type=pause_type,
        tally=tally,
    )


def _rank(
    group: AgentStateGroup, *, by: AgentStateDimension, queue_ranks: dict[QueueId, int]
) -> tuple[bool, int, int | str]:
    """Where a row stands by one dimension; what is None comes last."""
    if by is AgentStateDimension.QUEUE:
        queue_id = group.queue_id
        if queue_id is None:
            return (True, 0, 0)
        return (False, queue_ranks.get(queue_id, len(queue_ranks)), queue_id)
    if by is AgentStateDimension.PAUSE:
        return (group.pause is None, 0, group.pause.id if group.pause is not None else 0)
    if by is AgentStateDimension.PAUSE_TYPE:
        return (group.pause_type is None, 0, group.pause_type or "")
    if by is AgentStateDimension.PRODUCTIVE:
        return (group.productive is None, 0, not group.productive)
    if by is AgentStateDimension.STATE:
        return (group.state is None, 0, _STATES.index(group.state) if group.state is not None else 0)
    assert_never(by)
