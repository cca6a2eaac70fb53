"""Counting agents by state: each once in all, and once in every row of a grouping that they belong to."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import chain
from operator import attrgetter, itemgetter
from typing import Any, Final

import msgspec

from gateway.domain.agent_states import AgentStateDimension, AgentStateGroup, AgentStateTally
from gateway.domain.agents import Agent, AgentState, sort_by_state
from gateway.domain.ids import PauseId, QueueId
from gateway.domain.pauses import Pause
from gateway.domain.running_pauses import PauseSpan, RunningPauses, pause_span


def tally(agents: Iterable[Agent]) -> AgentStateTally:
    """Count each agent once."""
    return tally_companies(form_companies(agents))


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
    return group_companies(form_companies(agents), dimensions=dimensions, queue_order=queue_order)


Place = tuple[QueueId | None, ...]
"""The queues that an agent serves, as the listing has them; None alone for who serves none."""


class Company(msgspec.Struct, frozen=True):
    """Agents in one state, with one and the same reason in their pauses (None: no pause, or none told).

    There are few companies, so that what is done to them costs little per agent. `running` has a pause for
    each agent, where they are paused; it is empty elsewhere.
    """

    state_rank: int
    reason: Pause | None
    is_productive: bool
    places: list[Place]
    running: list[PauseSpan]


def form_companies(agents: Iterable[Agent]) -> tuple[Company, ...]:
    """Sort agents into companies."""
    companies: list[Company] = []
    for rank, members in enumerate(sort_by_state(agents).values()):
        reasonless = [agent for agent in members if agent.current_pause is None]
        by_reason: dict[Pause | None, list[Agent]] = {None: reasonless}
        if len(reasonless) < len(members):
            for agent in members:
                if agent.current_pause is not None:
                    by_reason.setdefault(agent.current_pause.pause, []).append(agent)
        companies += [_company(rank, reason, some) for reason, some in by_reason.items() if some]
    return tuple(companies)


def tally_companies(companies: Iterable[Company]) -> AgentStateTally:
    """Count each agent of the companies once."""
    row = _Row()
    for company in companies:
        row.count(company, agents=len(company.places))
        row.pauses += company.running
    return row.tally()


def group_companies(
    companies: Iterable[Company],
    *,
    dimensions: Sequence[AgentStateDimension],
    queue_order: Sequence[QueueId] = (),
) -> tuple[AgentStateGroup, ...]:
    """Count the companies' agents by every combination of the dimensions, as `group_tallies` does."""
    if not dimensions:
        return ()
    by = frozenset(dimensions)
    rows: dict[_Key, _Row] = {}
    pauses: dict[PauseId, Pause] = {}
    for company in companies:
        if company.reason is not None:
            pauses[company.reason.id] = company.reason
        _spread(company, rows=rows, by=by)
    groups = [_group(key, pauses=pauses, tally=row.tally()) for key, row in rows.items()]
    return order_groups(groups, dimensions=dimensions, queue_order=queue_order)


def order_groups(
    groups: Collection[AgentStateGroup],
    *,
    dimensions: Sequence[AgentStateDimension],
    queue_order: Sequence[QueueId] = (),
) -> tuple[AgentStateGroup, ...]:
    """Order rows by the dimensions as given."""
    if not dimensions:
        return tuple(groups)
    columns = [_ranked(groups, by=each, queue_order=queue_order) for each in dict.fromkeys(dimensions)]
    placed = sorted(zip(zip(*columns, strict=True), groups, strict=True), key=itemgetter(0))
    return tuple([group for _, group in placed])


_Key = tuple[QueueId | None, PauseId | None, str | None, bool | None, int | None]
"""What the agents of a row share, in the order of `AgentStateDimension`; a state by its rank."""
_STATES: Final = tuple(AgentState)
_PAUSED: Final = _STATES.index(AgentState.PAUSED)
_NO_QUEUE: Final[Place] = (None,)


class _Row:
    """One row while it is being counted."""

    __slots__ = ("by_state", "pauses", "productive")

    def __init__(self) -> None:
        self.by_state = [0, 0, 0, 0]
        self.productive = 0
        self.pauses: list[PauseSpan] = []

    def count(self, company: Company, *, agents: int) -> None:
        self.by_state[company.state_rank] += agents
        if company.is_productive:
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
            pauses=RunningPauses(self.pauses) if self.pauses else _NO_PAUSES,
        )


_NO_PAUSES: Final = RunningPauses()


