"""The queries: how each finds what it was asked for."""

import asyncio
from typing import Annotated

import strawberry
from strawberry import UNSET

from gateway.domain import finding
from gateway.domain.agent_states import AgentStateDimension
from gateway.domain.agents import Agent as AgentRow
from gateway.domain.connections import AgentPage
from gateway.domain.given import read_id
from gateway.domain.ids import AgentId, QueueId
from gateway.domain.pause_catalogue import read_pause_catalogue
from gateway.domain.pauses import AllowedPause as AllowedPauseRow
from gateway.domain.pauses import Pause as PauseRow
from gateway.domain.queues import Queue as QueueRow
from gateway.domain.scopes import AGENTS_READ
from gateway.schema.agent_inputs import After, Before, Filter, First, Last, OrderBy, read_filter
from gateway.schema.agent_states import AgentStateReport, ShownReport, show_report
from gateway.schema.agents import Agent
from gateway.schema.connections import AgentConnection, show_page
from gateway.schema.context import LISTINGS
from gateway.schema.fields import Info, entry
from gateway.schema.pauses import Pause
from gateway.schema.queue_names import is_listing_needed
from gateway.schema.queues import Queue
from gateway.schema.scalars import stated
from gateway.schema.viewer import Viewer, find_viewer

AgentIdArgument = Annotated[strawberry.ID, strawberry.argument(description="Evolux's number of the agent.")]
QueueIdArgument = Annotated[strawberry.ID, strawberry.argument(description="Evolux's number of the queue.")]
Login = Annotated[
    str,
    strawberry.argument(
        description="The login as it is; failing that, in another case, if only one agent has it."
    ),
]
GroupBy = Annotated[
    list[AgentStateDimension] | None,
    strawberry.argument(description="What to group by, the first the outermost. Null or empty: no groups."),
]


async def list_agents(
    _root: object,
    info: Info,
    *,
    first: First = UNSET,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
    filter: Filter = UNSET,  # noqa: A002 - the argument's name in GraphQL
    order_by: OrderBy = UNSET,
) -> AgentPage:
    """A page of the tenant's agents.

    Where they show their queues, both listings are read at once; then each agent's queues need no waiting.
    """
    context = info.context
    if is_listing_needed(info) and context.versions(LISTINGS) is None:
        await asyncio.gather(context.agents.ready(), context.queues.ready())
    reading = await context.agents.result()
    return show_page(
        reading, first=first, after=after, last=last, before=before, filter=filter, order_by=order_by
    )


async def find_agent(_root: object, info: Info, *, id: AgentIdArgument) -> AgentRow:  # noqa: A002 - the argument's name in GraphQL
    """The agent of this id; `AgentNotFound` where there is none."""
    agent_id = read_id(id, of=AgentId, field=("id",))
    return finding.find_agent((await info.context.agents.result()).snapshot, agent_id)


async def find_agent_by_login(_root: object, info: Info, *, login: Login) -> AgentRow:
    """The agent of this login; `AgentNotFound` where there is none or the case leaves several."""
    return finding.find_agent_by_login((await info.context.agents.result()).snapshot, login)


async def list_queues(_root: object, info: Info) -> tuple[QueueRow, ...]:
    """The queue listing."""
    return (await info.context.queues.result()).snapshot.rows


async def find_queue(_root: object, info: Info, *, id: QueueIdArgument) -> QueueRow:  # noqa: A002 - the argument's name in GraphQL
    """The queue of this id, listed or known from agents; `QueueNotFound` where neither shows it."""
    queue_id = read_id(id, of=QueueId, field=("id",))
    queues = (await info.context.queues.result()).snapshot
    listed = finding.find_listed_queue(queues, queue_id)
    if listed is not None:
        return listed
    agents = (await info.context.agents.result()).snapshot
    return finding.find_hidden_queue(queue_id, queues=queues, agents=agents)


async def list_pauses(_root: object, info: Info) -> tuple[PauseRow, ...]:
    """The tenant's pause catalogue."""

    async def read_allowed(agent_id: AgentId) -> tuple[AllowedPauseRow, ...]:
        return (await info.context.allowed_pauses(agent_id).result()).snapshot.rows

    agents = (await info.context.agents.result()).snapshot
    return await read_pause_catalogue(agents, read_allowed=read_allowed)


async def count_agent_states(
    _root: object,
    info: Info,
    *,
    group_by: GroupBy = UNSET,
    filter: Filter = UNSET,  # noqa: A002 - the argument's name in GraphQL
) -> ShownReport:
    """The report of the chosen agents."""
    chosen = read_filter(filter)
    reading = await info.context.agents.result()
    return show_report(reading, chosen=chosen, dimensions=stated(group_by) or [])


@strawberry.type(
    description="What can be read of one tenant's call centre. Listings are served from memory while fresh."
)
class Query:
    """The root of queries."""

    agents: AgentConnection = entry(
        list_agents,
        scope=AGENTS_READ,
        description="The tenant's agents, a page at a time, archived ones left out by default.",
    )
    agent: Agent | None = entry(
        find_agent,
        scope=AGENTS_READ,
        description="One agent, archived or not. Null only together with an error, such as AGENT_NOT_FOUND.",
    )
    agent_by_login: Agent | None = entry(
        find_agent_by_login,
        scope=AGENTS_READ,
        description=(
            "One agent by login, archived or not. Null only together with an error, such as AGENT_NOT_FOUND."
        ),
    )
    queues: list[Queue] = entry(
        list_queues,
        scope=AGENTS_READ,
        description="The queues that the tenant's queue listing shows; empty where there is no such listing.",
    )
    queue: Queue | None = entry(
        find_queue,
        scope=AGENTS_READ,
        description=(
            "One queue, also one that the listing hides while agents serve it. Null only together with an "
            "error, such as QUEUE_NOT_FOUND."
        ),
    )
    pauses: list[Pause] = entry(
        list_pauses,
        scope=AGENTS_READ,
        description=(
            "The tenant's pause catalogue, by id. Evolux has no listing of it: it is gathered from the "
            "agents listing and the pauses listings of as few agents as serve all queues, one read each."
        ),
    )
    agent_states: AgentStateReport = entry(
        count_agent_states,
        scope=AGENTS_READ,
        description="How many of the chosen agents are in each state, in all and by group.",
    )
    viewer: Viewer = entry(
        find_viewer, scope=None, description="The caller: name, tenant and scopes.", is_fleeting=True
    )
