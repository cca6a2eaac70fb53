"""What a caller says of the agents wanted: filter, order and page, and how it is read."""

from collections.abc import Callable
from typing import Annotated

import strawberry
from strawberry import UNSET

from gateway.domain import agent_filters, agent_orders
from gateway.domain.agent_orders import AgentOrderField, OrderDirection
from gateway.domain.agents import AgentState
from gateway.domain.connections import PageArguments
from gateway.domain.given import Id, check_search, read_ids
from gateway.domain.ids import AgentId, PauseId, QueueId
from gateway.schema import agents as _described  # noqa: F401 - describes AgentState, before it is shown here
from gateway.schema.enums import describe_enum
from gateway.schema.scalars import stated

describe_enum(
    AgentOrderField,
    description="What agents can be ordered by. Equals stand by id, upwards in both directions.",
    values={
        AgentOrderField.ID: "Evolux's number of the agent.",
        AgentOrderField.NAME: "The name, without regard to case and accents.",
        AgentOrderField.LOGIN: "The login, without regard to case and accents.",
        AgentOrderField.STATE: "The state: INACTIVE, LOGGED_OUT, LOGGED_IN, PAUSED.",
        AgentOrderField.STATE_SINCE: "When the state began; agents of whom it is not known come last.",
    },
)
describe_enum(
    OrderDirection,
    description="Which way an order runs.",
    values={
        OrderDirection.ASC: "Upwards: the least first.",
        OrderDirection.DESC: "Downwards: the greatest first.",
    },
)


@strawberry.input(
    name="AgentFilter",
    description=(
        "What the agents wanted have in common: all of the given conditions hold. A condition that is left "
        "out or null constrains nothing; an empty list matches nobody."
    ),
)
class AgentFilter:
    """Conditions on agents."""

    ids: list[strawberry.ID] | None = strawberry.field(
        default=UNSET, description="These agents. Ids that no agent has are passed over."
    )
    search: str | None = strawberry.field(
        default=UNSET,
        description=(
            "Words that all occur in name or login, in any case and with or without accents: "
            '"conceicao" finds "Conceição". Blank constrains nothing; at most 255 characters.'
        ),
    )
    states: list[AgentState] | None = strawberry.field(
        default=UNSET, description="Agents in one of these states."
    )
    queue_ids: list[strawberry.ID] | None = strawberry.field(
        default=UNSET, description="Agents who serve at least one of these queues."
    )
    pause_ids: list[strawberry.ID] | None = strawberry.field(
        default=UNSET, description="Agents who are now in one of these pauses of the catalogue."
    )
    enabled: bool | None = strawberry.field(
        default=UNSET, description="Only agents who may log in, or only those who may not."
    )
    archived: bool | None = strawberry.field(
        default=UNSET,
        description=(
            "True gives archived agents only. False, null or left out leaves them out; for both, ask twice."
        ),
    )


@strawberry.input(name="AgentOrder", description="The order of a listing of agents.")
class AgentOrder:
    """An order."""

    field: AgentOrderField = strawberry.field(description="What to order by.")
    direction: OrderDirection = strawberry.field(description="Upwards or downwards.")


First = Annotated[
    int | None,
    strawberry.argument(
        description="How many agents to give from the start, or after `after`: 0 to 500, 50 if left out."
    ),
]
After = Annotated[
    str | None,
    strawberry.argument(
        description="A cursor of the same order: give agents after it, even if its own agent is gone."
    ),
]
Last = Annotated[
    int | None,
    strawberry.argument(
        description="How many agents to give from the end, or before `before`: 0 to 500; not with first."
    ),
]
Before = Annotated[
    str | None,
    strawberry.argument(
        description="A cursor of the same order: give agents before it, even if its own agent is gone."
    ),
]
Filter = Annotated[
    AgentFilter | None,
    strawberry.argument(description="Which agents; left out or null, all who are not archived."),
]
OrderBy = Annotated[
    AgentOrder | None, strawberry.argument(description="The order; by id upwards if left out.")
]


def read_filter(given: AgentFilter | None) -> agent_filters.AgentFilter:
    """Read a filter; `BadUserInput` names the condition that cannot be."""
    if not given:
        return agent_filters.AgentFilter()
    states = stated(given.states)
    return agent_filters.AgentFilter(
        ids=_read_set(given.ids, of=AgentId, name="ids"),
        search=check_search(stated(given.search), field=("filter", "search")),
        states=None if states is None else frozenset(states),
        queue_ids=_read_set(given.queue_ids, of=QueueId, name="queueIds"),
        pause_ids=_read_set(given.pause_ids, of=PauseId, name="pauseIds"),
        enabled=stated(given.enabled),
        archived=bool(stated(given.archived)),
    )


def read_order(given: AgentOrder | None) -> agent_orders.AgentOrder:
    """Read an order; by id upwards where none is given."""
    return agent_orders.AgentOrder(given.field, given.direction) if given else agent_orders.AgentOrder()


def read_page(*, first: int | None, after: str | None, last: int | None, before: str | None) -> PageArguments:
    """Read which page is wanted."""
    return PageArguments(first=stated(first), after=stated(after), last=stated(last), before=stated(before))


def _read_set(
    texts: list[strawberry.ID] | None, *, of: Callable[[int], Id], name: str
) -> frozenset[Id] | None:
    given = stated(texts)
    return None if given is None else frozenset(read_ids(given, of=of, field=("filter", name)))
