"""Agents in REST: listed, found, created, changed."""

from collections.abc import Callable
from typing import Annotated, Final

from msgspec import UNSET, Meta, UnsetType

from gateway.domain import agents as domain
from gateway.domain import finding
from gateway.domain.agent_filters import AgentFilter
from gateway.domain.agent_orders import AgentOrder, AgentOrderField, OrderDirection
from gateway.domain.agents import AgentState, state_since
from gateway.domain.connections import AgentPage, PageArguments, paginate_agents
from gateway.domain.given import MAX_SEARCH_CHARS, Id, check_search, read_id, read_ids
from gateway.domain.ids import AgentId, PauseId, QueueId
from gateway.domain.keys import login_key
from gateway.domain.listings import Snapshot
from gateway.domain.queues import Queue
from gateway.rest.context import Answered, Asked, RestContext
from gateway.rest.pauses import AgentPause, show_agent_pause
from gateway.rest.shapes import (
    Given,
    IdText,
    Instant,
    NamedQueue,
    Shape,
    named_queue,
    named_queues,
    stated,
)

DEFAULT_ROWS: Final = 50
SearchText = Annotated[str, Meta(max_length=MAX_SEARCH_CHARS)]
PageCount = Annotated[int, Meta(ge=0, le=500)]


class AgentLogin(Shape, frozen=True, kw_only=True):
    """An agent's login on an extension."""

    id: Annotated[
        str, Meta(description='Evolux\'s number; where it gave none, a text that begins with "unnumbered-".')
    ]
    extension: str | None
    started_at: Instant
    ended_at: Annotated[Instant | None, Meta(description="Null while logged in.")]


class Agent(Shape, frozen=True, kw_only=True):
    """An agent of the tenant's call centre, as Evolux's agents listing shows it."""

    id: IdText
    name: str
    login: Annotated[str, Meta(description="What the agent logs in with; it cannot be changed.")]
    enabled: bool
    archived: bool
    state: Annotated[
        AgentState,
        Meta(description="What Evolux's API can tell of an agent; no state means available."),
    ]
    state_since: Annotated[Instant | None, Meta(description="Null where Evolux does not tell.")]
    extension: str | None
    queues: Annotated[tuple[NamedQueue, ...], Meta(description="The queues served, in Evolux's order.")]
    outbound_queue: NamedQueue | None
    current_pause: AgentPause | None
    last_pause: AgentPause | None
    last_login: AgentLogin | None


class AgentList(Shape, frozen=True, kw_only=True):
    """A page of agents."""

    agents: tuple[Agent, ...]
    total_count: Annotated[int, Meta(description="How many agents the filter leaves, on all pages.")]
    complete: Annotated[
        bool, Meta(description="False where rows may be missing: the listing could not be read whole.")
    ]
    has_next_page: bool
    has_previous_page: bool
    start_cursor: Annotated[str | None, Meta(description="For `before`. Null on an empty page.")]
    end_cursor: Annotated[str | None, Meta(description="For `after`. Null on an empty page.")]


class AgentPath(Given, frozen=True, kw_only=True):
    """The agent that a path names."""

    id: IdText


class LoginQuery(Given, frozen=True, kw_only=True):
    """The login to look for."""

    login: Annotated[
        str, Meta(description="The login as it is; failing that, in another case, if only one agent has it.")
    ]


class FilterQuery(Given, frozen=True, kw_only=True):
    """Which agents: all of the given conditions hold."""

    ids: Annotated[tuple[IdText, ...] | UnsetType, Meta(description="These agents; repeat for several.")] = (
        UNSET
    )
    search: Annotated[
        SearchText | UnsetType,
        Meta(description="Words that all occur in name or login, in any case, with or without accents."),
    ] = UNSET
    states: Annotated[tuple[AgentState, ...] | UnsetType, Meta(description="Agents in one of these.")] = UNSET
    queue_ids: Annotated[
        tuple[IdText, ...] | UnsetType, Meta(description="Agents who serve one of these queues.")
    ] = UNSET
    pause_ids: Annotated[
        tuple[IdText, ...] | UnsetType, Meta(description="Agents who are in one of these pauses.")
    ] = UNSET
    enabled: Annotated[bool | UnsetType, Meta(description="Only who may log in, or only who may not.")] = (
        UNSET
    )
    archived: Annotated[bool, Meta(description="True gives archived agents only.")] = False


class PageQuery(FilterQuery, frozen=True, kw_only=True):
    """Which agents, and which page of them."""

    first: Annotated[PageCount | UnsetType, Meta(description="How many from the start; 50 if left out.")] = (
        UNSET
    )
    after: Annotated[str | UnsetType, Meta(description="A cursor: agents after it.")] = UNSET
    last: Annotated[PageCount | UnsetType, Meta(description="How many from the end; not with first.")] = UNSET
    before: Annotated[str | UnsetType, Meta(description="A cursor: agents before it.")] = UNSET


