"""The table of REST operations: what is asked where, by what it is answered, and which scope it needs."""

from collections.abc import Mapping
from typing import Final

from gateway.domain.errors import ErrorCode
from gateway.domain.scopes import AGENTS_READ, AGENTS_WRITE
from gateway.rest import agent_states, agents, bulk, pauses, queues, viewer, writes
from gateway.rest.exports.operations import EXPORTS
from gateway.rest.operation import Operation, Tag

PREFIX: Final = "/v1"

_AGENT = (ErrorCode.AGENT_NOT_FOUND,)
_STATE: Final = (
    ErrorCode.AGENT_NOT_FOUND,
    ErrorCode.AGENT_ALREADY_PAUSED,
    ErrorCode.AGENT_NOT_PAUSED,
    ErrorCode.AGENT_NOT_LOGGED_IN,
    ErrorCode.AGENT_ON_CALL,
)

OPERATIONS: Final[tuple[Operation, ...]] = (
    Operation(
        name="listAgents",
        method="GET",
        path="/agents",
        summary="The tenant's agents, a page at a time",
        description=(
            "Archived agents are left out by default. Cursors name a place by key, so they outlive refreshes "
            "of the listing; `Link` leads to the pages around this one."
        ),
        tag=Tag.AGENTS,
        handle=agents.list_agents,
        answer=agents.AgentList,
        scope=AGENTS_READ,
        query=agents.AgentsQuery,
    ),
    Operation(
        name="createAgent",
        method="POST",
        path="/agents",
        summary="Create an agent",
        description="The password is sent on to Evolux and kept nowhere.",
        tag=Tag.AGENTS,
        handle=writes.create_agent,
        answer=writes.WriteAnswer,
        scope=AGENTS_WRITE,
        status=201,
        body=writes.NewAgent,
        codes=(ErrorCode.LOGIN_TAKEN, ErrorCode.QUEUE_NOT_FOUND),
    ),
    Operation(
        name="getAgentByLogin",
        method="GET",
        path="/agent-by-login",
        summary="One agent by login",
        description="The login as it is; failing that, in another case, if only one agent has it.",
        tag=Tag.AGENTS,
        handle=agents.get_agent_by_login,
        answer=agents.Agent,
        scope=AGENTS_READ,
        query=agents.LoginQuery,
        codes=_AGENT,
    ),
    Operation(
        name="getAgent",
        method="GET",
        path="/agents/{id}",
        summary="One agent",
        description="Archived or not.",
        tag=Tag.AGENTS,
        handle=agents.get_agent,
        answer=agents.Agent,
        scope=AGENTS_READ,
        path_type=agents.AgentPath,
        codes=_AGENT,
    ),
    Operation(
        name="updateAgent",
        method="PATCH",
        path="/agents/{id}",
        summary="Change what is given of an agent",
        description="What is left out stays as it is; a null is refused.",
        tag=Tag.AGENTS,
        handle=writes.update_agent,
        answer=writes.WriteAnswer,
        scope=AGENTS_WRITE,
        path_type=agents.AgentPath,
        body=writes.AgentChange,
        codes=(*_STATE, ErrorCode.QUEUE_NOT_FOUND),
    ),
    Operation(
        name="listAllowedPauses",
        method="GET",
        path="/agents/{id}/allowed-pauses",
        summary="The pauses that an agent may take",
        description="A row per queue and pause, so that the same pause can come with several limits.",
        tag=Tag.PAUSES,
        handle=pauses.list_allowed_pauses,
        answer=pauses.AllowedPauseList,
        scope=AGENTS_READ,
        path_type=agents.AgentPath,
        codes=_AGENT,
    ),
    Operation(
        name="pauseAgent",
        method="POST",
        path="/agents/{id}/pause",
        summary="Put a logged-in agent into a pause",
        description="`allowed-pauses` tells which the agent may take.",
        tag=Tag.AGENTS,
        handle=writes.pause_agent,
        answer=writes.WriteAnswer,
        scope=AGENTS_WRITE,
        path_type=agents.AgentPath,
        body=writes.Pausing,
        codes=(*_STATE, ErrorCode.PAUSE_NOT_FOUND),
    ),
    Operation(
        name="unpauseAgent",
        method="POST",
        path="/agents/{id}/unpause",
        summary="End the pause that an agent is in",
        description="Without a body nothing is expected and nothing ensured.",
        tag=Tag.AGENTS,
        handle=writes.unpause_agent,
        answer=writes.WriteAnswer,
        scope=AGENTS_WRITE,
        path_type=agents.AgentPath,
        body=writes.Ending,
        body_optional=True,
        codes=_STATE,
    ),
    Operation(
        name="logoffAgent",
        method="POST",
        path="/agents/{id}/logoff",
        summary="Log an agent off",
        description="Refused while the agent is on a call. Without a body nothing is expected or ensured.",
        tag=Tag.AGENTS,
        handle=writes.log_off_agent,
        answer=writes.WriteAnswer,
        scope=AGENTS_WRITE,
        path_type=agents.AgentPath,
        body=writes.Ending,
        body_optional=True,
        codes=_STATE,
    ),
    *(
        Operation(
            name=name,
            method="POST",
            path=f"/bulk/{path}",
            summary=summary,
            description=(
                "At most 500 agents, some at a time; a result for each, in order. What stops one agent "
                "stands in its result, and the others are written all the same."
            ),
            tag=Tag.BULK,
            handle=handle,
            answer=bulk.BulkAnswer,
            scope=AGENTS_WRITE,
            body=body,
        )
        for name, path, summary, handle, body in (
            ("pauseAgents", "pause-agents", "Put agents into a pause", bulk.pause_agents, bulk.PausingMany),
            ("unpauseAgents", "unpause-agents", "End agents' pauses", bulk.unpause_agents, bulk.EndingMany),
            ("logoffAgents", "logoff-agents", "Log agents off", bulk.log_off_agents, bulk.EndingMany),
            ("assignQueues", "assign-queues", "Assign queues", bulk.assign_queues, bulk.AssigningQueues),
        )
    ),
    Operation(
        name="listQueues",
        method="GET",
        path="/queues",
        summary="The queues that the tenant's queue listing shows",
        description="Empty where the tenant has no such listing.",
        tag=Tag.QUEUES,
        handle=queues.list_queues,
        answer=queues.QueueList,
        scope=AGENTS_READ,
    ),
    Operation(
        name="getQueue",
        method="GET",
        path="/queues/{id}",
        summary="One queue",
        description="Also one that the listing hides while agents serve it.",
        tag=Tag.QUEUES,
        handle=queues.get_queue,
        answer=queues.Queue,
        scope=AGENTS_READ,
        path_type=queues.QueuePath,
        codes=(ErrorCode.QUEUE_NOT_FOUND,),
    ),
    Operation(
        name="listQueueAgents",
        method="GET",
        path="/queues/{id}/agents",
        summary="A queue's agents, a page at a time",
        description="By id; archived agents are left out by default.",
        tag=Tag.QUEUES,
        handle=queues.list_queue_agents,
        answer=agents.AgentList,
        scope=AGENTS_READ,
        path_type=queues.QueuePath,
        query=agents.PageQuery,
        codes=(ErrorCode.QUEUE_NOT_FOUND,),
    ),
    Operation(
        name="countQueueStates",
        method="GET",
        path="/queues/{id}/agent-states",
        summary="A queue's agents by state",
        description="Archived agents are left out.",
        tag=Tag.STATES,
        handle=agent_states.count_queue_states,
        answer=agent_states.AgentStateCounts,
        scope=AGENTS_READ,
        path_type=queues.QueuePath,
        codes=(ErrorCode.QUEUE_NOT_FOUND,),
    ),
    Operation(
        name="listPauses",
        method="GET",
        path="/pauses",
        summary="The tenant's pause catalogue",
        description="Gathered from what agents show, for Evolux has no listing of it.",
        tag=Tag.PAUSES,
        handle=pauses.list_pauses,
        answer=pauses.PauseList,
        scope=AGENTS_READ,
    ),
    Operation(
        name="countAgentStates",
        method="GET",
        path="/agent-states",
        summary="How many agents are in each state, in all and by group",
        description=(
            "An agent counts in each of their queues, so groups by queue do not add up to the total."
        ),
        tag=Tag.STATES,
        handle=agent_states.count_agent_states,
        answer=agent_states.AgentStateReport,
        scope=AGENTS_READ,
        query=agent_states.StatesQuery,
    ),
    *EXPORTS,
    Operation(
        name="getViewer",
        method="GET",
        path="/viewer",
        summary="The caller: name, tenant and scopes",
        description="Needs no scope.",
        tag=Tag.CALLER,
        handle=viewer.get_viewer,
        answer=viewer.Viewer,
        scope=None,
    ),
)


def by_path() -> Mapping[str, Mapping[str, Operation]]:
    """The operations of each path, by method."""
    paths: dict[str, dict[str, Operation]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = operation
    return paths
