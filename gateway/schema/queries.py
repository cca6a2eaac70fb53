"""The queries: how each finds what it was asked for."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import strawberry
from strawberry import UNSET

from gateway.domain import finding
from gateway.domain.agent_states import AgentStateDimension
from gateway.domain.agents import Agent as AgentRow
from gateway.domain.connections import AgentPage
from gateway.domain.given import read_id
from gateway.domain.ids import AgentId, QueueId
from gateway.domain.listings import Reading
from gateway.domain.pause_catalogue import read_pause_catalogue
from gateway.domain.pauses import AllowedPause as AllowedPauseRow
from gateway.domain.pauses import Pause as PauseRow
from gateway.domain.queues import Queue as QueueRow
from gateway.domain.scopes import AGENTS_READ
from gateway.schema.agent_inputs import After, Before, Filter, First, Last, OrderBy, read_filter
from gateway.schema.agent_states import AgentStateReport, ShownReport, show_report
from gateway.schema.agents import Agent
from gateway.schema.connections import AgentConnection, show_page
from gateway.schema.context import LISTINGS, OperationContext
from gateway.schema.fields import Info, entry
from gateway.schema.pauses import Pause
from gateway.schema.queue_names import is_listing_needed
from gateway.schema.queues import Queue
from gateway.schema.scalars import stated
from gateway.schema.viewer import Viewer, find_viewer

T = TypeVar("T")

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


def list_agents(
    _root: object,
    info: Info,
    *,
    first: First = UNSET,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
    filter: Filter = UNSET,  # noqa: A002 - the argument's name in GraphQL
    order_by: OrderBy = UNSET,
) -> AgentPage | Awaitable[AgentPage]:
    """A page of the tenant's agents.

    Where they show their queues, both listings are read at once; then each agent's queues need no waiting.
    """

    def cut(reading: Reading[AgentRow]) -> AgentPage:
        return show_page(
            reading, first=first, after=after, last=last, before=before, filter=filter, order_by=order_by
        )

    context = info.context
    if is_listing_needed(info) and context.versions(LISTINGS) is None:
        return _after_both(context, cut)
    return context.agents.use(cut)


async def _after_both(context: OperationContext, cut: Callable[[Reading[AgentRow]], T]) -> T:
    await asyncio.gather(context.agents.ready(), context.queues.ready())
    return cut(await context.agents.result())


def find_agent(_root: object, info: Info, *, id: AgentIdArgument) -> AgentRow | Awaitable[AgentRow]:  # noqa: A002 - the argument's name in GraphQL
    """The agent of this id; `AgentNotFound` where there is none."""
    agent_id = read_id(id, of=AgentId, field=("id",))
    return info.context.agents.use(lambda reading: finding.find_agent(reading.snapshot, agent_id))


def find_agent_by_login(_root: object, info: Info, *, login: Login) -> AgentRow | Awaitable[AgentRow]:
    """The agent of this login; `AgentNotFound` where there is none or the case leaves several."""
    return info.context.agents.use(lambda reading: finding.find_agent_by_login(reading.snapshot, login))


def list_queues(_root: object, info: Info) -> tuple[QueueRow, ...] | Awaitable[tuple[QueueRow, ...]]:
    """The queue listing."""
    return info.context.queues.use(lambda reading: reading.snapshot.rows)


def find_queue(_root: object, info: Info, *, id: QueueIdArgument) -> QueueRow | Awaitable[QueueRow]:  # noqa: A002 - the argument's name in GraphQL
    """The queue of this id, listed or known from agents; `QueueNotFound` where neither shows it."""
    queue_id = read_id(id, of=QueueId, field=("id",))

    def find(queues: Reading[QueueRow]) -> QueueRow | Awaitable[QueueRow]:
        listed = finding.find_listed_queue(queues.snapshot, queue_id)
        return listed or info.context.agents.use(
            lambda agents: finding.find_hidden_queue(queue_id, queues=queues.snapshot, agents=agents.snapshot)
        )

    return info.context.queues.use(find)


async def list_pauses(_root: object, info: Info) -> tuple[PauseRow, ...]:
    """The tenant's pause catalogue."""

    async def read_allowed(agent_id: AgentId) -> tuple[AllowedPauseRow, ...]:
        return (await info.context.allowed_pauses(agent_id).result()).snapshot.rows

    agents = (await info.context.agents.result()).snapshot
    return await read_pause_catalogue(agents, read_allowed=read_allowed)


def count_agent_states(
    _root: object,
    info: Info,
    *,
    group_by: GroupBy = UNSET,
    filter: Filter = UNSET,  # noqa: A002 - the argument's name in GraphQL
) -> ShownReport | Awaitable[ShownReport]:
    """The report of the chosen agents."""
    chosen, dimensions = read_filter(filter), stated(group_by) or []
    return info.context.agents.use(lambda reading: show_report(reading, chosen=chosen, dimensions=dimensions))


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
