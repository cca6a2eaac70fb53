"""The exports in the table of operations."""

from typing import Final

from gateway.domain.errors import ErrorCode
from gateway.domain.scopes import AGENTS_READ
from gateway.rest.exports import exporting
from gateway.rest.exports.formats import ExportFormat
from gateway.rest.exports.rows import ExportedAgent, ExportedAgentStates
from gateway.rest.operation import Operation, Tag

EXPORTS: Final[tuple[Operation, ...]] = (
    Operation(
        name="exportAgents",
        method="GET",
        path="/exports/agents",
        summary="All chosen agents as a file",
        description=(
            "CSV, newline-delimited JSON, an Arrow stream or Parquet, by `Accept` or `format`; one snapshot "
            "from the first row to the last. A listing that is not whole is refused."
        ),
        tag=Tag.EXPORTS,
        handle=exporting.export_agents,
        answer=ExportedAgent,
        scope=AGENTS_READ,
        query=exporting.ExportQuery,
        codes=(ErrorCode.OVERLOADED,),
        formats=tuple(ExportFormat),
    ),
    Operation(
        name="exportAgentStates",
        method="GET",
        path="/exports/agent-states",
        summary="How many agents are in each state, as a file",
        description=(
            "The first row counts all chosen agents, the others those of each group. Formats are those of "
            "`/exports/agents`. A listing that is not whole is refused."
        ),
        tag=Tag.EXPORTS,
        handle=exporting.export_agent_states,
        answer=ExportedAgentStates,
        scope=AGENTS_READ,
        query=exporting.StatesExportQuery,
        codes=(ErrorCode.OVERLOADED,),
        formats=tuple(ExportFormat),
    ),
)
