"""Writes to one agent in REST: what they take, and what they come to."""

from collections.abc import Coroutine, Mapping
from typing import Annotated, Any, ClassVar

from msgspec import UNSET, Meta, UnsetType

from gateway.domain import agents as domain
from gateway.domain import writes
from gateway.domain.agents import AgentState
from gateway.domain.errors import Failure, GatewayError
from gateway.domain.given import (
    MAX_PRIORITY,
    MAX_TEXT_CHARS,
    GivenAgent,
    GivenChange,
    GivenLevel,
    read_change,
    read_id,
    read_new_agent,
)
from gateway.domain.ids import AgentId, PauseId
from gateway.domain.listings import Snapshot
from gateway.domain.preconditions import Expectation
from gateway.domain.queues import Queue
from gateway.domain.writes import LogOffOrder, Order, PauseOrder, UnpauseOrder, UpdateOrder, Written
from gateway.rest.agents import Agent, show_agent
from gateway.rest.context import Answered, Asked, RestContext
from gateway.rest.shapes import Given, IdText, Shape

Text = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=MAX_TEXT_CHARS,
        pattern=r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$",
    ),
]
"""A text that is not blank and holds no control characters."""
Ensure = Annotated[bool, Meta(description="An agent who is so already is a success, with `changed` false.")]


class NewAgent(Given, frozen=True, kw_only=True):
    """An agent to create. The password is sent on and kept nowhere."""

    name: Text
    login: Annotated[Text, Meta(description="What the agent will log in with; it stays for good.")]
    password: Text
    queue_ids: tuple[IdText, ...] = ()

    def __repr__(self) -> str:
        return "NewAgent(***)"


class QueueLevel(Given, frozen=True, kw_only=True):
    """An agent's priority in a queue. Evolux takes it and never shows it again."""

    queue_id: IdText
    priority: Annotated[int, Meta(ge=0, le=MAX_PRIORITY)]


class Expecting(Given, frozen=True, kw_only=True):
    """What must hold of the agent, by a fresh reading, for the write to be sent."""

    if_state: Annotated[AgentState | UnsetType, Meta(description="Only if the agent is in this state.")] = (
        UNSET
    )
    if_pause_id: Annotated[IdText | UnsetType, Meta(description="Only if the agent is in this pause.")] = (
        UNSET
    )


class AgentChange(Expecting, frozen=True, kw_only=True):
    """A change of an agent. Only what is given is changed; give at least one field."""

    schema_extra: ClassVar[Mapping[str, Any]] = {
        "anyOf": [{"required": [name]} for name in ("name", "password", "queueIds", "levels")],
    }

    name: Text | UnsetType = UNSET
    password: Text | UnsetType = UNSET
    queue_ids: Annotated[
        tuple[IdText, ...] | UnsetType, Meta(description="All queues, in place of those now.")
    ] = UNSET
    levels: Annotated[
        tuple[QueueLevel, ...] | UnsetType,
        Meta(
            description="Priorities, each queue once.",
            extra_json_schema={"minItems": 1, "uniqueItems": True},
        ),
    ] = UNSET

    def __repr__(self) -> str:
        return "AgentChange(***)"


class Ending(Expecting, frozen=True, kw_only=True):
    """How a pause or a login is ended."""

    ensure: Ensure = False


class Pausing(Ending, frozen=True, kw_only=True):
    """Which pause, and how."""

    pause_id: Annotated[IdText, Meta(description="The id of a pause of the catalogue.")]


class WriteAnswer(Shape, frozen=True, kw_only=True):
    """What a write came to."""

    agent: Annotated[
        Agent | None,
        Meta(description="The agent after the write. Null where it was done and could not be read again."),
    ]
    changed: Annotated[bool, Meta(description="Whether it changed something; see `ensure`.")]
    reconciled: Annotated[
        bool,
        Meta(description="True where Evolux's answer was lost and a reading proves that it happened."),
    ]


async def create_agent(context: RestContext, asked: Asked) -> Answered:
    """Create an agent."""
    body: NewAgent = asked.body
    given = GivenAgent(name=body.name, login=body.login, password=body.password, queue_ids=body.queue_ids)
    written = await _noted(context, writes.create_agent(context.writing, read_new_agent(given)))
    answer = await _answer(context, written)
    return Answered(shape=lambda: answer, status=201, location=f"/v1/agents/{written.agent_id}")


async def update_agent(context: RestContext, asked: Asked) -> Answered:
    """Change an agent."""
    body: AgentChange = asked.body
    order = UpdateOrder(agent_id=_agent_id(asked), change=read_change(_given_change(body)))
    return await _carry_out(context, order, body=body)


async def pause_agent(context: RestContext, asked: Asked) -> Answered:
    """Put an agent into a pause."""
    body: Pausing = asked.body
    pause_id = read_id(body.pause_id, of=PauseId, field=("pauseId",))
    order = PauseOrder(agent_id=_agent_id(asked), pause_id=pause_id)
    return await _carry_out(context, order, body=body, ensure=body.ensure)


async def unpause_agent(context: RestContext, asked: Asked) -> Answered:
    """End an agent's pause."""
    body: Ending = asked.body
    return await _carry_out(context, UnpauseOrder(agent_id=_agent_id(asked)), body=body, ensure=body.ensure)


async def log_off_agent(context: RestContext, asked: Asked) -> Answered:
    """Log an agent off."""
    body: Ending = asked.body
    return await _carry_out(context, LogOffOrder(agent_id=_agent_id(asked)), body=body, ensure=body.ensure)


def expectation(given: Expecting) -> Expectation:
    """What a caller expects of the agent."""
    pause_id = given.if_pause_id
    return Expectation(
        state=None if given.if_state is UNSET else given.if_state,
        pause_id=None if pause_id is UNSET else read_id(pause_id, of=PauseId, field=("ifPauseId",)),
    )


async def _carry_out(
    context: RestContext, order: Order, *, body: Expecting, ensure: bool = False
) -> Answered:
    expected = expectation(body)
    work = writes.carry_out(context.writing, order, ensure=ensure, expected=expected)
    answer = await _answer(context, await _noted(context, work))
    return Answered(shape=lambda: answer)


async def _noted(context: RestContext, work: Coroutine[Any, Any, Written]) -> Written:
    context.ledger.begin()
    try:
        written = await work
    except GatewayError as error:
        context.ledger.end(error)
        raise
    context.ledger.end(None)
    if context.entry is not None:
        context.entry.done(written.agent_id, changed=written.changed, reconciled=written.reconciled)
    return written


async def _answer(context: RestContext, written: Written) -> WriteAnswer:
    """Show the agent as it is after the write; that it cannot be read leaves the write as done."""
    try:
        agent = written.agent or await context.call_center.read_agent(written.agent_id)
        queues = (await context.queues()).snapshot
    except Failure:
        return WriteAnswer(agent=None, changed=written.changed, reconciled=written.reconciled)
    return WriteAnswer(
        agent=_shown(agent, queues=queues), changed=written.changed, reconciled=written.reconciled
    )


def _shown(agent: domain.Agent | None, *, queues: Snapshot[Queue]) -> Agent | None:
    return None if agent is None else show_agent(agent, queues=queues)


def _agent_id(asked: Asked) -> AgentId:
    return read_id(asked.path.id, of=AgentId, field=("id",))


def _given_change(body: AgentChange) -> GivenChange:
    levels = body.levels
    return GivenChange(
        name=body.name,
        password=body.password,
        queue_ids=body.queue_ids,
        levels=UNSET
        if levels is UNSET
        else tuple(GivenLevel(queue_id=one.queue_id, priority=one.priority) for one in levels),
    )
