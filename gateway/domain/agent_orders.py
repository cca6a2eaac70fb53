"""The orders in which agents can be listed: each one total, so that a key names one place in it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import partial
from operator import attrgetter

import msgspec

from gateway.domain.agent_filters import fold
from gateway.domain.agents import Agent, AgentState, state_since
from gateway.domain.ids import AgentId
from gateway.domain.listings import Snapshot

_agent_id: Callable[[Agent], AgentId] = attrgetter("id")

SortValue = int | str | None
"""What an order sorts by; None, an unknown value, comes last in both directions."""

MAX_TEXT_CHARS = 100
"""How much of a name sorts, so that a cursor stays short whatever the name."""


class AgentOrderField(Enum):
    """What agents can be ordered by; equals stand by id, upwards in both directions."""

    __hash__ = object.__hash__  # members are single; Enum's own is a Python function, and these are keys

    ID = "ID"
    NAME = "NAME"
    LOGIN = "LOGIN"
    STATE = "STATE"
    STATE_SINCE = "STATE_SINCE"

    def sorts_by(self, value: SortValue) -> bool:
        """Whether such a value can stand in this order's places."""
        if value is None:
            return self is AgentOrderField.STATE_SINCE
        return isinstance(value, str) is (self in (AgentOrderField.NAME, AgentOrderField.LOGIN))


class OrderDirection(Enum):
    """Upwards or downwards."""

    __hash__ = object.__hash__  # as above

    ASC = "ASC"
    DESC = "DESC"


class AgentOrder(msgspec.Struct, frozen=True):
    """One of the ten orders."""

    field: AgentOrderField = AgentOrderField.ID
    direction: OrderDirection = OrderDirection.ASC


class Place(msgspec.Struct, frozen=True):
    """A place in an order, by key: it exists whether or not an agent stands there."""

    value: SortValue
    id: int


def ordered_agents(snapshot: Snapshot[Agent], order: AgentOrder) -> tuple[Agent, ...]:
    """Give every agent in an order, archived ones too; sorted once per snapshot."""
    return snapshot.derive(("agents", "order", order), partial(_sort, order=order))


def place_of(agent: Agent, order: AgentOrder) -> Place:
    """Say where an agent stands in an order."""
    return Place(_SORT_VALUES[order.field](agent), agent.id)


def is_beyond(place: Place, other: Place, *, order: AgentOrder) -> bool:
    """Say whether `place` comes after `other`."""
    if place.value == other.value:
        return place.id > other.id
    if place.value is None or other.value is None:
        return place.value is None
    higher: bool = place.value > other.value  # type: ignore[operator]  # an order's values are of one type
    return higher is (order.direction is OrderDirection.ASC)


def _sort(snapshot: Snapshot[Agent], *, order: AgentOrder) -> tuple[Agent, ...]:
    upwards = sorted(snapshot.rows, key=_agent_id)
    if order.field is AgentOrderField.ID:  # whoever asks for no order asks for this one, of every new listing
        return tuple(upwards if order.direction is OrderDirection.ASC else reversed(upwards))
    sort_value = _SORT_VALUES[order.field]
    values: dict[AgentId, SortValue] = {row.id: sort_value(row) for row in snapshot.rows}
    known = [row for row in upwards if values[row.id] is not None]
    known.sort(key=lambda row: values[row.id], reverse=order.direction is OrderDirection.DESC)  # type: ignore[arg-type,return-value]  # of one type, None left out
    return (*known, *(row for row in upwards if values[row.id] is None))


def _name(agent: Agent) -> str:
    return fold(agent.name)[:MAX_TEXT_CHARS]


def _login(agent: Agent) -> str:
    return fold(agent.login)[:MAX_TEXT_CHARS]


def _state(agent: Agent) -> int:
    return _STATE_RANKS[agent.state]


def _state_since(agent: Agent) -> int | None:
    since = state_since(agent)
    return None if since is None else (since - _EPOCH) // _MICROSECOND


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_STATE_RANKS = {state: rank for rank, state in enumerate(AgentState)}
_SORT_VALUES: dict[AgentOrderField, Callable[[Agent], SortValue]] = {
    AgentOrderField.ID: _agent_id,
    AgentOrderField.NAME: _name,
    AgentOrderField.LOGIN: _login,
    AgentOrderField.STATE: _state,
    AgentOrderField.STATE_SINCE: _state_since,
}
