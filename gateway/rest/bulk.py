"""Writes to many agents in REST."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar

from msgspec import UNSET, Meta, UnsetType

from gateway.domain import agents as domain
from gateway.domain.bulk import (
    MAX_AGENTS,
    BulkPlan,
    BulkResult,
    QueueAssignment,
    Selection,
    assign,
    carry_out_many,
)
from gateway.domain.errors import GatewayError
from gateway.domain.given import read_id, read_ids
from gateway.domain.ids import AgentId, PauseId, QueueId
from gateway.domain.writes import LogOffOrder, Order, PauseOrder, UnpauseOrder
from gateway.rest.agents import FilterQuery, read_filter
from gateway.rest.context import Answered, Asked, RestContext
from gateway.rest.errors import WriteError, write_error_of
from gateway.rest.shapes import IdText, Instant, Shape
from gateway.rest.writes import Ensure, Expecting, expectation

MakeOrder = Callable[[AgentId, domain.Agent | None], Order]


class AgentChoice(FilterQuery, frozen=True, kw_only=True):
    """The agents whom all of these conditions choose."""


class Choosing(Expecting, frozen=True, kw_only=True):
    """Whom a write to many is about: give `agentIds` or `filter`, and not both."""

    schema_extra: ClassVar[Mapping[str, Any]] = {
        "oneOf": [{"required": ["agentIds"]}, {"required": ["filter"]}]
    }

    agent_ids: Annotated[
        tuple[IdText, ...] | UnsetType,
        Meta(
            description="These agents, in this order, each once.", extra_json_schema={"maxItems": MAX_AGENTS}
        ),
    ] = UNSET
    filter: Annotated[
        AgentChoice | UnsetType,
        Meta(description="Whom this chooses from a listing read for this; more than 500 are refused."),
    ] = UNSET
    dry_run: Annotated[bool, Meta(description="Write nothing: say whom it would be about.")] = False


class EndingMany(Choosing, frozen=True, kw_only=True):
    """Whose pauses or logins are to end."""

    ensure: Ensure = False


class PausingMany(EndingMany, frozen=True, kw_only=True):
    """Who pauses, and why."""

    pause_id: Annotated[IdText, Meta(description="The id of a pause of the catalogue, for all.")]


class AssigningQueues(Choosing, frozen=True, kw_only=True):
    """Who serves which queues."""

    queue_ids: tuple[IdText, ...]
    how: Annotated[QueueAssignment, Meta(description="Whether they replace, are added or removed.")] = (
        QueueAssignment.REPLACE
    )


class AgentWriteResult(Shape, frozen=True, kw_only=True):
    """What became of one agent of a write to many."""

    agent_id: IdText
    done: Annotated[bool, Meta(description="Whether it was done, or was so already; false in a dry run.")]
    changed: bool
    reconciled: bool
    error: Annotated[
        WriteError | None, Meta(description="Why it was not done or is not known; null where there is none.")
    ]
    at: Annotated[Instant, Meta(description="When the result was known.")]


class BulkAnswer(Shape, frozen=True, kw_only=True):
    """What a write to many agents came to: a result for each, in order."""

    results: tuple[AgentWriteResult, ...]
    done_count: int
    failed_count: int
    dry_run: bool


async def pause_agents(context: RestContext, asked: Asked) -> Answered:
    """Put agents into a pause."""
    body: PausingMany = asked.body
    pause_id = read_id(body.pause_id, of=PauseId, field=("pauseId",))
    return await _carry_out(
        context, body, order=lambda one, _: PauseOrder(agent_id=one, pause_id=pause_id), ensure=body.ensure
    )


async def unpause_agents(context: RestContext, asked: Asked) -> Answered:
    """End agents' pauses."""
    body: EndingMany = asked.body
    return await _carry_out(
        context, body, order=lambda one, _: UnpauseOrder(agent_id=one), ensure=body.ensure
    )


async def log_off_agents(context: RestContext, asked: Asked) -> Answered:
    """Log agents off."""
    body: EndingMany = asked.body
    return await _carry_out(context, body, order=lambda one, _: LogOffOrder(agent_id=one), ensure=body.ensure)


async def assign_queues(context: RestContext, asked: Asked) -> Answered:
    """Assign queues to agents."""
    body: AssigningQueues = asked.body
    queue_ids = read_ids(body.queue_ids, of=QueueId, field=("queueIds",))

    def order(agent_id: AgentId, agent: domain.Agent | None) -> Order:
        return assign(agent_id, queue_ids=queue_ids, how=body.how, agent=agent)

    needs_agents = body.how is not QueueAssignment.REPLACE
    return await _carry_out(context, body, order=order, needs_agents=needs_agents)


async def _carry_out(
    context: RestContext,
    body: Choosing,
    *,
    order: MakeOrder,
    ensure: bool = False,
    needs_agents: bool = False,
) -> Answered:
    context.ledger.begin()
    try:
        results = await carry_out_many(
            context.writing,
            _plan(body, ensure=ensure),
            order=order,
            needs_agents=needs_agents,
            clock=context.clock,
        )
    except GatewayError as error:
        context.ledger.end(error)
        raise
    context.ledger.end(*(one.error for one in results if one.written is not None or one.error is not None))
    if context.entry is not None:
        context.entry.done_many(results, dry_run=body.dry_run)
    return Answered(shape=lambda: _show(results, dry_run=body.dry_run))


def _plan(body: Choosing, *, ensure: bool) -> BulkPlan:
    ids, chosen = body.agent_ids, body.filter
    return BulkPlan(
        selection=Selection(
            ids=None if ids is UNSET else read_ids(ids, of=AgentId, field=("agentIds",)),
            chosen=None if chosen is UNSET else read_filter(chosen),
        ),
        ensure=ensure,
        expected=expectation(body),
        dry_run=body.dry_run,
    )


def _show(results: tuple[BulkResult, ...], *, dry_run: bool) -> BulkAnswer:
    shown = tuple(_show_result(result) for result in results)
    return BulkAnswer(
        results=shown,
        done_count=sum(result.done for result in shown),
        failed_count=sum(result.error is not None for result in shown),
        dry_run=dry_run,
    )


def _show_result(result: BulkResult) -> AgentWriteResult:
    written = result.written
    return AgentWriteResult(
        agent_id=str(result.agent_id),
        done=written is not None,
        changed=written is not None and written.changed,
        reconciled=written is not None and written.reconciled,
        error=None if result.error is None else write_error_of(result.error),
        at=result.at,
    )
