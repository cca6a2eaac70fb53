"""What the engine cannot see of a field's cost: how long its list is, and whether it asks Evolux by row."""

from collections.abc import Mapping
from typing import Final

LIST_LENGTHS: Final[Mapping[str, int]] = {
    "Query.queues": 20,
    "Query.pauses": 20,
    "Query._entities": 100,
    "Agent.queues": 3,
    "Agent.allowedPauses": 10,
    "AgentStateReport.groups": 100,
    "AgentChanges.agents": 500,
    "AgentChanges.left": 50,
    "Viewer.scopes": 2,
    "MutationError.field": 3,
    "CreateAgentPayload.errors": 1,
    "UpdateAgentPayload.errors": 1,
    "PauseAgentPayload.errors": 1,
    "UnpauseAgentPayload.errors": 1,
    "LogoffAgentPayload.errors": 1,
    **{
        f"{verb}Payload.{name}": length
        for verb in ("PauseAgents", "UnpauseAgents", "LogoffAgents", "AssignQueues")
        for name, length in (("results", 100), ("errors", 1))
    },
}
"""Expected lengths of the lists that take no page arguments: those of an ordinary call centre."""

FIELD_COSTS: Final[Mapping[str, int]] = {
    "Query.agents(filter)": 500,
    "Query.agentStates(filter)": 500,
    "Queue.agents(filter)": 1500,
    "Agent.allowedPauses": 50,
    "Query.pauses": 100,
    "Mutation.createAgent": 100,
    "Mutation.updateAgent": 100,
    "Mutation.pauseAgent": 100,
    "Mutation.unpauseAgent": 100,
    "Mutation.logoffAgent": 100,
    "Mutation.pauseAgents": 1000,
    "Mutation.unpauseAgents": 1000,
    "Mutation.logoffAgents": 1000,
    "Mutation.assignQueues": 1000,
}
"""What costs more than a field of a row: a filter looks through a whole listing, the others ask Evolux."""
