"""Writes: run once, answered with a payload that tells refusals apart from failures."""

from collections.abc import Awaitable, Coroutine
from typing import Any

import msgspec
import strawberry

from gateway.domain.agents import Agent as AgentRow
from gateway.domain.errors import NOTHING_WAS_WRITTEN, AgentNotFound, GatewayError, Refusal
from gateway.domain.given import outside
from gateway.domain.ids import AgentId
from gateway.domain.writes import Written
from gateway.schema.agents import Agent
from gateway.schema.context import OperationContext
from gateway.schema.errors import MutationError, ShownRefusal, show_refusal
from gateway.schema.fields import Info, attribute, upstream
from gateway.schema.selections import selected_names
from gateway.schema.shared_reads import SharedRead


class WriteOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a write came to, the row of every payload: an agent to show, or refusals."""

    agent: SharedRead[AgentRow | None] | AgentRow | None = None
    changed: bool = False
    reconciled: bool = False
    errors: tuple[ShownRefusal, ...] = ()


async def show_write(
    write: Coroutine[Any, Any, Written], *, info: Info, agent_id: str | None = None
) -> WriteOutcome:
    """Run a write. A refusal is the outcome where `errors` is selected, and is raised where it is not.

    What was read before is forgotten where something was, or may have been, changed.
    """
    context = info.context
    context.ledger.begin()
    try:
        with context.trail.entry(info.field_name, agent_id=agent_id) as entry:
            written = await write
            entry.done(written.agent_id, changed=written.changed, reconciled=written.reconciled)
    except GatewayError as error:
        context.ledger.end(error)
        return refused(error, info=info)
    context.ledger.end(None)
    near_page = context.page_of(written.agent_id)
    agent = written.agent or agent_after(context, written.agent_id, near_page=near_page)
    context.forget()
    return WriteOutcome(agent=agent, changed=written.changed, reconciled=written.reconciled)


def refused(error: GatewayError, *, info: Info) -> WriteOutcome:
    """Show a refusal in the payload where its errors are selected; raise whatever else it is."""
    if isinstance(error, Refusal):
        error.field = _input_path(error.field)
        if "errors" in selected_names(info):
            return WriteOutcome(errors=(show_refusal(error),))
    elif not isinstance(error, NOTHING_WAS_WRITTEN):
        info.context.forget()
    raise error


def agent_after(
    context: OperationContext, agent_id: AgentId, *, near_page: int | None
) -> SharedRead[AgentRow | None]:
    """The agent as Evolux has it after the write, read only if somebody asks."""
    return SharedRead(lambda: _read_agent(context, agent_id=agent_id, near_page=near_page))


def payload_agent(outcome: WriteOutcome, _info: Info) -> AgentRow | Awaitable[AgentRow | None] | None:
    """The agent after the write; what is raised here leaves the write as done."""
    if isinstance(outcome.agent, SharedRead):
        return outcome.agent.use(lambda agent: agent)
    return outcome.agent


async def _read_agent(context: OperationContext, *, agent_id: AgentId, near_page: int | None) -> AgentRow:
    agent = await context.call_center.read_agent(agent_id, near_page=near_page)
    if agent is None:
        raise AgentNotFound("The write was done, but Evolux shows no agent of this id after it.")
    return agent


def _input_path(field: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if field is None or field[:1] == ("input",):
        return field
    return ("input", *outside(field))


@strawberry.type(description="What a write came to.")
class WritePayload:
    """What all payloads have; made from a `WriteOutcome`."""

    agent: Agent | None = upstream(
        payload_agent,
        description=(
            "The agent as Evolux has it after the write, read anew only if selected. Null after a refusal, "
            "and together with an error where the write was done and the agent could not be read again."
        ),
    )
    changed: bool = attribute(
        description=(
            "Whether the write changed something; false after a refusal, and where `ensure` found the agent "
            "to be so already."
        )
    )
    reconciled: bool = attribute(
        description=(
            "True where Evolux's answer was lost and the agent, read again, proves that the write happened. "
            "Nothing was sent twice."
        )
    )
    errors: list[MutationError] = attribute(
        description=(
            "Why the write was refused; empty where it was done. An operation that does not select this gets "
            "a refusal as a GraphQL error instead."
        )
    )
