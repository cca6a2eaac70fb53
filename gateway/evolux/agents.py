"""Agents as Evolux writes them."""

from datetime import datetime

import msgspec

from gateway.domain.agents import Agent, AgentChange, AgentLogin, NewAgent
from gateway.domain.ids import AgentId, QueueId
from gateway.evolux.fields import Fields, OnOdd, WireAgentId, WireId, WireQueueId, as_id, as_text, in_utc
from gateway.evolux.pauses import AgentPauseRow, PauseReader, agent_pause_from_fields
from gateway.evolux.queues import queue_ids_from
from gateway.evolux.rows import RowReader

LISTING = "agents"
EXTENSION_NAMES = ("exten", "extension", "number", "name")


class ExtensionRow(msgspec.Struct, frozen=True, gc=False):
    """`current_extension` where it is an object."""

    exten: str | int | None = None
    extension: str | int | None = None
    number: str | int | None = None
    name: str | int | None = None


class QueueReferenceRow(msgspec.Struct, frozen=True, gc=False):
    """`current_outbound_queue` where it is an object, and an item of `queues` where that is one."""

    id: WireQueueId | None = None
    name: str | None = None


class AgentLoginRow(msgspec.Struct, frozen=True, gc=False):
    """`last_login`."""

    time_login: datetime
    id: WireId | None = None
    exten: str | int | None = None
    time_logoff: datetime | None = None


class AgentRow(msgspec.Struct, frozen=True, gc=False):
    """A row of the agent listing."""

    id: WireAgentId
    name: str
    login: str
    enable: bool = True
    archived: bool = False
    queues: tuple[WireQueueId, ...] = ()
    current_extension: str | ExtensionRow | None = None
    current_outbound_queue: WireQueueId | QueueReferenceRow | None = None
    current_pause: AgentPauseRow | None = None
    last_pause: AgentPauseRow | None = None
    last_login: AgentLoginRow | None = None


class AgentReader:
    """Makes agents of the rows of one walk; what is equal between rows is one value."""

    def __init__(self, on_odd: OnOdd) -> None:
        self._pauses = PauseReader()
        self._queue_ids: dict[tuple[QueueId, ...], tuple[QueueId, ...]] = {}
        self.rows = RowReader(
            AgentRow,
            listing=LISTING,
            from_wire=self.from_wire,
            from_fields=agent_from_fields,
            on_odd=on_odd,
        )

    def from_wire(self, row: AgentRow) -> Agent:
        """A row to an agent; ValueError or OverflowError: it must be read field by field."""
        current, last, login = row.current_pause, row.last_pause, row.last_login
        outbound, extension = row.current_outbound_queue, row.current_extension
        return Agent(
            id=row.id,
            name=row.name,
            login=row.login,
            enabled=row.enable,
            archived=row.archived,
            extension=None if extension is None else _extension(extension),
            queue_ids=self._queue_ids.setdefault(row.queues, row.queues),
            outbound_queue_id=outbound.id if isinstance(outbound, QueueReferenceRow) else outbound,
            outbound_queue_name=outbound.name if isinstance(outbound, QueueReferenceRow) else None,
            current_pause=None
            if current is None or current.time_end is not None
            else self._pauses.agent_pause(current),
            last_pause=None if last is None else self._pauses.agent_pause(last),
            last_login=None if login is None else _login(login),
        )


def agent_from_fields(fields: Fields) -> Agent | None:
    """A row that did not decode, read field by field; None without a usable id."""
    agent_id = fields.required("id", as_id, default=0)
    if not agent_id:
        return None
    outbound = _outbound_from_fields(fields)
    current = agent_pause_from_fields(fields.nested("current_pause"))
    return Agent(
        id=AgentId(agent_id),
        name=fields.required("name", as_text, default=""),
        login=fields.required("login", as_text, default=""),
        enabled=fields.flag("enable", default=True),
        archived=fields.flag("archived", default=False),
        extension=_extension_from_fields(fields),
        queue_ids=fields.read("queues", queue_ids_from) or (),
        outbound_queue_id=outbound.id,
        outbound_queue_name=outbound.name,
        current_pause=None if current is None or current.ended_at is not None else current,
        last_pause=agent_pause_from_fields(fields.nested("last_pause")),
        last_login=_login_from_fields(fields.nested("last_login")),
    )


def new_agent_body(new: NewAgent) -> bytes:
    """The body that creates an agent."""
    return msgspec.json.encode(
        {"name": new.name, "login": new.login, "password": new.password, "queues": new.queue_ids}
    )


def agent_change_body(change: AgentChange) -> bytes:
    """The body that changes an agent: the given fields and no other."""
    given = {
        "name": change.name,
        "password": change.password,
        "queues": change.queue_ids,
        "levels": change.levels,
    }
    return msgspec.json.encode({name: value for name, value in given.items() if value is not None})


def _login(row: AgentLoginRow) -> AgentLogin:
    return AgentLogin(
        id=row.id,
        started_at=in_utc(row.time_login),
        ended_at=None if row.time_logoff is None else in_utc(row.time_logoff),
        extension=None if row.exten is None else str(row.exten) or None,
    )


def _login_from_fields(fields: Fields | None) -> AgentLogin | None:
    span = None if fields is None else fields.span("time_login", "time_logoff")
    if fields is None or span is None:
        return None
    return AgentLogin(
        id=fields.read("id", as_id),
        started_at=span.started_at,
        ended_at=span.ended_at,
        extension=fields.read("exten", as_text) or None,
    )


def _extension(value: str | ExtensionRow) -> str | None:
    if isinstance(value, str):
        return value or None
    named = (value.exten, value.extension, value.number, value.name)
    return next((str(name) for name in named if name not in (None, "")), None)


def _extension_from_fields(fields: Fields) -> str | None:
    value = fields.peek("current_extension")
    if not isinstance(value, dict):
        return fields.read("current_extension", as_text) or None
    nested = fields.nested("current_extension")
    return None if nested is None else nested.first(EXTENSION_NAMES, as_text) or None


def _outbound_from_fields(fields: Fields) -> QueueReferenceRow:
    if not isinstance(fields.peek("current_outbound_queue"), dict):
        return QueueReferenceRow(id=_queue_id(fields, "current_outbound_queue"))
    nested = fields.nested("current_outbound_queue")
    if nested is None:
        return QueueReferenceRow()
    return QueueReferenceRow(id=_queue_id(nested, "id"), name=nested.read("name", as_text))


def _queue_id(fields: Fields, name: str) -> QueueId | None:
    number = fields.read(name, as_id)
    return None if number is None else QueueId(number)
