"""The rows of exports: flat, named in snake case, for SQL folds the case of names.

A column is the path of its value in REST's JSON: `currentPause.pause.id` is `current_pause_pause_id`. Their
types are those of the files: `columns_of` reads them from here.
"""

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from gateway.domain import agents as domain
from gateway.domain.agent_states import AgentStateCounts, AgentStateGroup, AgentStateTally
from gateway.domain.agents import AgentState, state_since
from gateway.domain.listings import Snapshot
from gateway.domain.queues import Queue
from gateway.rest.shapes import Instant


class ExportedAgent(msgspec.Struct, frozen=True, kw_only=True):
    """An agent as a row; what is not known is null."""

    id: Annotated[int, Meta(description="Evolux's number of the agent.")]
    name: str
    login: Annotated[str, Meta(description="What the agent logs in with.")]
    enabled: bool
    archived: bool
    state: Annotated[AgentState, Meta(description="What Evolux's API can tell; no state means available.")]
    state_since: Annotated[Instant | None, Meta(description="Null where Evolux does not tell.")]
    extension: str | None
    queue_ids: Annotated[tuple[int, ...], Meta(description="The queues served, in Evolux's order.")]
    queue_names: Annotated[
        tuple[str | None, ...],
        Meta(description="Their names in the same order; null where the queue listing does not show one."),
    ]
    outbound_queue_id: int | None
    outbound_queue_name: str | None
    current_pause_id: Annotated[int | None, Meta(description="Evolux's number of the pause that is taken.")]
    current_pause_pause_id: Annotated[int | None, Meta(description="The reason, as in /v1/pauses.")]
    current_pause_pause_description: str | None
    current_pause_pause_type: str | None
    current_pause_pause_productive: bool | None
    current_pause_started_at: Instant | None
    current_pause_max_duration_seconds: int | None
    last_pause_id: int | None
    last_pause_pause_id: int | None
    last_pause_pause_description: str | None
    last_pause_pause_type: str | None
    last_pause_pause_productive: bool | None
    last_pause_started_at: Instant | None
    last_pause_ended_at: Instant | None
    last_pause_max_duration_seconds: int | None
    last_login_id: int | None
    last_login_extension: str | None
    last_login_started_at: Instant | None
    last_login_ended_at: Annotated[Instant | None, Meta(description="Null while logged in.")]


class ExportedAgentStates(msgspec.Struct, frozen=True, kw_only=True):
    """How many agents are in each state, in all or in one group; what was not grouped by is null."""

    is_total: Annotated[
        bool, Meta(description="The first row: all agents, each once. Leave it out before adding groups up.")
    ]
    queue_id: Annotated[int | None, Meta(description="By QUEUE. Null for agents in no queue.")]
    queue_name: Annotated[str | None, Meta(description="Null where the queue listing does not show it.")]
    pause_id: Annotated[int | None, Meta(description="By PAUSE. Null for agents in none, or an unknown one.")]
    pause_description: str | None
    pause_type: Annotated[str | None, Meta(description="By PAUSE_TYPE: Evolux's code. Null for none.")]
    productive: Annotated[bool | None, Meta(description="By PRODUCTIVE. Null for agents in no pause.")]
    state: Annotated[AgentState | None, Meta(description="By STATE.")]
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


def agent_row(agent: domain.Agent, *, queues: Snapshot[Queue]) -> ExportedAgent:
    """An agent."""
    queue_ids = tuple(dict.fromkeys(agent.queue_ids))
    current, last, login = agent.current_pause, agent.last_pause, agent.last_login
    reason, last_reason = _of(current, "pause"), _of(last, "pause")
    return ExportedAgent(
        id=agent.id,
        name=agent.name,
        login=agent.login,
        enabled=agent.enabled,
        archived=agent.archived,
        state=agent.state,
        state_since=_utc(state_since(agent)),
        extension=agent.extension,
        queue_ids=queue_ids,
        queue_names=tuple([_queue_name(each, queues=queues) for each in queue_ids]),
        outbound_queue_id=agent.outbound_queue_id,
        outbound_queue_name=_queue_name(
            agent.outbound_queue_id, queues=queues, unlisted=agent.outbound_queue_name
        ),
        current_pause_id=_of(current, "id"),
        current_pause_pause_id=_of(reason, "id") or _of(current, "pause_id"),
        current_pause_pause_description=_of(reason, "description"),
        current_pause_pause_type=_of(reason, "type"),
        current_pause_pause_productive=_of(reason, "productive"),
        current_pause_started_at=_utc(_of(current, "started_at")),
        current_pause_max_duration_seconds=_of(current, "max_duration_seconds"),
        last_pause_id=_of(last, "id"),
        last_pause_pause_id=_of(last_reason, "id") or _of(last, "pause_id"),
        last_pause_pause_description=_of(last_reason, "description"),
        last_pause_pause_type=_of(last_reason, "type"),
        last_pause_pause_productive=_of(last_reason, "productive"),
        last_pause_started_at=_utc(_of(last, "started_at")),
        last_pause_ended_at=_utc(_of(last, "ended_at")),
        last_pause_max_duration_seconds=_of(last, "max_duration_seconds"),
        last_login_id=_of(login, "id"),
        last_login_extension=_of(login, "extension"),
        last_login_started_at=_utc(_of(login, "started_at")),
        last_login_ended_at=_utc(_of(login, "ended_at")),
    )


def total_row(tally: AgentStateTally, *, now: datetime) -> ExportedAgentStates:
    """All agents of a report."""
    return _states_row(None, tally.at(now), queue_name=None)


def group_row(group: AgentStateGroup, *, queues: Snapshot[Queue], now: datetime) -> ExportedAgentStates:
    """One group of a report."""
    return _states_row(group, group.tally.at(now), queue_name=_queue_name(group.queue_id, queues=queues))


def _states_row(
    group: AgentStateGroup | None, counts: AgentStateCounts, *, queue_name: str | None
) -> ExportedAgentStates:
    return ExportedAgentStates(
        is_total=group is None,
        queue_id=_of(group, "queue_id"),
        queue_name=queue_name,
        pause_id=_of(_of(group, "pause"), "id"),
        pause_description=_of(_of(group, "pause"), "description"),
        pause_type=_of(group, "pause_type"),
        productive=_of(group, "productive"),
        state=_of(group, "state"),
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


def _of(value: Any, name: str) -> Any:
    """An attribute of a value; None of None."""
    return None if value is None else getattr(value, name)


def _queue_name(queue_id: int | None, *, queues: Snapshot[Queue], unlisted: str | None = None) -> str | None:
    listed = None if queue_id is None else queues.by_id.get(queue_id)
    return unlisted if listed is None else listed.name


def _utc(instant: datetime | None) -> datetime | None:
    return None if instant is None else instant.astimezone(UTC)
