"""Queues and the agents in them."""

from collections.abc import Awaitable

import strawberry
from strawberry import UNSET

from gateway.domain.agent_reports import queue_tally
from gateway.domain.agent_states import AgentStateCounts as CountsRow
from gateway.domain.connections import AgentPage
from gateway.domain.queues import Queue as QueueRow
from gateway.schema.agent_inputs import After, Before, Filter, First, Last
from gateway.schema.agent_states import AgentStateCounts
from gateway.schema.connections import AgentConnection, show_page
from gateway.schema.fields import Info, attribute, fleeting, upstream


def queue_agents(
    queue: QueueRow,
    info: Info,
    *,
    first: First = UNSET,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
    filter: Filter = UNSET,  # noqa: A002 - the argument's name in GraphQL
) -> AgentPage | Awaitable[AgentPage]:
    """A page of the queue's agents, by id."""
    return info.context.agents.use(
        lambda reading: show_page(
            reading, first=first, after=after, last=last, before=before, filter=filter, within=queue.id
        )
    )


def queue_states(queue: QueueRow, info: Info) -> CountsRow | Awaitable[CountsRow]:
    """The queue's agents by state at the operation's instant."""
    return info.context.agents.use(
        lambda reading: queue_tally(reading.snapshot, queue.id).at(info.context.now)
    )


@strawberry.type(
    description=(
        "A queue. One that the queue listing hides (archived, or a tenant without that listing) is known by "
        "its id alone: everything the listing would tell is null."
    )
)
class Queue:
    """A queue."""

    id: strawberry.ID = attribute(description="Evolux's number of the queue.")
    name: str | None = attribute(
        description="The queue's name. Null where the listing does not show the queue."
    )
    slug: str | None = attribute(description="The queue's short name in addresses. Null where not known.")
    number: str | None = attribute(description="The number that is dialled inside. Null where not known.")
    public_number: str | None = attribute(
        description="The number that customers dial. Null where there is none or it is not known."
    )
    agents: AgentConnection = upstream(
        queue_agents,
        description="The agents who serve the queue, by id, archived ones left out by default.",
        reads=("agents",),
    )
    agent_states: AgentStateCounts = fleeting(
        queue_states,
        description="The agents who serve the queue, by state, archived ones left out.",
    )
