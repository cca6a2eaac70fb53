"""The mutations' inputs, and how they become the words that all surfaces share."""

from typing import Any

import msgspec
import strawberry
from strawberry import UNSET

from gateway.domain.agents import AgentState
from gateway.domain.given import GivenAgent, GivenChange, GivenLevel, read_id
from gateway.domain.ids import PauseId
from gateway.domain.preconditions import Expectation
from gateway.schema import agents as _described  # noqa: F401 - describes AgentState, before it is shown here
from gateway.schema.scalars import stated


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


@strawberry.input
class Expected:
    """What must hold of the agent."""

    if_state: AgentState | None = strawberry.field(
        default=UNSET,
        description=(
            "Write only if the agent is in this state, by a fresh reading; else the refusal says what the "
            "agent is instead."
        ),
    )
    if_pause_id: strawberry.ID | None = strawberry.field(
        default=UNSET,
        description="Write only if the agent is in this pause of the catalogue, by a fresh reading.",
    )


@strawberry.input
class Ensuring:
    """That it is so already is no refusal."""

    ensure: bool = strawberry.field(
        default=False,
        description="An agent who is so already is a success, with `changed: false`, and no refusal.",
    )


@strawberry.input(
    description="A change of an agent. Only what is given is changed; a null is refused, leave the field out."
)
class UpdateAgentInput(Expected):
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
class PauseAgentInput(Expected, Ensuring):
    """Who pauses, and why."""

    agent_id: strawberry.ID = strawberry.field(description="Evolux's number of the agent.")
    pause_id: strawberry.ID = strawberry.field(
        description="The id of a Pause of the catalogue; allowedPauses tells which the agent may take."
    )


@strawberry.input(description="An agent whose pause is to end.")
class UnpauseAgentInput(Expected, Ensuring):
    """Whose pause ends."""

    agent_id: strawberry.ID = strawberry.field(description="Evolux's number of the agent.")


@strawberry.input(description="An agent to log off.")
class LogoffAgentInput(Expected, Ensuring):
    """Who is logged off."""

    agent_id: strawberry.ID = strawberry.field(description="Evolux's number of the agent.")


def given_agent(given: CreateAgentInput) -> GivenAgent:
    """An agent to create, in the words that all surfaces share."""
    return GivenAgent(
        name=given.name, login=given.login, password=given.password, queue_ids=tuple(given.queue_ids)
    )


def given_change(given: UpdateAgentInput) -> GivenChange:
    """A change, in the words that all surfaces share."""
    levels = given.levels
    return GivenChange(
        name=_known(given.name),
        password=_known(given.password),
        queue_ids=tuple(given.queue_ids) if given.queue_ids else _known(given.queue_ids, empty=()),
        levels=tuple(GivenLevel(queue_id=one.queue_id, priority=one.priority) for one in levels)
        if levels
        else _known(levels, empty=()),
    )


def expectation(given: Expected) -> Expectation:
    """What a caller expects of the agent; `BadUserInput` where the pause's id is none."""
    pause_id = stated(given.if_pause_id)
    return Expectation(
        state=stated(given.if_state),
        pause_id=None if pause_id is None else read_id(pause_id, of=PauseId, field=("ifPauseId",)),
    )


def _known(value: Any, *, empty: Any = None) -> Any:
    """What was left out is UNSET in the shared words; a null stays one; an empty list becomes `empty`."""
    if value is strawberry.UNSET:
        return msgspec.UNSET
    return empty if value == [] else value
