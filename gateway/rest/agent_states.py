"""How many agents are in each state, in REST."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta

from gateway.domain import agent_reports
from gateway.domain import agent_states as domain
from gateway.domain.agent_reports import queue_tally
from gateway.domain.agent_states import AgentStateDimension
from gateway.domain.agents import Agent, AgentState
from gateway.domain.listings import Reading, Snapshot
from gateway.domain.queues import Queue
from gateway.rest.agents import FilterQuery, read_filter
from gateway.rest.context import Answered, Asked, RestContext
from gateway.rest.pauses import Pause, show_pause
from gateway.rest.queues import find_queue
from gateway.rest.shapes import Instant, NamedQueue, Shape, named_queue


class AgentStateCounts(Shape, frozen=True, kw_only=True):
    """Agents by state at one instant; each agent counts once."""

    agents: int
    inactive: int
    logged_out: int
    logged_in: int
    paused: int
    paused_productive: int
    longest_pause_seconds: Annotated[int | None, Meta(description="Null where nobody is paused.")]
    average_pause_seconds: Annotated[float | None, Meta(description="Null where nobody is paused.")]
    over_limit: Annotated[
        int,
        Meta(
            description=(
                "How many are paused for longer than the limit that Evolux shows with the running pause, "
                "which is the same for each queue of an agent; limits by queue are not used."
            )
        ),
    ]


class AgentStateGroup(Shape, frozen=True, kw_only=True):
    """The agents that share these; what the report was not grouped by is null."""

    queue: NamedQueue | None
    pause: Pause | None
    state: AgentState | None
    productive: bool | None
    pause_type: str | None
    counts: AgentStateCounts


class Freshness(Shape, frozen=True, kw_only=True):
    """How old the listing is that was counted."""

    fetched_at: Instant
    age_seconds: float
    stale: bool
    complete: bool


class AgentStateReport(Shape, frozen=True, kw_only=True):
    """How many agents are in each state, in all and by group."""

    total: AgentStateCounts
    groups: tuple[AgentStateGroup, ...]
    freshness: Freshness


class StatesQuery(FilterQuery, frozen=True, kw_only=True):
    """Which agents, and what to group by."""

    group_by: Annotated[
        tuple[AgentStateDimension, ...],
        Meta(description="What to group by, the first the outermost; repeat for several."),
    ] = ()


async def count_agent_states(context: RestContext, asked: Asked) -> Answered:
    """The report of the chosen agents; it moves with the clock, so it has no version."""
    query: StatesQuery = asked.query
    chosen = read_filter(query)
    agents, queues = await context.agents_and_queues()
    now = context.clock()
    report = await agent_reports.count_agent_states(agents.snapshot, chosen=chosen, dimensions=query.group_by)
    return Answered(shape=lambda: _show_report(report, of=agents, queues=queues.snapshot, now=now))


async def count_queue_states(context: RestContext, asked: Asked) -> Answered:
    """A queue's agents by state, archived ones left out."""
    queue, _ = await find_queue(context, asked)
    agents = (await context.agents()).snapshot
    counts = queue_tally(agents, queue.id).at(context.clock())
    return Answered(shape=lambda: show_counts(counts))


def show_counts(counts: domain.AgentStateCounts) -> AgentStateCounts:
    """Counts."""
    return AgentStateCounts(
        agents=counts.agents,
        inactive=counts.inactive,
        logged_out=counts.logged_out,
        logged_in=counts.logged_in,
        paused=counts.paused,
        paused_productive=counts.paused_productive,
        longest_pause_seconds=counts.longest_pause_seconds,
        average_pause_seconds=counts.average_pause_seconds,
        over_limit=counts.over_limit,
    )


def _show_report(
    report: agent_reports.AgentStateReport, *, of: Reading[Agent], queues: Snapshot[Queue], now: datetime
) -> AgentStateReport:
    return AgentStateReport(
        total=show_counts(report.total.at(now)),
        groups=tuple(_show_group(group, queues=queues, now=now) for group in report.groups),
        freshness=Freshness(
            fetched_at=of.snapshot.fetched_at,
            age_seconds=of.age_seconds,
            stale=of.stale,
            complete=of.snapshot.complete,
        ),
    )


def _show_group(group: domain.AgentStateGroup, *, queues: Snapshot[Queue], now: datetime) -> AgentStateGroup:
    return AgentStateGroup(
        queue=None if group.queue_id is None else named_queue(group.queue_id, queues=queues),
        pause=None if group.pause is None else show_pause(group.pause),
        state=group.state,
        productive=group.productive,
        pause_type=group.pause_type,
        counts=show_counts(group.tally.at(now)),
    )
