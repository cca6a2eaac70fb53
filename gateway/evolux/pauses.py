"""Pauses as Evolux writes them: the reason, the pause taken, the pause allowed. Three ids that differ."""

from datetime import datetime

import msgspec

from gateway.domain.ids import PauseId, QueueId
from gateway.domain.pauses import AgentPause, AllowedPause, Pause
from gateway.evolux.fields import (
    Fields,
    OnOdd,
    WireId,
    WireLimit,
    WirePauseId,
    WireQueueId,
    as_id,
    as_limit,
    as_text,
    in_utc,
)
from gateway.evolux.rows import RowReader

LISTING = "agent_pauses"
LIMIT_NAMES = ("max_duration", "limit_duration", "limit")
"""What Evolux calls a pause's longest duration, in seconds; the name differs from page to page."""


class PauseRow(msgspec.Struct, frozen=True, gc=False):
    """`reason` of a pause taken, `pause` of a pause allowed."""

    id: WirePauseId
    description: str
    type: str | None = None
    productive: bool = False
    system: bool = False


class AgentPauseRow(msgspec.Struct, frozen=True, gc=False):
    """`last_pause` and `current_pause`."""

    time_start: datetime
    id: WireId | None = None
    time_end: datetime | None = None
    reason: PauseRow | None = None
    reason_id: WirePauseId | None = None
    max_duration: WireLimit | None = None
    limit_duration: WireLimit | None = None
    limit: WireLimit | None = None


class AllowedPauseRow(msgspec.Struct, frozen=True, gc=False):
    """A row of an agent's pauses listing."""

    pause: PauseRow
    id: WireId | None = None
    queue_id: WireQueueId | None = None
    automatic_unpause: bool = False
    disable_unpause: bool = False
    limit_duration: WireLimit | None = None
    max_duration: WireLimit | None = None
    limit: WireLimit | None = None


class PauseReader:
    """Makes pauses of rows, and one value of equal reasons: 5,000 agents share a handful of them."""

    def __init__(self) -> None:
        self._known: dict[PauseRow, Pause] = {}

    def pause(self, row: PauseRow) -> Pause:
        """A reason."""
        known = self._known.get(row)
        if known is not None:
            return known
        pause = self._known[row] = Pause(
            id=row.id,
            description=row.description,
            type=row.type or None,
            productive=row.productive,
            system=row.system,
        )
        return pause

    def agent_pause(self, row: AgentPauseRow) -> AgentPause:
        """A pause that was taken."""
        reason, reason_id, ended_at, limit = row.reason, row.reason_id, row.time_end, row.max_duration
        pause = None if reason is None else self._known.get(reason) or self.pause(reason)
        if reason_id is None and pause is not None:
            reason_id = pause.id
        return AgentPause(
            id=row.id,
            started_at=in_utc(row.time_start),
            ended_at=None if ended_at is None else in_utc(ended_at),
            pause=pause,
            pause_id=reason_id,
            max_duration_seconds=_first_limit(row) if limit is None else limit,
        )

    def allowed_pause(self, row: AllowedPauseRow) -> AllowedPause:
        """A pause that may be taken."""
        return AllowedPause(
            id=row.id,
            pause=self.pause(row.pause),
            queue_id=row.queue_id,
            limit_duration_seconds=_first_limit(row),
            automatic_unpause=row.automatic_unpause,
            unpause_disabled=row.disable_unpause,
        )


def allowed_pause_reader(on_odd: OnOdd) -> RowReader[AllowedPauseRow, AllowedPause]:
    """Reads an agent's pauses listing."""
    return RowReader(
        AllowedPauseRow,
        listing=LISTING,
        from_wire=PauseReader().allowed_pause,
        from_fields=allowed_pause_from_fields,
        on_odd=on_odd,
    )


def pause_body(pause_id: PauseId) -> bytes:
    """The body that pauses an agent; Evolux takes the reason's id, not the association's."""
    return msgspec.json.encode({"pause_id": pause_id})


def pause_from_fields(fields: Fields) -> Pause | None:
    """A reason, read field by field; None without a usable id."""
    pause_id = fields.required("id", as_id, default=0)
    if not pause_id:
        return None
    return Pause(
        id=PauseId(pause_id),
        description=fields.required("description", as_text, default=""),
        type=fields.read("type", as_text) or None,
        productive=fields.flag("productive", default=False),
        system=fields.flag("system", default=False),
    )


def agent_pause_from_fields(fields: Fields | None) -> AgentPause | None:
    """A pause taken, read field by field; None where its instants cannot be read."""
    if fields is None:
        return None
    span = fields.span("time_start", "time_end")
    if span is None:
        return None
    reason = fields.nested("reason")
    pause = None if reason is None else pause_from_fields(reason)
    reason_id = fields.read("reason_id", as_id)
    if reason_id is None and pause is not None:
        reason_id = pause.id
    return AgentPause(
        id=fields.read("id", as_id),
        started_at=span.started_at,
        ended_at=span.ended_at,
        pause=pause,
        pause_id=None if reason_id is None else PauseId(reason_id),
        max_duration_seconds=fields.first(LIMIT_NAMES, as_limit),
    )


def allowed_pause_from_fields(fields: Fields) -> AllowedPause | None:
    """A pause allowed, read field by field; None without a usable pause."""
    nested = fields.nested("pause")
    pause = None if nested is None else pause_from_fields(nested)
    if pause is None:
        if fields.peek("pause") is None:
            fields.note("pause")
        return None
    queue_id = fields.read("queue_id", as_id)
    return AllowedPause(
        id=fields.read("id", as_id),
        pause=pause,
        queue_id=None if queue_id is None else QueueId(queue_id),
        limit_duration_seconds=fields.first(LIMIT_NAMES, as_limit),
        automatic_unpause=fields.flag("automatic_unpause", default=False),
        unpause_disabled=fields.flag("disable_unpause", default=False),
    )


def _first_limit(row: AgentPauseRow | AllowedPauseRow) -> int | None:
    if row.max_duration is not None:
        return row.max_duration
    return row.limit_duration if row.limit_duration is not None else row.limit
