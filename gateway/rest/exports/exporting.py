"""What exports are asked by, and the tables that answer: of one snapshot, whole unless said otherwise."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gateway.domain.agent_filters import select_agents
from gateway.domain.agent_reports import count_agent_states
from gateway.domain.agent_states import AgentStateDimension, AgentStateGroup, AgentStateTally
from gateway.domain.errors import Failure, UpstreamInvalidResponse
from gateway.domain.listings import Reading, Snapshot
from gateway.domain.queues import Queue
from gateway.rest.agents import FilterQuery, read_filter
from gateway.rest.context import Answered, Asked, RestContext
from gateway.rest.exports.formats import Export, ExportFormat
from gateway.rest.exports.rows import (
    ExportedAgent,
    ExportedAgentStates,
    agent_row,
    group_row,
    total_row,
)
from gateway.rest.exports.tables import Table
from gateway.rest.shapes import stated

HEADERS: Final[Mapping[str, str]] = {
    "Snapshot-Fetched-At": "When Evolux was asked for what this was made of.",
    "Snapshot-Version": "The version of the agents listing: equal versions hold equal agents.",
    "Snapshot-Complete": "`false` where rows may be missing; only with `allow_partial=true`.",
    "Export-Rows": "How many rows the file has.",
}
"""Headers that say of a file what its metadata do."""
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_-]+")


class ExportQuery(FilterQuery, frozen=True, kw_only=True):
    """Which agents, as what, and whether some may be missing."""

    format: Annotated[
        ExportFormat | UnsetType, Meta(description="What the file is, whatever `Accept` says.")
    ] = UNSET
    allow_partial: Annotated[
        bool,
        Meta(description="True exports what there is of a listing that could not be read whole."),
    ] = msgspec.field(default=False, name="allow_partial")


class StatesExportQuery(ExportQuery, frozen=True, kw_only=True):
    """Which agents, what to group them by, and as what."""

    group_by: Annotated[
        tuple[AgentStateDimension, ...],
        Meta(description="What to group by, the first the outermost; repeat for several."),
    ] = ()


async def export_agents(context: RestContext, asked: Asked) -> Answered:
    """The chosen agents, in Evolux's order."""
    query: ExportQuery = asked.query
    chosen = read_filter(query)
    agents, queues = await _read(context, query)
    table = Table(
        row_type=ExportedAgent,
        sources=select_agents(agents, chosen),
        show=partial(agent_row, queues=queues),
        metadata={},
    )
    return Answered(
        export=_export("agents", table, agents, queues=queues, context=context, asked=asked),
        versions=(agents.version, queues.version),
    )


async def export_agent_states(context: RestContext, asked: Asked) -> Answered:
    """The report of the chosen agents, its total first; it moves with the clock, so it has no version."""
    query: StatesExportQuery = asked.query
    chosen = read_filter(query)
    agents, queues = await _read(context, query)
    now = context.clock()
    report = await count_agent_states(agents, chosen=chosen, dimensions=query.group_by)
    table = Table(
        row_type=ExportedAgentStates,
        sources=(report.total, *report.groups),
        show=partial(_states_row, queues=queues, now=now),
        metadata={
            "counted_at": _instant(now),
            "group_by": ",".join(each.value for each in query.group_by),
        },
    )
    return Answered(
        export=_export("agent-states", table, agents, queues=queues, context=context, asked=asked)
    )


async def _read(context: RestContext, query: ExportQuery) -> tuple[Snapshot[Any], Snapshot[Queue]]:
    """Both listings; one that is not whole is refused, as what it failed with, unless that was allowed."""
    readings = await context.agents_and_queues()
    for reading in readings:
        if not reading.snapshot.complete and not query.allow_partial:
            raise _refusal(reading)
    agents, queues = readings
    return agents.snapshot, queues.snapshot


def _refusal(reading: Reading[Any]) -> Failure:
    told = f"A listing is not whole: {reading.snapshot.missing}. allow_partial=true exports what there is."
    cause = reading.failure
    if cause is None:
        return UpstreamInvalidResponse(told)
    return type(cause)(
        told, retry_after_seconds=cause.retry_after_seconds, upstream_status=cause.upstream_status
    )


def _export(
    name: str,
    table: Table,
    agents: Snapshot[Any],
    *,
    queues: Snapshot[Queue],
    context: RestContext,
    asked: Asked,
) -> Export:
    complete = agents.complete and queues.complete
    told = {
        "fetched_at": _instant(agents.fetched_at),
        "version": agents.version,
        "complete": str(complete).lower(),
        "rows": str(len(table.sources)),
    }
    missing = [each.missing for each in (agents, queues) if each.missing is not None]
    of_what = {"table": name, "tenant": context.tenant_id, "queues_version": queues.version}
    chosen: ExportFormat = stated(asked.query.format) or asked.format
    stamp = agents.fetched_at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    tenant = _UNSAFE.sub("-", context.tenant_id)
    metadata = {**of_what, **told, **({"missing": "; ".join(missing)} if missing else {}), **table.metadata}
    return Export(
        table=msgspec.structs.replace(table, metadata=metadata),
        format=chosen,
        file_name=f"{name}-{tenant}-{stamp}.{chosen.value}",
        headers=dict(zip(HEADERS, told.values(), strict=True)),
    )


def _states_row(
    of: AgentStateTally | AgentStateGroup, *, queues: Snapshot[Queue], now: datetime
) -> ExportedAgentStates:
    return (
        total_row(of, now=now) if isinstance(of, AgentStateTally) else group_row(of, queues=queues, now=now)
    )


def _instant(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
