"""Records as Evolux writes them: its names, its order of keys, its times (ISO 8601 in UTC, whole seconds)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import msgspec

from gateway.simulator.records import Agent, AgentLogin, AgentPause, AllowedPause, Pause, Queue


@dataclass(frozen=True, slots=True, kw_only=True)
class WireForm:
    """Which of the plausible forms to speak where Evolux's page leaves the form open.

    `edit_error` "page" is the page's own body, which is not JSON; `links_host` replaces the request's host in
    `*_url` values, as an internal address does in the field.
    """

    extension: Literal["string", "object"] = "string"
    outbound_queue: Literal["id", "object"] = "id"
    edit_error: Literal["page", "strings", "objects", "object"] = "page"
    queue_listing: Literal["plain", "paginated", "absent"] = "plain"
    created_status: Literal[200, 201] = 201
    links_host: str | None = None


class PauseRow(msgspec.Struct, frozen=True):
    """A pause reason, inside a taken or an allowed pause."""

    system: bool
    productive: bool
    type: str | None
    id: int
    description: str


class AgentPauseRow(msgspec.Struct, frozen=True):
    """`last_pause` and `current_pause`."""

    max_duration: int | None
    time_start: str
    reason_id: int
    time_end: str | None
    reason: PauseRow
    id: int


class AgentLoginRow(msgspec.Struct, frozen=True):
    """`last_login`."""

    exten: str
    time_logoff: str | None
    id: int
    time_login: str


class AgentRow(msgspec.Struct, frozen=True):
    """One agent of the listing."""

    archived: bool
    enable: bool
    name: str
    queues: tuple[int, ...]
    current_extension: str | dict[str, object] | None
    last_pause: AgentPauseRow | None
    last_login: AgentLoginRow | None
    current_pause: AgentPauseRow | None
    login: str
    current_outbound_queue: int | dict[str, object] | None
    id: int


class AllowedPauseRow(msgspec.Struct, frozen=True):
    """One row of an agent's pauses listing; the three ids differ."""

    pause: PauseRow
    automatic_unpause: bool
    queue_id: int
    disable_unpause: bool
    limit_duration: int | None
    id: int


class QueueRow(msgspec.Struct, frozen=True):
    """One row of the queue listing."""

    id: int
    name: str
    slug: str
    number: str
    public_number: str | None


def agent_row(
    agent: Agent, *, pauses: Mapping[int, Pause], queues: Mapping[int, Queue], form: WireForm
) -> AgentRow:
    """The agent's row in the listing, in the given form."""
    return AgentRow(
        archived=agent.archived,
        enable=agent.enabled,
        name=agent.name,
        queues=agent.queue_ids,
        current_extension=_extension(agent, form=form),
        last_pause=_agent_pause(agent.last_pause, pauses=pauses),
        last_login=_agent_login(agent.last_login),
        current_pause=_agent_pause(agent.current_pause, pauses=pauses),
        login=agent.login,
        current_outbound_queue=_outbound_queue(agent, queues=queues, form=form),
        id=agent.id,
    )


def allowed_pause_row(allowed: AllowedPause, *, pauses: Mapping[int, Pause]) -> AllowedPauseRow:
    """A row of the pauses listing."""
    return AllowedPauseRow(
        pause=_pause(pauses[allowed.pause_id]),
        automatic_unpause=allowed.automatic_unpause,
        queue_id=allowed.queue_id,
        disable_unpause=allowed.unpause_disabled,
        limit_duration=allowed.limit_seconds,
        id=allowed.id,
    )


def queue_row(queue: Queue) -> QueueRow:
    """A row of the queue listing."""
    return QueueRow(
        id=queue.id, name=queue.name, slug=queue.slug, number=queue.number, public_number=queue.public_number
    )


def _pause(pause: Pause) -> PauseRow:
    return PauseRow(
        system=pause.system,
        productive=pause.productive,
        type=pause.type,
        id=pause.id,
        description=pause.description,
    )


def _agent_pause(taken: AgentPause | None, *, pauses: Mapping[int, Pause]) -> AgentPauseRow | None:
    if taken is None:
        return None
    return AgentPauseRow(
        max_duration=taken.max_seconds,
        time_start=_instant(taken.started_at),
        reason_id=taken.pause_id,
        time_end=None if taken.ended_at is None else _instant(taken.ended_at),
        reason=_pause(pauses[taken.pause_id]),
        id=taken.id,
    )


def _agent_login(login: AgentLogin | None) -> AgentLoginRow | None:
    if login is None:
        return None
    return AgentLoginRow(
        exten=login.extension,
        time_logoff=None if login.ended_at is None else _instant(login.ended_at),
        id=login.id,
        time_login=_instant(login.started_at),
    )


def _extension(agent: Agent, *, form: WireForm) -> str | dict[str, object] | None:
    login = agent.last_login
    if login is None or login.ended_at is not None:
        return None
    return login.extension if form.extension == "string" else {"id": login.id, "exten": login.extension}


def _outbound_queue(
    agent: Agent, *, queues: Mapping[int, Queue], form: WireForm
) -> int | dict[str, object] | None:
    queue_id = agent.outbound_queue_id
    if queue_id is None or not agent.logged_in:
        return None
    return queue_id if form.outbound_queue == "id" else {"id": queue_id, "name": queues[queue_id].name}


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")
