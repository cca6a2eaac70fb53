"""Agents and their logins."""

from collections.abc import Awaitable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from gateway.domain import agents as domain
from gateway.domain import keys
from gateway.domain.agents import AgentState
from gateway.domain.listings import Reading
from gateway.domain.pauses import AllowedPause as AllowedPauseRow
from gateway.domain.queues import Queue as QueueRow
from gateway.schema.enums import describe_enum
from gateway.schema.fields import Info, attribute, computed, upstream, upstream_of_rows
from gateway.schema.pauses import AgentPause, AllowedPause
from gateway.schema.queue_names import queue_or_none, queues_of_agents

if TYPE_CHECKING:
    from gateway.schema.queues import Queue

describe_enum(
    AgentState,
    description=(
        "What Evolux's API can tell of an agent. It cannot tell waiting from ringing, talking or wrap-up, so "
        "no state means available."
    ),
    values={
        AgentState.INACTIVE: "Archived or disabled: cannot log in.",
        AgentState.LOGGED_OUT: "Never logged in, or logged off since.",
        AgentState.LOGGED_IN: "Logged in and in no pause; may be on a call.",
        AgentState.PAUSED: "Logged in and in a pause, see currentPause.",
    },
)


def login_key(login: domain.AgentLogin, _info: Info) -> str:
    """Evolux's number; where it gave none, a text that is equal only for equal logins."""
    return keys.login_key(login)


def state_since(agent: domain.Agent, _info: Info) -> datetime | None:
    """When the state began, where the listing tells."""
    return domain.state_since(agent)


def outbound_queue(agent: domain.Agent, info: Info) -> QueueRow | Awaitable[QueueRow | None] | None:
    """The queue on whose behalf the agent calls out."""
    return queue_or_none(agent.outbound_queue_id, info=info, name=agent.outbound_queue_name)


def allowed_pauses(
    agent: domain.Agent, info: Info
) -> tuple[AllowedPauseRow, ...] | Awaitable[tuple[AllowedPauseRow, ...]]:
    """The rows of the agent's pauses listing."""
    return info.context.allowed_pauses(agent.id).use(_rows)


def _rows(reading: Reading[AllowedPauseRow]) -> tuple[AllowedPauseRow, ...]:
    return reading.snapshot.rows


@strawberry.type(description="An agent's login on an extension.")
class AgentLogin:
    """A login."""

    id: strawberry.ID = computed(
        login_key,
        description=(
            'Evolux\'s number of the login. Where Evolux gave none, a text that begins with "unnumbered-" '
            "and is equal only for equal logins."
        ),
    )
    extension: str | None = attribute(
        description='The extension the agent logged in on, such as "sip/3012". Null where not known.'
    )
    started_at: datetime = attribute(description="When the agent logged in.")
    ended_at: datetime | None = attribute(description="When the agent logged off. Null while logged in.")


@strawberry.type(description="An agent of the tenant's call centre, as Evolux's agents listing shows it.")
class Agent:
    """An agent."""

    id: strawberry.ID = attribute(description="Evolux's number of the agent.")
    name: str = attribute(description="The agent's name.")
    login: str = attribute(description="What the agent logs in with; it cannot be changed.")
    enabled: bool = attribute(description="Whether the agent may log in.")
    archived: bool = attribute(description="Whether the agent has left and is kept for the records alone.")
    state: AgentState = attribute(description="What the agent is doing, as far as Evolux's API can tell.")
    state_since: datetime | None = computed(
        state_since,
        description="When the state began. Null where Evolux does not tell, and for INACTIVE.",
    )
    extension: str | None = attribute(
        description="The extension the agent is on now. Null where there is none or it is not known."
    )
    queues: list[Annotated["Queue", strawberry.lazy("gateway.schema.queues")]] = upstream_of_rows(
        queues_of_agents,
        description=(
            "The queues the agent serves, in Evolux's order. A queue that the queue listing hides (archived) "
            "has a null name. More than their ids is read from the queue listing, once for the operation."
        ),
        reads=("queues",),
    )
    outbound_queue: Annotated["Queue", strawberry.lazy("gateway.schema.queues")] | None = upstream(
        outbound_queue,
        description="The queue on whose behalf the agent calls out now. Null where there is none.",
        reads=("queues",),
    )
    current_pause: AgentPause | None = attribute(description="The pause the agent is in. Null in no pause.")
    last_pause: AgentPause | None = attribute(
        description="The pause the agent took last. Null where Evolux knows of none."
    )
    last_login: AgentLogin | None = attribute(
        description="The agent's last login, which may be lasting. Null for an agent who never logged in."
    )
    allowed_pauses: list[AllowedPause] = upstream(
        allowed_pauses,
        description=(
            "The pauses the agent may take, a row per queue and pause. Costs one read of Evolux per agent, "
            "made concurrently for all agents of the operation: ask it for few agents."
        ),
    )
