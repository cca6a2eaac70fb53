"""Examples in the OpenAPI document: values of the very types, so that they cannot be wrong."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from gateway.domain.agents import AgentState
from gateway.domain.errors import AgentOnCall
from gateway.rest.agent_states import AgentStateCounts, AgentStateGroup, AgentStateReport, Freshness
from gateway.rest.agents import Agent, AgentList, AgentLogin
from gateway.rest.bulk import (
    AgentChoice,
    AgentWriteResult,
    AssigningQueues,
    BulkAnswer,
    EndingMany,
    PausingMany,
)
from gateway.rest.errors import write_error_of
from gateway.rest.exports.rows import ExportedAgent, ExportedAgentStates
from gateway.rest.pauses import AgentPause, AllowedPause, AllowedPauseList, Pause, PauseList
from gateway.rest.queues import Queue, QueueList
from gateway.rest.shapes import NamedQueue
from gateway.rest.viewer import Viewer
from gateway.rest.writes import AgentChange, Ending, NewAgent, Pausing, QueueLevel, WriteAnswer

_NINE: Final = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
_NOON: Final = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)
_QUEUE: Final = NamedQueue(id="13", name="Cobrança")
_PAUSE: Final = Pause(
    id="49", description="10 minutos/NR17", type="nr17rest10", productive=True, system=False
)
_AGENT: Final = Agent(
    id="7",
    name="Maria da Conceição",
    login="maria",
    enabled=True,
    archived=False,
    state=AgentState.PAUSED,
    state_since=_NOON,
    extension="sip/3012",
    queues=(_QUEUE,),
    outbound_queue=None,
    current_pause=AgentPause(
        id="46983", pause=_PAUSE, started_at=_NOON, ended_at=None, max_duration_seconds=600
    ),
    last_pause=None,
    last_login=AgentLogin(id="4591", extension="sip/3012", started_at=_NINE, ended_at=None),
)
_COUNTS: Final = AgentStateCounts(
    agents=62,
    inactive=4,
    logged_out=20,
    logged_in=30,
    paused=8,
    paused_productive=3,
    longest_pause_seconds=1260,
    average_pause_seconds=412.5,
    over_limit=1,
)
_ON_CALL: Final = write_error_of(AgentOnCall("The agent is on a call."))

_EXPORTED_AGENT: Final = ExportedAgent(
    id=7,
    name="Maria da Conceição",
    login="maria",
    enabled=True,
    archived=False,
    state=AgentState.PAUSED,
    state_since=_NOON,
    extension="sip/3012",
    queue_ids=(13,),
    queue_names=("Cobrança",),
    outbound_queue_id=None,
    outbound_queue_name=None,
    current_pause_id=46983,
    current_pause_pause_id=49,
    current_pause_pause_description="10 minutos/NR17",
    current_pause_pause_type="nr17rest10",
    current_pause_pause_productive=True,
    current_pause_started_at=_NOON,
    current_pause_max_duration_seconds=600,
    last_pause_id=None,
    last_pause_pause_id=None,
    last_pause_pause_description=None,
    last_pause_pause_type=None,
    last_pause_pause_productive=None,
    last_pause_started_at=None,
    last_pause_ended_at=None,
    last_pause_max_duration_seconds=None,
    last_login_id=4591,
    last_login_extension="sip/3012",
    last_login_started_at=_NINE,
    last_login_ended_at=None,
)
_EXPORTED_STATES: Final = ExportedAgentStates(
    is_total=False,
    queue_id=13,
    queue_name="Cobrança",
    pause_id=None,
    pause_description=None,
    pause_type=None,
    productive=None,
    state=None,
    **msgspec.structs.asdict(_COUNTS),
)

EXAMPLES: Final[Mapping[type, Any]] = {
    Agent: _AGENT,
    AgentList: AgentList(
        agents=(_AGENT,),
        total_count=62,
        complete=True,
        has_next_page=True,
        has_previous_page=False,
        start_cursor="WyJJRCIsIkFTQyIsNyw3XQ",
        end_cursor="WyJJRCIsIkFTQyIsNyw3XQ",
    ),
    AgentStateCounts: _COUNTS,
    AgentStateReport: AgentStateReport(
        total=_COUNTS,
        groups=(
            AgentStateGroup(
                queue=_QUEUE, pause=None, state=None, productive=None, pause_type=None, counts=_COUNTS
            ),
        ),
        freshness=Freshness(fetched_at=_NOON, age_seconds=1.5, stale=False, complete=True),
    ),
    AllowedPauseList: AllowedPauseList(
        allowed_pauses=(
            AllowedPause(
                pause=_PAUSE,
                queue=_QUEUE,
                limit_duration_seconds=600,
                automatic_unpause=False,
                unpause_disabled=False,
            ),
        )
    ),
    ExportedAgent: _EXPORTED_AGENT,
    ExportedAgentStates: _EXPORTED_STATES,
    PauseList: PauseList(pauses=(_PAUSE,)),
    Queue: Queue(id="13", name="Cobrança", slug="cobranca", number="3001", public_number=None),
    QueueList: QueueList(
        queues=(Queue(id="13", name="Cobrança", slug="cobranca", number="3001", public_number=None),)
    ),
    Viewer: Viewer(name="wallboard", tenant="acme", scopes=("agents:read", "agents:write")),
    WriteAnswer: WriteAnswer(agent=_AGENT, changed=True, reconciled=False),
    NewAgent: NewAgent(
        name="Maria da Conceição",
        login="maria",
        password="a long password",  # noqa: S106 - an example
        queue_ids=("13",),
    ),
    AgentChange: AgentChange(name="Maria Conceição", levels=(QueueLevel(queue_id="13", priority=3),)),
    Pausing: Pausing(pause_id="49", ensure=True),
    Ending: Ending(ensure=True, if_state=AgentState.PAUSED),
    PausingMany: PausingMany(pause_id="49", agent_ids=("7", "8")),
    EndingMany: EndingMany(
        filter=AgentChoice(queue_ids=("13",), states=(AgentState.LOGGED_IN,)), dry_run=True
    ),
    AssigningQueues: AssigningQueues(agent_ids=("7", "8"), queue_ids=("13",)),
    BulkAnswer: BulkAnswer(
        results=(
            AgentWriteResult(agent_id="7", done=True, changed=True, reconciled=False, error=None, at=_NOON),
            AgentWriteResult(
                agent_id="8", done=False, changed=False, reconciled=False, error=_ON_CALL, at=_NOON
            ),
        ),
        done_count=1,
        failed_count=1,
        dry_run=False,
    ),
}