def _company(state_rank: int, reason: Pause | None, members: list[Agent]) -> Company:
    is_paused = state_rank == _PAUSED
    return Company(
        state_rank,
        reason,
        is_productive=is_paused and reason is not None and reason.productive,
        places=[agent.queue_ids or _NO_QUEUE for agent in members],
        running=[pause_span(each.current_pause) for each in members if each.current_pause]
        if is_paused
        else [],
    )


def _spread(company: Company, *, rows: dict[_Key, _Row], by: frozenset[AgentStateDimension]) -> None:
    """Count a company in its rows: one for each queue that an agent of it serves, if by queue."""
    reason = company.reason
    traits = (
        reason.id if reason is not None and AgentStateDimension.PAUSE in by else None,
        reason.type if reason is not None and AgentStateDimension.PAUSE_TYPE in by else None,
        reason.productive if reason is not None and AgentStateDimension.PRODUCTIVE in by else None,
        company.state_rank if AgentStateDimension.STATE in by else None,
    )
    if AgentStateDimension.QUEUE not in by:
        row = _row_of((None, *traits), rows=rows)
        row.count(company, agents=len(company.places))
        row.pauses += company.running
        return
    in_queues: dict[QueueId | None, _Row] = {}
    for queue_id, count in _count_places(company.places).items():
        in_queues[queue_id] = row = _row_of((queue_id, *traits), rows=rows)
        row.count(company, agents=count)
    for queue_ids, pauses in _pauses_by_place(company).items():
        for queue_id in set(queue_ids):
            in_queues[queue_id].pauses += pauses


def _pauses_by_place(company: Company) -> dict[Place, list[PauseSpan]]:
    """The running pauses of those who serve the same queues, together."""
    by_place: dict[Place, list[PauseSpan]] = {}
    for pause, queue_ids in zip(company.running, company.places, strict=False):
        together = by_place.get(queue_ids)
        if together is None:
            together = by_place[queue_ids] = []
        together.append(pause)
    return by_place


def _row_of(key: _Key, *, rows: dict[_Key, _Row]) -> _Row:
    row = rows.get(key)
    if row is None:
        row = rows[key] = _Row()
    return row


def _count_places(places: Iterable[Place]) -> Counter[QueueId | None]:
    """How many agents serve each queue: many serve the same ones, and all those are counted at once."""
    combinations = Counter(places)
    once = [queue_ids for queue_ids, agents in combinations.items() if agents == 1]
    counts: Counter[QueueId | None] = Counter(chain.from_iterable(map(set, once)))
    for queue_ids, agents in combinations.items():
        if agents > 1:
            for queue_id in set(queue_ids):
                counts[queue_id] += agents
    return counts


def _group(key: _Key, *, pauses: Mapping[PauseId, Pause], tally: AgentStateTally) -> AgentStateGroup:
    queue_id, pause_id, pause_type, productive, state_rank = key
    return AgentStateGroup(
        queue_id=queue_id,
        pause=None if pause_id is None else pauses[pause_id],
        state=None if state_rank is None else _STATES[state_rank],
        productive=productive,
        pause_type=pause_type,
        tally=tally,
    )


def _ranked(
    groups: Iterable[AgentStateGroup], *, by: AgentStateDimension, queue_order: Sequence[QueueId]
) -> list[int]:
    """Each row's place by one dimension; what is None comes last."""
    values = list(map(_VALUE_OF[by], groups))
    listed = {queue_id: rank for rank, queue_id in enumerate(queue_order)}
    unlisted = len(listed)

    def place(value: Any) -> tuple[int, Any]:
        return (listed.get(value, unlisted) if by is AgentStateDimension.QUEUE else 0), value

    ordered = sorted({value for value in values if value is not None}, key=place)
    ranks = {value: rank for rank, value in enumerate([*ordered, None])}
    return [ranks[value] for value in values]


def _pause_id(group: AgentStateGroup) -> int | None:
    return None if group.pause is None else group.pause.id


def _unproductive(group: AgentStateGroup) -> bool | None:
    return None if group.productive is None else not group.productive


def _state_rank(group: AgentStateGroup) -> int | None:
    return None if group.state is None else _STATES.index(group.state)


_VALUE_OF: Final[Mapping[AgentStateDimension, Callable[[AgentStateGroup], Any]]] = {
    AgentStateDimension.QUEUE: attrgetter("queue_id"),
    AgentStateDimension.PAUSE: _pause_id,
    AgentStateDimension.PAUSE_TYPE: attrgetter("pause_type"),
    AgentStateDimension.PRODUCTIVE: _unproductive,
    AgentStateDimension.STATE: _state_rank,
}
"""What rows are ordered by."""
