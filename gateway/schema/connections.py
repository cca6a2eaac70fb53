"""Connections of agents, after the Relay cursor specification."""

import msgspec
import strawberry

from gateway.domain.agents import Agent as AgentRow
from gateway.domain.connections import AgentPage, paginate_agents
from gateway.domain.ids import QueueId
from gateway.domain.listings import Reading
from gateway.schema.agent_inputs import AgentFilter, AgentOrder, read_filter, read_order, read_page
from gateway.schema.agents import Agent
from gateway.schema.fields import Info, attribute, computed, fleeting
from gateway.schema.freshness import Freshness, agents_reading


class ShownEdge(msgspec.Struct, frozen=True):
    """An agent in its page: the row of an AgentEdge."""

    cursor: str
    node: AgentRow


def show_page(
    reading: Reading[AgentRow],
    *,
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
    filter: AgentFilter | None,  # noqa: A002 - the argument's name in GraphQL
    order_by: AgentOrder | None = None,
    within: QueueId | None = None,
) -> AgentPage:
    """Cut the page that the arguments ask for; `BadUserInput` names the argument that cannot be."""
    return paginate_agents(
        reading.snapshot,
        chosen=read_filter(filter),
        order=read_order(order_by),
        page=read_page(first=first, after=after, last=last, before=before),
        within=within,
    )


def edges(page: AgentPage, _info: Info) -> list[ShownEdge]:
    """The page's agents with their cursors."""
    return [ShownEdge(page.cursor_of(agent), agent) for agent in page.agents]


def whole_page(page: AgentPage, _info: Info) -> AgentPage:
    """The page itself: it knows what is beyond it."""
    return page


@strawberry.type(description="An agent in a connection, with the cursor of its place.")
class AgentEdge:
    """An edge."""

    cursor: str = attribute(
        description=(
            "Where the agent stands in the order, for `after` and `before`. It names the place by key, so it "
            "outlives refreshes of the listing and the agent itself."
        )
    )
    node: Agent = attribute(description="The agent.")


@strawberry.type(description="Where a page stands in its listing.")
class PageInfo:
    """What is beyond a page."""

    has_next_page: bool = attribute(description="Whether agents follow this page.")
    has_previous_page: bool = attribute(description="Whether agents stand before this page.")
    start_cursor: str | None = attribute(description="The first agent's cursor. Null on an empty page.")
    end_cursor: str | None = attribute(description="The last agent's cursor. Null on an empty page.")


@strawberry.type(description="A page of agents.")
class AgentConnection:
    """A connection; made from an `AgentPage`."""

    edges: list[AgentEdge] = computed(edges, description="The page's agents with their cursors.")
    nodes: list[Agent] = attribute(of="agents", description="The page's agents, without cursors.")
    page_info: PageInfo = computed(whole_page, description="Whether there is more, and from where to ask on.")
    total_count: int = attribute(description="How many agents the filter leaves, on all pages together.")
    freshness: Freshness = fleeting(agents_reading, description="How old the listing is that was paged.")
