"""The subscriptions: what each event shows of the agents as they are now, and of what changed until now."""

from typing import Final

import msgspec
import strawberry
from strawberry import UNSET

from gateway.domain.agent_filters import AgentFilter, select_agents
from gateway.domain.agents import Agent as AgentRow
from gateway.domain.changes import Changes
from gateway.domain.contents import Content
from gateway.domain.ids import AgentId
from gateway.domain.listings import Reading, Snapshot
from gateway.domain.scopes import AGENTS_READ
from gateway.schema.agent_inputs import Filter, read_filter
from gateway.schema.agent_states import AgentStateReport
from gateway.schema.agents import Agent
from gateway.schema.context import OperationContext
from gateway.schema.fields import Info, attribute, entry, fleeting
from gateway.schema.freshness import Freshness, agents_reading
from gateway.schema.queries import GroupBy, count_agent_states

_UNVERSIONED: Final = Content("", 0)


class EventContext(OperationContext):
    """What one event is made in: one reading for all of it, and what changed since the reader's last event.

    `since` is None where the reader has seen nothing yet, or nothing that is remembered. `is_news` says
    afterwards whether the event tells such a reader anything.
    """

    __slots__ = ("is_news", "shows_changes", "since")

    def __init__(self, reading: Reading[AgentRow], *, since: Changes | None, **operation: object) -> None:
        self.shows_changes = False
        self.since = since
        self.is_news = True
        super().__init__(readings={"agents": reading}, **operation)  # type: ignore[arg-type]  # checked there

    def used_listings(self) -> tuple[str, ...] | None:
        """None for changes: they follow from two states, not from a listing."""
        return None if self.shows_changes else super().used_listings()

    def note_changes(self, *, is_news: bool) -> None:
        """Say that the event shows changes, and whether there are any."""
        self.shows_changes = True
        self.is_news = is_news


class ShownChanges(msgspec.Struct, frozen=True):
    """What an event tells: the row of an AgentChanges."""

    initial: bool
    agents: tuple[AgentRow, ...]
    left: tuple[AgentId, ...]
    total_count: int


def show_changes(reading: Reading[AgentRow], *, chosen: AgentFilter, since: Changes | None) -> ShownChanges:
    """The chosen agents who changed, and those who are chosen no more; all of them where nothing is known."""
    matching = select_agents(reading.snapshot, chosen)
    if since is None:
        return ShownChanges(initial=True, agents=matching, left=(), total_count=len(matching))
    present = {agent.id for agent in matching} if since else frozenset()
    before = (changed.before for changed in since.values() if changed.before is not None)
    were = select_agents(
        Snapshot(before, fetched_at=reading.snapshot.fetched_at, content=_UNVERSIONED), chosen
    )
    return ShownChanges(
        initial=False,
        agents=tuple(reading.snapshot.by_id[one] for one in since if one in present),
        left=tuple(agent.id for agent in were if agent.id not in present),
        total_count=len(matching),
    )


async def follow_agents(
    _root: object,
    info: Info,
    *,
    filter: Filter = UNSET,  # noqa: A002 - the argument's name in GraphQL
) -> ShownChanges:
    """One event of `agentChanged`."""
    chosen = read_filter(filter)
    context = info.context
    assert isinstance(context, EventContext)  # noqa: S101 - subscriptions are run by whoever makes events
    reading = await context.agents.result()
    shown = show_changes(reading, chosen=chosen, since=context.since)
    context.note_changes(is_news=shown.initial or bool(shown.agents or shown.left))
    return shown


def follow_agent_states(
    _root: object,
    info: Info,
    *,
    group_by: GroupBy = UNSET,
    filter: Filter = UNSET,  # noqa: A002 - the argument's name in GraphQL
) -> object:
    """One event of `agentStatesChanged`: the whole report as it is now."""
    return count_agent_states(None, info, group_by=group_by, filter=filter)


@strawberry.type(
    description=(
        "Agents as they change. Keep them by id: an initial event replaces all that you hold, every other "
        "one adds or replaces `agents` and removes `left`."
    )
)
class AgentChanges:
    """What one event tells."""

    initial: bool = attribute(
        description=(
            "True: `agents` is all that match now, so replace what you hold. The first event is so, and the "
            "first after you were away for longer than the gateway remembers."
        )
    )
    agents: list[Agent] = attribute(
        description="All that match (initial), or those that are new or changed since the last event."
    )
    left: list[strawberry.ID] = attribute(
        description="Ids that matched and no longer do, or are gone. Empty where initial."
    )
    total_count: int = attribute(description="How many match now.")
    freshness: Freshness = fleeting(
        agents_reading,
        description=(
            "How old the listing is. `stale` where Evolux fails: then nothing newer is known. Where it is "
            "not `complete`, nobody counts as having left for not having been read."
        ),
    )


@strawberry.type(
    description=(
        "What can be followed, over Server-Sent Events (graphql-sse, distinct connections) or WebSocket "
        "(graphql-transport-ws). Each event carries `extensions.eventId`: come back with it, and get exactly "
        "what changed meanwhile."
    )
)
class Subscription:
    """The root of subscriptions."""

    agent_changed: AgentChanges = entry(
        follow_agents,
        scope=AGENTS_READ,
        description=(
            "The agents that the filter leaves, first all of them, then as they change. Without a change an "
            "event comes from time to time with nothing but the freshness."
        ),
    )
    agent_states_changed: AgentStateReport = entry(
        follow_agent_states,
        scope=AGENTS_READ,
        description=(
            "How many of the chosen agents are in each state: the whole report whenever an agent changed, "
            "and from time to time, since durations grow."
        ),
    )
