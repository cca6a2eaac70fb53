"""Writes to many agents: one result for each, in order."""

from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Annotated, Any

import msgspec
import strawberry

from gateway.domain.agents import Agent as AgentRow
from gateway.domain.bulk import BulkResult, QueueAssignment, assign, carry_out_many
from gateway.domain.errors import GatewayError
from gateway.domain.given import read_id, read_ids
from gateway.domain.ids import AgentId, PauseId, QueueId
from gateway.domain.writes import LogOffOrder, Order, PauseOrder, UnpauseOrder
from gateway.schema.agents import Agent
from gateway.schema.bulk_inputs import (
    AssignQueuesInput,
    Choosing,
    LogoffAgentsInput,
    PauseAgentsInput,
    UnpauseAgentsInput,
    read_plan,
)
from gateway.schema.errors import MutationError, ShownRefusal, show_refusal
from gateway.schema.fields import Info, attribute
from gateway.schema.writes import refused

MakeOrder = Callable[[AgentId, AgentRow | None], Order]

PauseAgents = Annotated[PauseAgentsInput, strawberry.argument(description="Which agents, and which pause.")]
UnpauseAgents = Annotated[UnpauseAgentsInput, strawberry.argument(description="Which agents.")]
LogoffAgents = Annotated[LogoffAgentsInput, strawberry.argument(description="Which agents.")]
AssignQueues = Annotated[AssignQueuesInput, strawberry.argument(description="Which agents and queues.")]


class ShownResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one agent: the row of an AgentWriteResult."""

    agent_id: AgentId
    done: bool
    changed: bool
    reconciled: bool
    error: ShownRefusal | None
    agent: AgentRow | None
    at: datetime


class BulkOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a write to many came to: the row of every payload."""

    results: tuple[ShownResult, ...] = ()
    done_count: int = 0
    failed_count: int = 0
    dry_run: bool = False
    errors: tuple[ShownRefusal, ...] = ()


async def pause_agents(_root: object, info: Info, *, input: PauseAgents) -> BulkOutcome:  # noqa: A002 - the argument's name in GraphQL
    """Put agents into a pause."""

    async def write() -> tuple[BulkResult, ...]:
        pause_id = read_id(input.pause_id, of=PauseId, field=("pauseId",))
        return await _carry_out(
            info, given=input, order=lambda one, _: PauseOrder(agent_id=one, pause_id=pause_id)
        )

    return await _show(write(), info=info, given=input)


async def unpause_agents(_root: object, info: Info, *, input: UnpauseAgents) -> BulkOutcome:  # noqa: A002 - the same
    """End agents' pauses."""
    write = _carry_out(info, given=input, order=lambda one, _: UnpauseOrder(agent_id=one))
    return await _show(write, info=info, given=input)


async def log_off_agents(_root: object, info: Info, *, input: LogoffAgents) -> BulkOutcome:  # noqa: A002 - the same
    """Log agents off."""
    write = _carry_out(info, given=input, order=lambda one, _: LogOffOrder(agent_id=one))
    return await _show(write, info=info, given=input)


async def assign_queues(_root: object, info: Info, *, input: AssignQueues) -> BulkOutcome:  # noqa: A002 - the same
    """Assign queues to agents."""

    async def write() -> tuple[BulkResult, ...]:
        queue_ids = read_ids(input.queue_ids, of=QueueId, field=("queueIds",))

        def order(agent_id: AgentId, agent: AgentRow | None) -> Order:
            return assign(agent_id, queue_ids=queue_ids, how=input.how, agent=agent)

        needs_agents = input.how is not QueueAssignment.REPLACE
        return await _carry_out(info, given=input, order=order, needs_agents=needs_agents)

    return await _show(write(), info=info, given=input)


async def _carry_out(
    info: Info, *, given: Choosing, order: MakeOrder, needs_agents: bool = False
) -> tuple[BulkResult, ...]:
    context = info.context
    return await carry_out_many(
        context.writing, read_plan(given), order=order, needs_agents=needs_agents, clock=context.clock
    )


async def _show(
    write: Coroutine[Any, Any, tuple[BulkResult, ...]], *, info: Info, given: Choosing
) -> BulkOutcome:
    """Run a write to many; only what stops it as a whole is a refusal or an error of the payload."""
    ledger = info.context.ledger
    ledger.begin()
    try:
        with info.context.trail.entry(info.field_name) as entry:
            results = await write
            entry.done_many(results, dry_run=given.dry_run)
    except GatewayError as error:
        ledger.end(error)
        return BulkOutcome(errors=refused(error, info=info).errors)
    ledger.end(
        *(result.error for result in results if result.written is not None or result.error is not None)
    )
    info.context.forget()
    shown = tuple(_show_result(result) for result in results)
    failed = sum(result.error is not None for result in shown)
    done = sum(result.done for result in shown)
    return BulkOutcome(results=shown, done_count=done, failed_count=failed, dry_run=given.dry_run)


def _show_result(result: BulkResult) -> ShownResult:
    written = result.written
    return ShownResult(
        agent_id=result.agent_id,
        done=written is not None,
        changed=written is not None and written.changed,
        reconciled=written is not None and written.reconciled,
        error=None if result.error is None else show_refusal(result.error),
        agent=result.agent,
        at=result.at,
    )


@strawberry.type(description="What became of one agent of a write to many.")
class AgentWriteResult:
    """A result; made from a `ShownResult`."""

    agent_id: strawberry.ID = attribute(description="Whom it is about.")
    done: bool = attribute(
        description="Whether the write was done, or with `ensure` was so already. False in a dry run."
    )
    changed: bool = attribute(description="Whether the write changed something.")
    reconciled: bool = attribute(
        description="True where Evolux's answer was lost, and the listing after all writes proves this one."
    )
    error: MutationError | None = attribute(
        description="Why it was not done or is not known: a refusal or a failure. Null where there is none."
    )
    agent: Agent | None = attribute(
        description=(
            "The agent by the one listing after all writes; in a dry run, by the one before. Null where "
            "nothing was written or that listing could not be read."
        )
    )
    at: datetime = attribute(description="When the result was known.")


@strawberry.type(description="What a write to many agents came to.")
class BulkPayload:
    """What all payloads of writes to many have; made from a `BulkOutcome`."""

    results: list[AgentWriteResult] = attribute(
        description="One for each agent, in the order of agentIds, or by id where a filter chose them."
    )
    done_count: int = attribute(description="How many were done.")
    failed_count: int = attribute(description="How many were refused, failed or are not known.")
    dry_run: bool = attribute(description="Whether nothing was to be written.")
    errors: list[MutationError] = attribute(
        description="Why nothing at all was written. What stopped a single agent stands in its result."
    )


@strawberry.type(description="What putting agents into a pause came to.")
class PauseAgentsPayload(BulkPayload):
    """What pausing many came to."""


@strawberry.type(description="What ending agents' pauses came to.")
class UnpauseAgentsPayload(BulkPayload):
    """What unpausing many came to."""


@strawberry.type(description="What logging agents off came to.")
class LogoffAgentsPayload(BulkPayload):
    """What logging many off came to."""


@strawberry.type(description="What assigning queues to agents came to.")
class AssignQueuesPayload(BulkPayload):
    """What assigning queues came to."""
