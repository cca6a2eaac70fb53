"""Agents and their state."""

from collections.abc import Iterable
from datetime import datetime
from enum import Enum
from typing import assert_never

import msgspec

from gateway.domain.ids import AgentId, QueueId
from gateway.domain.pauses import AgentPause


class AgentState(Enum):
    """What Evolux's API can tell of an agent; it cannot tell ringing, talking or wrap-up from waiting."""

    INACTIVE = "INACTIVE"
    LOGGED_OUT = "LOGGED_OUT"
    LOGGED_IN = "LOGGED_IN"
    PAUSED = "PAUSED"


_INACTIVE, _LOGGED_OUT, _LOGGED_IN, _PAUSED = AgentState  # names of the module are found sooner than members


class AgentLogin(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An agent's login on an extension; `ended_at` is None while it lasts."""

    id: int | None
    started_at: datetime
    ended_at: datetime | None = None
    extension: str | None = None


class Agent(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An agent as one listing shows it; equal values mean that nothing about the agent changed."""

    id: AgentId
    name: str
    login: str
    enabled: bool = True
    archived: bool = False
    extension: str | None = None
    queue_ids: tuple[QueueId, ...] = ()
    outbound_queue_id: QueueId | None = None
    outbound_queue_name: str | None = None
    current_pause: AgentPause | None = None
    last_pause: AgentPause | None = None
    last_login: AgentLogin | None = None

    @property
    def state(self) -> AgentState:
        """The agent's state: the rule. `is_logged_in` and `sort_by_state` write it once more, for speed."""
        if self.archived or not self.enabled:
            return _INACTIVE
        login = self.last_login
        if self.extension is None if login is None else login.ended_at is not None:
            return _LOGGED_OUT
        return _LOGGED_IN if self.current_pause is None else _PAUSED


class NewAgent(msgspec.Struct, frozen=True, kw_only=True):
    """What creating an agent takes. The password never prints."""

    name: str
    login: str
    password: str
    queue_ids: tuple[QueueId, ...] = ()

    def __repr__(self) -> str:
        return f"NewAgent(name={self.name!r}, login={self.login!r}, password=***, queue_ids={self.queue_ids})"


class QueueLevel(msgspec.Struct, frozen=True, kw_only=True):
    """An agent's priority in a queue. Evolux takes it and never shows it again."""

    queue_id: QueueId
    priority: int


class AgentChange(msgspec.Struct, frozen=True, kw_only=True):
    """A partial change: a field that is None was not given and is not sent. The password never prints."""

    name: str | None = None
    password: str | None = None
    queue_ids: tuple[QueueId, ...] | None = None
    levels: tuple[QueueLevel, ...] | None = None

    def __repr__(self) -> str:
        password = None if self.password is None else "***"
        return (
            f"AgentChange(name={self.name!r}, password={password}, "
            f"queue_ids={self.queue_ids}, levels={self.levels})"
        )


def is_logged_in(agent: Agent) -> bool:
    """Say whether the agent is logged in: the last login decides, and without one the extension does.

    An open login without an extension is a login: Evolux's page shows the extension only ever null.
    """
    if agent.last_login is not None:
        return agent.last_login.ended_at is None
    return agent.extension is not None


def sort_by_state(agents: Iterable[Agent]) -> dict[AgentState, list[Agent]]:
    """Sort agents by their `state`, every state with a list; the same rule, without a call per agent."""
    inactive: list[Agent] = []
    logged_out: list[Agent] = []
    logged_in: list[Agent] = []
    paused: list[Agent] = []
    for agent in agents:
        login = agent.last_login
        if agent.archived or not agent.enabled:
            inactive.append(agent)
        elif agent.extension is None if login is None else login.ended_at is not None:
            logged_out.append(agent)
        elif agent.current_pause is None:
            logged_in.append(agent)
        else:
            paused.append(agent)
    return dict(zip(AgentState, (inactive, logged_out, logged_in, paused), strict=True))


def state_since(agent: Agent) -> datetime | None:
    """Say when the agent's state began, None where the listing does not tell."""
    state = agent.state
    if state is AgentState.INACTIVE:
        return None
    if state is AgentState.LOGGED_OUT:
        return agent.last_login.ended_at if agent.last_login else None
    if state is AgentState.PAUSED:
        return agent.current_pause.started_at if agent.current_pause else None
    if state is AgentState.LOGGED_IN:
        return _ready_since(agent)
    assert_never(state)


def _ready_since(agent: Agent) -> datetime | None:
    """Logged in since the login, or since the last pause of that login ended."""
    if agent.last_login is None:
        return None
    login_at = agent.last_login.started_at
    unpaused_at = agent.last_pause.ended_at if agent.last_pause else None
    return max(login_at, unpaused_at) if unpaused_at else login_at
