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
    return _gather(agents, by=frozenset(), reasons={})[None, None, None, None][None].tally()


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
    reasons: dict[PauseId, Pause] = {}
    groups = [
        _group(traits, queue_id=queue_id, reasons=reasons, tally=marked.tally())
        for traits, queues in _gather(agents, by=frozenset(dimensions), reasons=reasons).items()
        for queue_id, marked in queues.items()
    ]
    queue_ranks = {queue_id: rank for rank, queue_id in enumerate(queue_order)}
    groups.sort(key=lambda group: [_rank(group, by=each, queue_ranks=queue_ranks) for each in dimensions])
    return tuple(groups)


_INACTIVE, _LOGGED_OUT, _LOGGED_IN, _PAUSED, _PRODUCTIVE = range(5)
"""Marks of agents: the first four as `_STATES`, the last for a pause whose reason is productive."""
_STATES = (AgentState.INACTIVE, AgentState.LOGGED_OUT, AgentState.LOGGED_IN, AgentState.PAUSED)

_Traits = tuple[PauseId | None, str | None, bool | None, int | None]
"""Pause, its type, whether it is productive, place in `_STATES`: None where not grouped by or not so."""


class _Marked:
    """The agents of one row: a mark for each, and the running pauses of those who are paused."""

    __slots__ = ("marks", "pauses")

    def __init__(self) -> None:
        self.marks: list[int] = []
        self.pauses: list[AgentPause] = []

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


def _gather(
    agents: Iterable[Agent], *, by: frozenset[AgentStateDimension], reasons: dict[PauseId, Pause]
) -> defaultdict[_Traits, defaultdict[QueueId | None, _Marked]]:
    """Mark every agent in their rows, in one pass; `reasons` gets the pauses that were met."""
    by_queue, by_pause, by_type, by_productive, by_state = (each in by for each in AgentStateDimension)
    rows: defaultdict[_Traits, defaultdict[QueueId | None, _Marked]]
    rows = defaultdict(lambda: defaultdict(_Marked))
    for agent in agents:
        pause = agent.current_pause
        reason = pause.pause if pause is not None else None
        mark = _mark(agent.state, reason=reason)
        state = min(mark, _PAUSED) if by_state else None
        if reason is None:
            queues = rows[None, None, None, state]
        else:
            pause_id = reasons.setdefault(reason.id, reason).id if by_pause else None
            productive = reason.productive if by_productive else None
            queues = rows[pause_id, reason.type if by_type else None, productive, state]
        for queue_id in (set(agent.queue_ids) or _NO_QUEUE) if by_queue else _NO_QUEUE:
            marked = queues[queue_id]
            marked.marks.append(mark)
            if mark >= _PAUSED and pause is not None:
                marked.pauses.append(pause)
    return rows


_NO_QUEUE: tuple[QueueId | None, ...] = (None,)


def _mark(state: AgentState, *, reason: Pause | None) -> int:
    """Give the state's mark. Not by a dict: hashing an enum costs more than the comparisons."""
    if state is AgentState.LOGGED_IN:
        return _LOGGED_IN
    if state is AgentState.LOGGED_OUT:
        return _LOGGED_OUT
    if state is AgentState.INACTIVE:
        return _INACTIVE
    if state is AgentState.PAUSED:
        return _PRODUCTIVE if reason is not None and reason.productive else _PAUSED
    assert_never(state)


def _group(
    traits: _Traits, *, queue_id: QueueId | None, reasons: dict[PauseId, Pause], tally: AgentStateTally
) -> AgentStateGroup:
    pause_id, pause_type, productive, state = traits
    return AgentStateGroup(
        queue_id=queue_id,
        pause=None if pause_id is None else reasons[pause_id],
        state=None if state is None else _STATES[state],
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
