"""The mutations: each writes once, and shows the agent as it is afterwards."""

from typing import Annotated, Final

import strawberry

from gateway.domain.ids import AgentId, PauseId
from gateway.schema.fields import AGENTS_WRITE, Info, entry
from gateway.schema.mutation_inputs import (
    CreateAgentInput,
    LogoffAgentInput,
    PauseAgentInput,
    UnpauseAgentInput,
    UpdateAgentInput,
    read_change,
    read_new_agent,
)
from gateway.schema.scalars import read_id
from gateway.schema.writes import WriteOutcome, WritePayload, agent_after, carry_out

_AGENT_ID: Final = ("input", "agentId")


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

    async def write() -> WriteOutcome:
        return WriteOutcome(agent=await info.context.call_center.create_agent(read_new_agent(input)))

    return await carry_out(write(), info=info)


async def update_agent(_root: object, info: Info, *, input: Update) -> WriteOutcome:  # noqa: A002 - the same
    """Change an agent."""

    async def write() -> WriteOutcome:
        agent_id = read_id(input.id, of=AgentId, field=("input", "id"))
        await info.context.call_center.update_agent(agent_id, read_change(input))
        return WriteOutcome(agent=agent_after(info.context, agent_id))

    return await carry_out(write(), info=info)


async def pause_agent(_root: object, info: Info, *, input: PauseAgent) -> WriteOutcome:  # noqa: A002 - the same
    """Put an agent into a pause."""

    async def write() -> WriteOutcome:
        agent_id = read_id(input.agent_id, of=AgentId, field=_AGENT_ID)
        pause_id = read_id(input.pause_id, of=PauseId, field=("input", "pauseId"))
        await info.context.call_center.pause_agent(agent_id, pause_id)
        return WriteOutcome(agent=agent_after(info.context, agent_id))

    return await carry_out(write(), info=info)


async def unpause_agent(_root: object, info: Info, *, input: UnpauseAgent) -> WriteOutcome:  # noqa: A002 - the same
    """End an agent's pause."""

    async def write() -> WriteOutcome:
        agent_id = read_id(input.agent_id, of=AgentId, field=_AGENT_ID)
        await info.context.call_center.unpause_agent(agent_id)
        return WriteOutcome(agent=agent_after(info.context, agent_id))

    return await carry_out(write(), info=info)


async def log_off_agent(_root: object, info: Info, *, input: LogoffAgent) -> WriteOutcome:  # noqa: A002 - the same
    """Log an agent off."""

    async def write() -> WriteOutcome:
        agent_id = read_id(input.agent_id, of=AgentId, field=_AGENT_ID)
        await info.context.call_center.log_off_agent(agent_id)
        return WriteOutcome(agent=agent_after(info.context, agent_id))

    return await carry_out(write(), info=info)


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
