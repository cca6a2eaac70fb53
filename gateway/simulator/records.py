"""What the simulated call centre remembers: frozen records, replaced whole when something happens."""

from datetime import datetime
from typing import TypedDict

import msgspec


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """A queue; an archived one stays in agents' rows though the queue listing hides it."""

    id: int
    name: str
    slug: str
    number: str
    public_number: str | None = None
    archived: bool = False


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """A reason to pause ("Almoço"); `type` is an open set of codes, and may be empty or None."""

    id: int
    description: str
    type: str | None = None
    productive: bool = False
    system: bool = False


class AllowedPause(msgspec.Struct, frozen=True, kw_only=True):
    """That agents of a queue may take a pause, and for how long; `id` names the association itself."""

    id: int
    queue_id: int
    pause_id: int
    limit_seconds: int | None = None
    automatic_unpause: bool = False
    unpause_disabled: bool = False


class AgentPause(msgspec.Struct, frozen=True, kw_only=True):
    """A pause that was taken; it lasts while `ended_at` is None."""

    id: int
    pause_id: int
    started_at: datetime
    ended_at: datetime | None = None
    max_seconds: int | None = None


class AgentLogin(msgspec.Struct, frozen=True, kw_only=True):
    """A stay at an extension ("sip/3012"); it lasts while `ended_at` is None."""

    id: int
    extension: str
    started_at: datetime
    ended_at: datetime | None = None


class Agent(msgspec.Struct, frozen=True, kw_only=True):
    """One agent as Evolux holds them; `levels` are pairs of queue id and priority."""

    id: int
    name: str
    login: str
    enabled: bool = True
    archived: bool = False
    queue_ids: tuple[int, ...] = ()
    last_login: AgentLogin | None = None
    last_pause: AgentPause | None = None
    current_pause: AgentPause | None = None
    outbound_queue_id: int | None = None
    on_call: bool = False
    levels: tuple[tuple[int, int], ...] = ()

    @property
    def logged_in(self) -> bool:
        """Whether the last login is still open."""
        return self.last_login is not None and self.last_login.ended_at is None


class AgentChanges(TypedDict, total=False):
    """The fields of an agent that may change: all but `id` and `login`."""

    name: str
    enabled: bool
    archived: bool
    queue_ids: tuple[int, ...]
    last_login: AgentLogin | None
    last_pause: AgentPause | None
    current_pause: AgentPause | None
    outbound_queue_id: int | None
    on_call: bool
    levels: tuple[tuple[int, int], ...]
