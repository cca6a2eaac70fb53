"""How the paging tests ask for pages."""

from gateway.domain.agent_filters import AgentFilter
from gateway.domain.agent_orders import AgentOrder, AgentOrderField, OrderDirection
from gateway.domain.agents import Agent
from gateway.domain.connections import AgentPage, PageArguments, paginate_agents
from gateway.domain.ids import AgentId, QueueId
from gateway.domain.listings import Snapshot
from tests.builders import a_snapshot, an_agent

ORDERS = [AgentOrder(field, direction) for field in AgentOrderField for direction in OrderDirection]
BY_ID, UNARCHIVED = AgentOrder(), AgentFilter()
FIVE = a_snapshot([an_agent(each) for each in (3, 1, 5, 2, 4)])


def paged(
    snapshot: Snapshot[Agent],
    page: PageArguments,
    *,
    chosen: AgentFilter = UNARCHIVED,
    order: AgentOrder = BY_ID,
    within: QueueId | None = None,
) -> AgentPage:
    return paginate_agents(snapshot, chosen=chosen, order=order, page=page, within=within)


def ids(page: AgentPage) -> list[int]:
    return [agent.id for agent in page.agents]


def cursor(agent_id: int, *, order: AgentOrder = BY_ID, snapshot: Snapshot[Agent] = FIVE) -> str:
    only = AgentFilter(ids=frozenset({AgentId(agent_id)}))
    found = paginate_agents(snapshot, chosen=only, order=order, page=PageArguments())
    assert found.start_cursor is not None
    return found.start_cursor


def shape(page: AgentPage) -> tuple[list[int], bool, bool]:
    return ids(page), page.has_previous_page, page.has_next_page
