"""The mutations' inputs, and how they become what a call centre takes."""

from typing import Final

import strawberry
from strawberry import UNSET

from gateway.domain.agents import AgentChange, NewAgent, QueueLevel
from gateway.domain.errors import BadUserInput
from gateway.domain.ids import QueueId
from gateway.schema.input_checks import check_priority, check_text, is_given
from gateway.schema.scalars import read_id, read_ids

_NAME: Final = ("input", "name")
_LOGIN: Final = ("input", "login")
_PASSWORD: Final = ("input", "password")
_QUEUE_IDS: Final = ("input", "queueIds")
_LEVELS: Final = ("input", "levels")


@strawberry.input(description="An agent to create.")
class CreateAgentInput:
    """A new agent. The password never prints."""

    name: str = strawberry.field(description="The agent's name: 1 to 255 characters, not blank.")
    login: str = strawberry.field(
        description="What the agent will log in with: 1 to 255 characters, not blank; it stays for good."
    )
    password: str = strawberry.field(
        description="The agent's password: 1 to 255 characters, not blank. It is sent on and kept nowhere."
    )
    queue_ids: list[strawberry.ID] = strawberry.field(
        default_factory=list, description="The queues the agent will serve; none if left out."
    )

    def __repr__(self) -> str:
        return "CreateAgentInput(***)"


@strawberry.input(description="An agent's priority in a queue. Evolux takes it and never shows it again.")
class QueueLevelInput:
    """A queue level."""

    queue_id: strawberry.ID = strawberry.field(description="The queue.")
    priority: int = strawberry.field(description="The agent's priority in it: 0 to 1000.")


@strawberry.input(
    description="A change of an agent. Only what is given is changed; a null is refused, leave the field out."
)
class UpdateAgentInput:
    """A change. The password never prints."""

    id: strawberry.ID = strawberry.field(description="Evolux's number of the agent to change.")
    name: str | None = strawberry.field(
        default=UNSET, description="The new name: 1 to 255 characters, not blank."
    )
    password: str | None = strawberry.field(
        default=UNSET,
        description="The new password: 1 to 255 characters, not blank. It is sent on and kept nowhere.",
    )
    queue_ids: list[strawberry.ID] | None = strawberry.field(
        default=UNSET, description="All queues the agent will serve, in place of those now; empty for none."
    )
    levels: list[QueueLevelInput] | None = strawberry.field(
        default=UNSET,
        description="Priorities in queues, each queue once. Needs an Evolux of version 6.32.0 or later.",
    )

    def __repr__(self) -> str:
        return "UpdateAgentInput(***)"


@strawberry.input(description="An agent to put into a pause.")
class PauseAgentInput:
    """Who pauses, and why."""

    agent_id: strawberry.ID = strawberry.field(description="Evolux's number of the agent.")
    pause_id: strawberry.ID = strawberry.field(
        description="The id of a Pause of the catalogue; allowedPauses tells which the agent may take."
    )


@strawberry.input(description="An agent whose pause is to end.")
class UnpauseAgentInput:
    """Whose pause ends."""

    agent_id: strawberry.ID = strawberry.field(description="Evolux's number of the agent.")


@strawberry.input(description="An agent to log off.")
class LogoffAgentInput:
    """Who is logged off."""

    agent_id: strawberry.ID = strawberry.field(description="Evolux's number of the agent.")


def read_new_agent(given: CreateAgentInput) -> NewAgent:
    """Read an agent to create; `BadUserInput` names what cannot be."""
    return NewAgent(
        name=check_text(given.name, field=_NAME),
        login=check_text(given.login, field=_LOGIN),
        password=check_text(given.password, field=_PASSWORD),
        queue_ids=read_ids(given.queue_ids, of=QueueId, field=_QUEUE_IDS),
    )


def read_change(given: UpdateAgentInput) -> AgentChange:
    """Read a change of what is given; `BadUserInput` where nothing is, or names what cannot be."""
    change = AgentChange(
        name=_text_if_given(given.name, field=_NAME),
        password=_text_if_given(given.password, field=_PASSWORD),
        queue_ids=_queue_ids_if_given(given.queue_ids),
        levels=_levels_if_given(given.levels),
    )
    if change == AgentChange():
        raise BadUserInput("Give at least one field to change.", field=("input",))
    return change


def _text_if_given(text: str | None, *, field: tuple[str, ...]) -> str | None:
    return check_text(text, field=field) if is_given(text, field=field) and text is not None else None


def _queue_ids_if_given(texts: list[strawberry.ID] | None) -> tuple[QueueId, ...] | None:
    if not is_given(texts, field=_QUEUE_IDS) or texts is None:
        return None
    return read_ids(texts, of=QueueId, field=_QUEUE_IDS)


def _levels_if_given(given: list[QueueLevelInput] | None) -> tuple[QueueLevel, ...] | None:
    if not is_given(given, field=_LEVELS) or given is None:
        return None
    levels = tuple(_level(each, at=at) for at, each in enumerate(given))
    if not levels:
        raise BadUserInput("levels must not be empty: leave it out to keep the priorities.", field=_LEVELS)
    if len({level.queue_id for level in levels}) < len(levels):
        raise BadUserInput("levels names a queue twice.", field=_LEVELS)
    return levels


def _level(given: QueueLevelInput, *, at: int) -> QueueLevel:
    place = (*_LEVELS, str(at))
    return QueueLevel(
        queue_id=read_id(given.queue_id, of=QueueId, field=(*place, "queueId")),
        priority=check_priority(given.priority, field=(*place, "priority")),
    )
