"""How many agents are in each state, in all and by group."""

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Annotated

import strawberry

from gateway.domain import agent_reports
from gateway.domain import agent_states as domain
from gateway.domain.agent_filters import AgentFilter as ChosenAgents
from gateway.domain.agent_states import AgentStateDimension
from gateway.domain.agents import Agent as AgentRow
from gateway.domain.agents import AgentState
from gateway.domain.listings import Reading
from gateway.domain.queues import Queue as QueueRow
from gateway.schema import agents as _described  # noqa: F401 - describes AgentState, before it is shown here
from gateway.schema.enums import describe_enum
from gateway.schema.fields import Info, attribute, fleeting, upstream
from gateway.schema.freshness import Freshness, agents_reading
from gateway.schema.pauses import Pause
from gateway.schema.queue_names import queue_or_none

if TYPE_CHECKING:
    from gateway.schema.queues import Queue

describe_enum(
    AgentStateDimension,
    description="What a report can be grouped by.",
    values={
        AgentStateDimension.QUEUE: (
            "By queue. An agent counts in each of their queues, so groups do not add up to the total; agents "
            "in no queue have a group with a null queue."
        ),
        AgentStateDimension.PAUSE: "By the pause the agents are in; null for agents in none.",
        AgentStateDimension.PAUSE_TYPE: "By Evolux's code of the kind of pause; null for none.",
        AgentStateDimension.PRODUCTIVE: "By whether the pause is productive; null for agents in none.",
        AgentStateDimension.STATE: "By state.",
    },
)


ShownReport = agent_reports.AgentStateReport
"""A report: the row of an AgentStateReport."""


def show_report(
    reading: Reading[AgentRow], *, chosen: ChosenAgents, dimensions: list[AgentStateDimension]
) -> ShownReport | Awaitable[ShownReport]:
    """Count the chosen agents, in all and by every combination of the dimensions."""
    return agent_reports.report_agent_states_in_steps(reading.snapshot, chosen=chosen, dimensions=dimensions)


def total_counts(report: ShownReport, info: Info) -> domain.AgentStateCounts:
    """The whole report's counts as they are at the operation's instant."""
    return report.total.at(info.context.now)


def group_counts(group: domain.AgentStateGroup, info: Info) -> domain.AgentStateCounts:
    """A group's counts as they are at the operation's instant."""
    return group.tally.at(info.context.now)


def group_queue(group: domain.AgentStateGroup, info: Info) -> QueueRow | Awaitable[QueueRow | None] | None:
    """The queue whose agents the group counts."""
    return queue_or_none(group.queue_id, info=info)


@strawberry.type(description="Agents by state at one instant. Each agent counts once.")
class AgentStateCounts:
    """Counts."""

    agents: int = attribute(description="How many agents, in whatever state.")
    inactive: int = attribute(description="How many are INACTIVE: archived or disabled.")
    logged_out: int = attribute(description="How many are LOGGED_OUT.")
    logged_in: int = attribute(
        description="How many are LOGGED_IN and in no pause; how many of them are on a call is not known."
    )
    paused: int = attribute(description="How many are PAUSED.")
    paused_productive: int = attribute(
        description="How many of the paused are in a pause that the tenant calls productive."
    )
    longest_pause_seconds: int | None = attribute(
        description="How long the longest running pause has lasted, in seconds. Null where nobody is paused."
    )
    average_pause_seconds: float | None = attribute(
        description="How long the running pauses last on average, in seconds. Null where nobody is paused."
    )
    over_limit: int = attribute(
        description=(
            "How many of the paused have been so for longer than the limit that Evolux shows with the "
            "running pause (AgentPause.maxDurationSeconds): one limit for an agent, the same in the row of "
            "each of their queues. Who has no limit there is never over it. Where limits differ by queue "
            "(AllowedPause.limitDurationSeconds), Evolux tells of them only agent by agent, and they are not "
            "used here."
        )
    )


@strawberry.type(
    description=(
        "The agents that share a queue, pause, state and so on; what the report was not grouped by is null."
    )
)
class AgentStateGroup:
    """A row of a report."""

    queue: Annotated["Queue", strawberry.lazy("gateway.schema.queues")] | None = upstream(
        group_queue,
        description=(
            "The queue, where grouped by QUEUE. Null for agents in no queue. More than its id is read from "
            "the queue listing."
        ),
        reads=("queues",),
    )
    pause: Pause | None = attribute(
        description="The pause, where grouped by PAUSE. Null for agents in none or in an unknown one."
    )
    state: AgentState | None = attribute(description="The state, where grouped by STATE.")
    productive: bool | None = attribute(
        description="Whether the pause is productive, where grouped by PRODUCTIVE. Null for agents in none."
    )
    pause_type: str | None = attribute(
        description="Evolux's code of the kind of pause, where grouped by PAUSE_TYPE. Null for none."
    )
    counts: AgentStateCounts = fleeting(group_counts, description="How many agents the group has, by state.")


@strawberry.type(description="How many agents are in each state, in all and by group.")
class AgentStateReport:
    """A report; made from its row."""

    total: AgentStateCounts = fleeting(
        total_counts, description="All agents of the report, each counted once whatever the groups."
    )
    groups: list[AgentStateGroup] = attribute(
        description=(
            "A row for every combination of the dimensions that some agent is in, ordered by them (queues by "
            "id). Empty where groupBy is."
        )
    )
    freshness: Freshness = fleeting(agents_reading, description="How old the listing is that was counted.")
