"""The mutations: each writes once, and shows the agent as it is afterwards."""

from collections.abc import Callable
from typing import Annotated, Final

import strawberry

from gateway.domain import writes
from gateway.domain.given import read_change, read_id, read_new_agent
from gateway.domain.ids import AgentId, PauseId
from gateway.domain.scopes import AGENTS_WRITE
from gateway.domain.writes import LogOffOrder, Order, PauseOrder, UnpauseOrder, UpdateOrder, Written
from gateway.schema.bulk import (
    AssignQueuesPayload,
    LogoffAgentsPayload,
    PauseAgentsPayload,
    UnpauseAgentsPayload,
    assign_queues,
    log_off_agents,
    pause_agents,
    unpause_agents,
)
from gateway.schema.fields import Info, entry
from gateway.schema.mutation_inputs import (
    CreateAgentInput,
    LogoffAgentInput,
    PauseAgentInput,
    UnpauseAgentInput,
    UpdateAgentInput,
    expectation,
    given_agent,
    given_change,
)
from gateway.schema.writes import WriteOutcome, WritePayload, show_write

_AGENT_ID: Final = ("agentId",)
_PAUSE_ID: Final = ("pauseId",)


@strawberry.type(description="What creating an agent came to.")
class CreateAgentPayload(WritePayload):
    """What creating came to."""


@strawberry.type(description="What changing an agent came to.")
class UpdateAgentPayload(WritePayload):
    """What changing came to."""


@strawberry.type(description="What putting an agent into a pause came to.")
class PauseAgentPayload(WritePayload):
    """What pausing came to."""


@strawberry.type(description="What ending an agent's pause came to.")
class UnpauseAgentPayload(WritePayload):
    """What unpausing came to."""


@strawberry.type(description="What logging an agent off came to.")
class LogoffAgentPayload(WritePayload):
    """What logging off came to."""


Create = Annotated[CreateAgentInput, strawberry.argument(description="The agent to create.")]
Update = Annotated[
    UpdateAgentInput, strawberry.argument(description="Which agent, and what to change of it.")
]
PauseAgent = Annotated[PauseAgentInput, strawberry.argument(description="Which agent, and which pause.")]
UnpauseAgent = Annotated[UnpauseAgentInput, strawberry.argument(description="Which agent.")]
LogoffAgent = Annotated[LogoffAgentInput, strawberry.argument(description="Which agent.")]


async def create_agent(_root: object, info: Info, *, input: Create) -> WriteOutcome:  # noqa: A002 - the argument's name in GraphQL
    """Create an agent."""

    async def write() -> Written:
        return await writes.create_agent(info.context.writing, read_new_agent(given_agent(input)))

    return await show_write(write(), info=info)


async def update_agent(_root: object, info: Info, *, input: Update) -> WriteOutcome:  # noqa: A002 - the same
    """Change an agent."""

    async def write() -> Written:
        agent_id = read_id(input.id, of=AgentId, field=("id",))
        order = UpdateOrder(agent_id=agent_id, change=read_change(given_change(input)))
        return await writes.carry_out(info.context.writing, order, expected=expectation(input))

    return await show_write(write(), info=info, agent_id=input.id)


async def pause_agent(_root: object, info: Info, *, input: PauseAgent) -> WriteOutcome:  # noqa: A002 - the same
    """Put an agent into a pause."""

    def order() -> Order:
        agent_id = read_id(input.agent_id, of=AgentId, field=_AGENT_ID)
        return PauseOrder(agent_id=agent_id, pause_id=read_id(input.pause_id, of=PauseId, field=_PAUSE_ID))

    return await show_write(_carry_out(order, info=info, given=input), info=info, agent_id=input.agent_id)


async def unpause_agent(_root: object, info: Info, *, input: UnpauseAgent) -> WriteOutcome:  # noqa: A002 - the same
    """End an agent's pause."""

    def order() -> Order:
        return UnpauseOrder(agent_id=read_id(input.agent_id, of=AgentId, field=_AGENT_ID))

    return await show_write(_carry_out(order, info=info, given=input), info=info, agent_id=input.agent_id)


async def log_off_agent(_root: object, info: Info, *, input: LogoffAgent) -> WriteOutcome:  # noqa: A002 - the same
    """Log an agent off."""

    def order() -> Order:
        return LogOffOrder(agent_id=read_id(input.agent_id, of=AgentId, field=_AGENT_ID))

    return await show_write(_carry_out(order, info=info, given=input), info=info, agent_id=input.agent_id)


async def _carry_out(
    order: Callable[[], Order], *, info: Info, given: PauseAgentInput | UnpauseAgentInput | LogoffAgentInput
) -> Written:
    """Carry out what the input says, with what it expects."""
    return await writes.carry_out(
        info.context.writing, order(), ensure=given.ensure, expected=expectation(given)
    )


@strawberry.type(
    description=(
        "What can be changed. Each write is sent to Evolux once and never repeated; several in one operation "
        "run one after the other."
    )
)
class Mutation:
    """The root of mutations."""

    create_agent: CreateAgentPayload = entry(create_agent, scope=AGENTS_WRITE, description="Create an agent.")
    update_agent: UpdateAgentPayload = entry(
        update_agent, scope=AGENTS_WRITE, description="Change what is given of an agent, and nothing else."
    )
    pause_agent: PauseAgentPayload = entry(
        pause_agent, scope=AGENTS_WRITE, description="Put a logged-in agent into a pause."
    )
    unpause_agent: UnpauseAgentPayload = entry(
        unpause_agent, scope=AGENTS_WRITE, description="End the pause that an agent is in."
    )
    logoff_agent: LogoffAgentPayload = entry(
        log_off_agent,
        scope=AGENTS_WRITE,
        description="Log an agent off; refused while the agent is on a call.",
    )
    pause_agents: PauseAgentsPayload = entry(
        pause_agents,
        scope=AGENTS_WRITE,
        description="Put up to 500 agents into a pause, some at a time, each with a result of its own.",
    )
    unpause_agents: UnpauseAgentsPayload = entry(
        unpause_agents, scope=AGENTS_WRITE, description="End the pauses of up to 500 agents."
    )
    logoff_agents: LogoffAgentsPayload = entry(
        log_off_agents, scope=AGENTS_WRITE, description="Log up to 500 agents off."
    )
    assign_queues: AssignQueuesPayload = entry(
        assign_queues, scope=AGENTS_WRITE, description="Assign queues to up to 500 agents."
    )
