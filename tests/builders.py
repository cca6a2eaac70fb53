"""Builders of domain values: a plain value in one call, with what matters to the test said by name."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TypedDict, TypeVar, Unpack

from gateway.domain.agents import Agent, AgentLogin
from gateway.domain.ids import AgentId, PauseId, QueueId
from gateway.domain.listings import Snapshot
from gateway.domain.pauses import AgentPause, AllowedPause, Pause
from gateway.domain.queues import Queue

Row = TypeVar("Row")

NOON = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)
"""A Tuesday's noon in São Paulo."""
NINE = NOON - timedelta(hours=3)
TEN_TO_NOON = NOON - timedelta(minutes=10)


class AgentChanges(TypedDict, total=False):
    name: str
    login: str
    enabled: bool
    archived: bool
    extension: str | None
    queue_ids: tuple[QueueId, ...]
    outbound_queue_id: QueueId | None
    outbound_queue_name: str | None
    current_pause: AgentPause | None
    last_pause: AgentPause | None
    last_login: AgentLogin | None


class PauseChanges(TypedDict, total=False):
    description: str
    type: str | None
    productive: bool
    system: bool


class QueueChanges(TypedDict, total=False):
    name: str | None
    slug: str | None
    number: str | None
    public_number: str | None


class AllowedPauseChanges(TypedDict, total=False):
    id: int | None
    limit_duration_seconds: int | None
    automatic_unpause: bool
    unpause_disabled: bool


def an_agent(id: int = 1, **changes: Unpack[AgentChanges]) -> Agent:  # noqa: A002 - ids are called id
    """An enabled agent who never logged in; say `last_login=a_login()` for one who is there."""
    fields: AgentChanges = {"name": f"Agente {id}", "login": f"agente.{id}"}
    fields.update(changes)
    return Agent(id=AgentId(id), **fields)


def a_pause(id: int = 50, **changes: Unpack[PauseChanges]) -> Pause:  # noqa: A002 - ids are called id
    """Lunch, unless said otherwise."""
    fields: PauseChanges = {"description": "Almoço" if id == 50 else f"Pausa {id}"}
    fields.update(changes)
    return Pause(id=PauseId(id), **fields)


def an_agent_pause(
    pause: Pause | None = None,
    *,
    id: int = 46983,  # noqa: A002 - ids are called id
    started_at: datetime = TEN_TO_NOON,
    ended_at: datetime | None = None,
    max_duration_seconds: int | None = None,
    known: bool = True,
) -> AgentPause:
    """A pause since ten minutes before noon, of lunch unless said otherwise; not `known`: no reason told."""
    reason = (pause or a_pause()) if known else None
    return AgentPause(
        id=id,
        started_at=started_at,
        ended_at=ended_at,
        pause=reason,
        pause_id=reason.id if reason else None,
        max_duration_seconds=max_duration_seconds,
    )


def a_login(
    *,
    id: int = 4591,  # noqa: A002 - ids are called id
    started_at: datetime = NINE,
    ended_at: datetime | None = None,
    extension: str | None = "sip/3012",
) -> AgentLogin:
    """A login since nine, still open unless `ended_at` is said."""
    return AgentLogin(id=id, started_at=started_at, ended_at=ended_at, extension=extension)


def a_queue(id: int = 1, **changes: Unpack[QueueChanges]) -> Queue:  # noqa: A002 - ids are called id
    fields: QueueChanges = {"name": f"Fila {id}", "slug": f"fila-{id}", "number": f"{7000 + id}"}
    fields.update(changes)
    return Queue(id=QueueId(id), **fields)


def an_allowed_pause(
    pause: Pause | None = None, *, queue_id: int | None = None, **changes: Unpack[AllowedPauseChanges]
) -> AllowedPause:
    fields: AllowedPauseChanges = {"id": 3}
    fields.update(changes)
    return AllowedPause(
        pause=pause or a_pause(), queue_id=None if queue_id is None else QueueId(queue_id), **fields
    )


def a_snapshot(
    rows: Iterable[Row], *, fetched_at: datetime = NOON, missing: str | None = None, page_rows: int = 50
) -> Snapshot[Row]:
    return Snapshot(rows, fetched_at=fetched_at, missing=missing, page_rows=page_rows)


def queue_ids(*ids: int) -> tuple[QueueId, ...]:
    return tuple(QueueId(each) for each in ids)
