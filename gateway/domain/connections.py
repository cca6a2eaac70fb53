"""Pages of agents after the Relay cursor specification: a cursor names a place by key, never by offset."""

from base64 import b64decode, urlsafe_b64encode
from bisect import bisect_left
from collections.abc import Sequence
from functools import partial
from typing import Annotated

import msgspec

from gateway.domain.agent_filters import AgentFilter, keep_chosen
from gateway.domain.agent_orders import (
    AgentOrder,
    AgentOrderField,
    OrderDirection,
    Place,
    is_beyond,
    ordered_agents,
    place_of,
)
from gateway.domain.agents import Agent
from gateway.domain.errors import BadUserInput
from gateway.domain.ids import QueueId
from gateway.domain.listings import Snapshot

MAX_CURSOR_CHARS = 1024
"""Longer than any cursor this gateway makes."""


class PageArguments(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller says of the page: forwards by `first` and `after`, backwards by `last` and `before`."""

    first: int | None = None
    after: str | None = None
    last: int | None = None
    before: str | None = None


class AgentPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of agents, always in the order's direction; `total_count` counts what the filter leaves."""

    agents: tuple[Agent, ...]
    order: AgentOrder
    has_next_page: bool
    has_previous_page: bool
    total_count: int

    def cursor_of(self, agent: Agent) -> str:
        """The cursor of one of this page's agents."""
        return _write_cursor(place_of(agent, self.order), order=self.order)

    @property
    def start_cursor(self) -> str | None:
        """The first agent's cursor; None on an empty page."""
        return self.cursor_of(self.agents[0]) if self.agents else None

    @property
    def end_cursor(self) -> str | None:
        """The last agent's cursor; None on an empty page."""
        return self.cursor_of(self.agents[-1]) if self.agents else None


def paginate_agents(
    snapshot: Snapshot[Agent],
    *,
    chosen: AgentFilter,
    order: AgentOrder,
    page: PageArguments,
    default_first: int = 50,
    max_page: int = 500,
    within: QueueId | None = None,
) -> AgentPage:
    """Give one page of the chosen agents, those of the queue `within` if given.

    `BadUserInput` names the argument that cannot be: a count out of 0..`max_page`, `first` together with
    `last`, a cursor that is none of this order's.
    """
    _check_counts(page, max_page=max_page)
    rows = _candidates(snapshot, order=order, archived=chosen.archived, within=within)
    if not chosen.is_open:
        rows = keep_chosen(rows, snapshot=snapshot, chosen=chosen)
    begin, end = _bounds(rows, page=page, order=order)
    if page.last is not None:
        begin = max(begin, end - page.last)
    else:
        end = min(end, begin + (default_first if page.first is None else page.first))
    return AgentPage(
        agents=tuple(rows[begin:end]),
        order=order,
        has_next_page=end < len(rows),
        has_previous_page=begin > 0,
        total_count=len(rows),
    )


def _check_counts(page: PageArguments, *, max_page: int) -> None:
    if page.first is not None and page.last is not None:
        raise BadUserInput("Ask for first or for last, not for both.", field=("first",))
    for name, count in (("first", page.first), ("last", page.last)):
        if count is not None and not 0 <= count <= max_page:
            raise BadUserInput(f"{name} must be from 0 to {max_page}.", field=(name,))


def _candidates(
    snapshot: Snapshot[Agent], *, order: AgentOrder, archived: bool, within: QueueId | None
) -> Sequence[Agent]:
    """Rows of one side in order, each such listing made once per snapshot."""
    side = snapshot.derive(
        ("agents", "side", order, archived), partial(_side, order=order, archived=archived)
    )
    if within is None:
        return side
    queues = snapshot.derive(("agents", "queues", order, archived), lambda _: _by_queue(side))
    return queues.get(within, ())


def _side(snapshot: Snapshot[Agent], *, order: AgentOrder, archived: bool) -> tuple[Agent, ...]:
    return tuple(row for row in ordered_agents(snapshot, order) if row.archived is archived)


def _by_queue(rows: Sequence[Agent]) -> dict[QueueId, list[Agent]]:
    queues: dict[QueueId, list[Agent]] = {}
    for row in rows:
        for queue_id in dict.fromkeys(row.queue_ids):
            queues.setdefault(queue_id, []).append(row)
    return queues


def _bounds(rows: Sequence[Agent], *, page: PageArguments, order: AgentOrder) -> tuple[int, int]:
    """Where rows after `after` begin and rows before `before` end; an empty range where they cross."""
    begin, end = 0, len(rows)
    if page.after is not None:
        after = _read_cursor(page.after, order=order, name="after")
        begin = bisect_left(rows, True, key=lambda row: is_beyond(place_of(row, order), after, order=order))
    if page.before is not None:
        before = _read_cursor(page.before, order=order, name="before")
        end = bisect_left(
            rows, True, key=lambda row: not is_beyond(before, place_of(row, order), order=order)
        )
    return begin, max(begin, end)


_Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class _Cursor(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    field: AgentOrderField
    direction: OrderDirection
    value: _Int64 | str | None
    id: _Int64


def _write_cursor(place: Place, *, order: AgentOrder) -> str:
    cursor = _Cursor(order.field, order.direction, place.value, place.id)
    return urlsafe_b64encode(msgspec.json.encode(cursor)).rstrip(b"=").decode()


def _read_cursor(text: str, *, order: AgentOrder, name: str) -> Place:
    cursor = _decode_cursor(text)
    if cursor is None:
        raise BadUserInput(f"{name} is not a cursor of this listing.", field=(name,))
    if (cursor.field, cursor.direction) != (order.field, order.direction):
        raise BadUserInput(f"{name} is a cursor of another order.", field=(name,))
    if not order.field.sorts_by(cursor.value):
        raise BadUserInput(f"{name} is not a cursor of this listing.", field=(name,))
    return Place(cursor.value, cursor.id)


def _decode_cursor(text: str) -> _Cursor | None:
    if len(text) > MAX_CURSOR_CHARS:
        return None
    try:
        raw = b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(raw, type=_Cursor)
    except (ValueError, msgspec.MsgspecError):
        return None
