"""How many agents are in each state, in all and by queue, pause, kind of pause and state."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import Enum
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
    marked = _Marked()
    for agent in agents:
        marked.add(_mark(agent), agent.current_pause)
    return marked.tally()


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
    pauses: dict[PauseId, Pause] = {}
    groups = [
        _group(key, marked=marked, pauses=pauses)
        for key, marked in _gather(agents, by=frozenset(dimensions), pauses=pauses).items()
    ]
    queue_ranks = {queue_id: rank for rank, queue_id in enumerate(queue_order)}
    groups.sort(key=lambda group: [_rank(group, by=each, queue_ranks=queue_ranks) for each in dimensions])
    return tuple(groups)


_Key = tuple[QueueId | None, PauseId | None, str | None, bool | None, int | None]
_STATES = tuple(AgentState)
_PRODUCTIVE = len(_STATES)
"""The mark of an agent in a productive pause; other marks are places in `_STATES`."""
_MARKS = {state: mark for mark, state in enumerate(_STATES)}
_INACTIVE, _LOGGED_OUT, _LOGGED_IN, _PAUSED = (_MARKS[state] for state in _STATES)


class _Marked:
    """The agents of one row: a mark for each, and their running pauses."""

    __slots__ = ("marks", "pauses")

    def __init__(self) -> None:
        self.marks: list[int] = []
        self.pauses: list[AgentPause] = []

    def add(self, mark: int, pause: AgentPause | None) -> None:
        self.marks.append(mark)
        if mark >= _PAUSED and pause is not None:
            self.pauses.append(pause)

    def tally(self) -> AgentStateTally:
        count = self.marks.count
        return AgentStateTally(
            agents=len(self.marks),
            inactive=count(_INACTIVE),
            logged_out=count(_LOGGED_OUT),
            logged_in=count(_LOGGED_IN),
            paused=len(self.pauses),
            paused_productive=count(_PRODUCTIVE),
            pauses=tuple(self.pauses),
        )


def _mark(agent: Agent) -> int:
    state = agent.state
    if state is not AgentState.PAUSED:
        return _MARKS[state]
    reason = _reason(agent)
    return _PRODUCTIVE if reason is not None and reason.productive else _PAUSED


def _reason(agent: Agent) -> Pause | None:
    return agent.current_pause.pause if agent.current_pause is not None else None


def _gather(
    agents: Iterable[Agent], *, by: frozenset[AgentStateDimension], pauses: dict[PauseId, Pause]
) -> dict[_Key, _Marked]:
    """Mark every agent in their rows, in one pass; `pauses` gets the reasons that were met."""
    by_queue, by_pause, by_type, by_productive, by_state = (each in by for each in AgentStateDimension)
    rows: defaultdict[_Key, _Marked] = defaultdict(_Marked)
    for agent in agents:
        mark, reason = _mark(agent), _reason(agent)
        pause_id = pause_type = productive = None
        if reason is not None:
            pause_id = pauses.setdefault(reason.id, reason).id if by_pause else None
            pause_type = reason.type if by_type else None
            productive = reason.productive if by_productive else None
        state = min(mark, _PAUSED) if by_state else None
        for queue_id in _queues_of(agent) if by_queue else _NO_QUEUE:
            rows[queue_id, pause_id, pause_type, productive, state].add(mark, agent.current_pause)
    return rows


_NO_QUEUE: tuple[QueueId | None, ...] = (None,)


def _queues_of(agent: Agent) -> Iterable[QueueId | None]:
    return dict.fromkeys(agent.queue_ids) if agent.queue_ids else _NO_QUEUE


def _group(key: _Key, *, marked: _Marked, pauses: dict[PauseId, Pause]) -> AgentStateGroup:
    queue_id, pause_id, pause_type, productive, state = key
    return AgentStateGroup(
        queue_id=queue_id,
        pause=None if pause_id is None else pauses[pause_id],
        state=None if state is None else _STATES[state],
        productive=productive,
        pause_type=pause_type,
        tally=marked.tally(),
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
        return (group.state is None, 0, _MARKS[group.state] if group.state is not None else 0)
    assert_never(by)