class AgentsQuery(PageQuery, frozen=True, kw_only=True):
    """Which agents, which page of them, in which order."""

    order_by: Annotated[AgentOrderField, Meta(description="What to order by.")] = AgentOrderField.ID
    direction: Annotated[OrderDirection, Meta(description="Which way.")] = OrderDirection.ASC


def read_filter(given: FilterQuery) -> AgentFilter:
    """Read a filter; `BadUserInput` names the condition that cannot be."""
    return AgentFilter(
        ids=_read_set(given.ids, of=AgentId, name="ids"),
        search=check_search(stated(given.search), field=("search",)),
        states=None if given.states is UNSET else frozenset(given.states),
        queue_ids=_read_set(given.queue_ids, of=QueueId, name="queueIds"),
        pause_ids=_read_set(given.pause_ids, of=PauseId, name="pauseIds"),
        enabled=stated(given.enabled),
        archived=given.archived,
    )


async def list_agents(context: RestContext, asked: Asked) -> Answered:
    """A page of the tenant's agents."""
    query: AgentsQuery = asked.query
    return await show_page(context, query, order=AgentOrder(query.order_by, query.direction))


async def show_page(
    context: RestContext, query: PageQuery, *, order: AgentOrder, within: QueueId | None = None
) -> Answered:
    """Cut the page that the query asks for; `BadUserInput` names the parameter that cannot be."""
    chosen = read_filter(query)
    agents, queues = await context.agents_and_queues()
    page = paginate_agents(
        agents.snapshot,
        chosen=chosen,
        order=order,
        page=PageArguments(
            first=stated(query.first),
            after=stated(query.after),
            last=stated(query.last),
            before=stated(query.before),
        ),
        within=within,
    )
    return Answered(
        shape=lambda: _show_list(page, complete=agents.snapshot.complete, queues=queues.snapshot),
        versions=(agents.snapshot.version, queues.snapshot.version),
        links=_links(page, query=query),
    )


async def get_agent(context: RestContext, asked: Asked) -> Answered:
    """One agent by id."""
    agent_id = read_id(asked.path.id, of=AgentId, field=("id",))
    agents, queues = await context.agents_and_queues()
    return _one(finding.find_agent(agents.snapshot, agent_id), agents.snapshot, queues=queues.snapshot)


async def get_agent_by_login(context: RestContext, asked: Asked) -> Answered:
    """One agent by login."""
    agents, queues = await context.agents_and_queues()
    agent = finding.find_agent_by_login(agents.snapshot, asked.query.login)
    return _one(agent, agents.snapshot, queues=queues.snapshot)


def show_agent(agent: domain.Agent, *, queues: Snapshot[Queue]) -> Agent:
    """An agent."""
    outbound_id, login = agent.outbound_queue_id, agent.last_login
    return Agent(
        id=str(agent.id),
        name=agent.name,
        login=agent.login,
        enabled=agent.enabled,
        archived=agent.archived,
        state=agent.state,
        state_since=state_since(agent),
        extension=agent.extension,
        queues=named_queues(agent.queue_ids, queues=queues),
        outbound_queue=None
        if outbound_id is None
        else named_queue(outbound_id, queues=queues, name=agent.outbound_queue_name),
        current_pause=show_agent_pause(agent.current_pause),
        last_pause=show_agent_pause(agent.last_pause),
        last_login=None if login is None else _show_login(login),
    )


def _read_set(
    texts: tuple[str, ...] | UnsetType, *, of: Callable[[int], Id], name: str
) -> frozenset[Id] | None:
    return None if texts is UNSET else frozenset(read_ids(texts, of=of, field=(name,)))


def _one(agent: domain.Agent, agents: Snapshot[domain.Agent], *, queues: Snapshot[Queue]) -> Answered:
    return Answered(shape=lambda: show_agent(agent, queues=queues), versions=(agents.version, queues.version))


def _show_login(login: domain.AgentLogin) -> AgentLogin:
    return AgentLogin(
        id=login_key(login),
        extension=login.extension,
        started_at=login.started_at,
        ended_at=login.ended_at,
    )


def _show_list(page: AgentPage, *, complete: bool, queues: Snapshot[Queue]) -> AgentList:
    return AgentList(
        agents=tuple(show_agent(agent, queues=queues) for agent in page.agents),
        total_count=page.total_count,
        complete=complete,
        has_next_page=page.has_next_page,
        has_previous_page=page.has_previous_page,
        start_cursor=page.start_cursor,
        end_cursor=page.end_cursor,
    )


def _links(page: AgentPage, *, query: PageQuery) -> dict[str, dict[str, str]]:
    """The pages around this one, of its own length."""
    length = str(stated(query.last) or stated(query.first) or DEFAULT_ROWS)
    links = {"first": {"first": length}, "last": {"last": length}}
    if page.has_next_page and page.end_cursor is not None:
        links["next"] = {"first": length, "after": page.end_cursor}
    if page.has_previous_page and page.start_cursor is not None:
        links["prev"] = {"last": length, "before": page.start_cursor}
    return links
