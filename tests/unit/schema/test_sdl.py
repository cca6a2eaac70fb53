from pathlib import Path

import pytest
import strawberry
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLObjectType,
    print_schema,
    specified_directives,
)

from gateway.domain.errors import ErrorCode
from gateway.engine.resolvers import Source
from gateway.schema.fields import attribute, bind_resolvers, resolver_of
from gateway.schema.schema import print_sdl
from tests.unit.schema.operations import SCHEMA

CONTRACT = """
Agent: id ID! name String! login String! enabled Boolean! archived Boolean! state AgentState!
  stateSince DateTime
  extension String queues [Queue!]! outboundQueue Queue currentPause AgentPause lastPause AgentPause
  lastLogin AgentLogin allowedPauses [AllowedPause!]!
Pause: id ID! description String! type String productive Boolean! system Boolean!
AgentPause: id ID! pause Pause startedAt DateTime! endedAt DateTime maxDurationSeconds Int elapsedSeconds Int!
AllowedPause: pause Pause! queue Queue limitDurationSeconds Int automaticUnpause Boolean!
  unpauseDisabled Boolean!
AgentLogin: id ID! extension String startedAt DateTime! endedAt DateTime
Queue: id ID! name String slug String number String publicNumber String agents AgentConnection!
  agentStates AgentStateCounts!
AgentConnection: edges [AgentEdge!]! nodes [Agent!]! pageInfo PageInfo! totalCount Int! freshness Freshness!
AgentEdge: cursor String! node Agent!
PageInfo: hasNextPage Boolean! hasPreviousPage Boolean! startCursor String endCursor String
Freshness: fetchedAt DateTime! ageSeconds Float! stale Boolean! complete Boolean!
AgentFilter: ids [ID!] search String states [AgentState!] queueIds [ID!] pauseIds [ID!] enabled Boolean
  archived Boolean
AgentOrder: field AgentOrderField! direction OrderDirection!
AgentStateReport: total AgentStateCounts! groups [AgentStateGroup!]! freshness Freshness!
AgentStateCounts: agents Int! inactive Int! loggedOut Int! loggedIn Int! paused Int! pausedProductive Int!
  longestPauseSeconds Int averagePauseSeconds Float overLimit Int!
AgentStateGroup: queue Queue pause Pause state AgentState productive Boolean pauseType String
  counts AgentStateCounts!
Viewer: name String! tenant String! scopes [String!]!
AgentChanges: initial Boolean! agents [Agent!]! left [ID!]! totalCount Int! freshness Freshness!
Subscription: agentChanged AgentChanges! agentStatesChanged AgentStateReport!
Query: agents AgentConnection! agent Agent agentByLogin Agent queues [Queue!]! queue Queue pauses [Pause!]!
  agentStates AgentStateReport! viewer Viewer!
Mutation: createAgent CreateAgentPayload! updateAgent UpdateAgentPayload! pauseAgent PauseAgentPayload!
  unpauseAgent UnpauseAgentPayload! logoffAgent LogoffAgentPayload!
  pauseAgents PauseAgentsPayload! unpauseAgents UnpauseAgentsPayload! logoffAgents LogoffAgentsPayload!
  assignQueues AssignQueuesPayload!
CreateAgentPayload: agent Agent changed Boolean! reconciled Boolean! errors [MutationError!]!
UpdateAgentPayload: agent Agent changed Boolean! reconciled Boolean! errors [MutationError!]!
PauseAgentPayload: agent Agent changed Boolean! reconciled Boolean! errors [MutationError!]!
UnpauseAgentPayload: agent Agent changed Boolean! reconciled Boolean! errors [MutationError!]!
LogoffAgentPayload: agent Agent changed Boolean! reconciled Boolean! errors [MutationError!]!
PauseAgentsPayload: results [AgentWriteResult!]! doneCount Int! failedCount Int! dryRun Boolean!
  errors [MutationError!]!
UnpauseAgentsPayload: results [AgentWriteResult!]! doneCount Int! failedCount Int! dryRun Boolean!
  errors [MutationError!]!
LogoffAgentsPayload: results [AgentWriteResult!]! doneCount Int! failedCount Int! dryRun Boolean!
  errors [MutationError!]!
AssignQueuesPayload: results [AgentWriteResult!]! doneCount Int! failedCount Int! dryRun Boolean!
  errors [MutationError!]!
AgentWriteResult: agentId ID! done Boolean! changed Boolean! reconciled Boolean! error MutationError
  agent Agent at DateTime!
MutationError: code ErrorCode! message String! field [String!] retryable Boolean!
CreateAgentInput: name String! login String! password String! queueIds [ID!]!
UpdateAgentInput: ifState AgentState ifPauseId ID id ID! name String password String
  queueIds [ID!] levels [QueueLevelInput!]
QueueLevelInput: queueId ID! priority Int!
PauseAgentInput: ifState AgentState ifPauseId ID ensure Boolean! agentId ID! pauseId ID!
UnpauseAgentInput: ifState AgentState ifPauseId ID ensure Boolean! agentId ID!
LogoffAgentInput: ifState AgentState ifPauseId ID ensure Boolean! agentId ID!
PauseAgentsInput: agentIds [ID!] filter AgentFilter dryRun Boolean! ifState AgentState ifPauseId ID
  ensure Boolean! pauseId ID!
UnpauseAgentsInput: agentIds [ID!] filter AgentFilter dryRun Boolean! ifState AgentState ifPauseId ID
  ensure Boolean!
LogoffAgentsInput: agentIds [ID!] filter AgentFilter dryRun Boolean! ifState AgentState ifPauseId ID
  ensure Boolean!
AssignQueuesInput: agentIds [ID!] filter AgentFilter dryRun Boolean! ifState AgentState ifPauseId ID
  queueIds [ID!]! how QueueAssignment!
"""

ARGUMENTS = """
Query.agents: first Int after String last Int before String filter AgentFilter orderBy AgentOrder
Query.agent: id ID!
Query.agentByLogin: login String!
Query.queue: id ID!
Query.agentStates: groupBy [AgentStateDimension!] filter AgentFilter
Subscription.agentChanged: filter AgentFilter
Subscription.agentStatesChanged: groupBy [AgentStateDimension!] filter AgentFilter
Queue.agents: first Int after String last Int before String filter AgentFilter
Mutation.createAgent: input CreateAgentInput!
Mutation.updateAgent: input UpdateAgentInput!
Mutation.pauseAgent: input PauseAgentInput!
Mutation.unpauseAgent: input UnpauseAgentInput!
Mutation.logoffAgent: input LogoffAgentInput!
Mutation.pauseAgents: input PauseAgentsInput!
Mutation.unpauseAgents: input UnpauseAgentsInput!
Mutation.logoffAgents: input LogoffAgentsInput!
Mutation.assignQueues: input AssignQueuesInput!
"""

ENUMS = {
    "AgentState": ["INACTIVE", "LOGGED_OUT", "LOGGED_IN", "PAUSED"],
    "AgentOrderField": ["ID", "NAME", "LOGIN", "STATE", "STATE_SINCE"],
    "OrderDirection": ["ASC", "DESC"],
    "QueueAssignment": ["REPLACE", "ADD", "REMOVE"],
    "AgentStateDimension": ["QUEUE", "PAUSE", "PAUSE_TYPE", "PRODUCTIVE", "STATE"],
    "ErrorCode": [code.value for code in ErrorCode],
}

OWN_TYPES = {name: each for name, each in SCHEMA.type_map.items() if not name.startswith("__")}
WITH_FIELDS = {
    name: each
    for name, each in OWN_TYPES.items()
    if isinstance(each, GraphQLObjectType | GraphQLInputObjectType)
}


def _read(table: str) -> dict[str, list[tuple[str, str]]]:
    """The rows of a table of names with their types."""
    read = {}
    for row in table.replace("\n  ", " ").strip().splitlines():
        name, _, words = row.partition(": ")
        parts = words.split()
        read[name] = list(zip(parts[::2], parts[1::2], strict=True))
    return read


def test_every_type_has_the_fields_and_nullability_of_the_contract() -> None:
    shown = {
        name: [(field, str(what.type)) for field, what in each.fields.items()]
        for name, each in WITH_FIELDS.items()
    }
    assert shown == _read(CONTRACT)


def test_every_field_takes_the_arguments_of_the_contract() -> None:
    shown = {
        f"{name}.{field}": [(argument, str(given.type)) for argument, given in what.args.items()]
        for name, each in WITH_FIELDS.items()
        if isinstance(each, GraphQLObjectType)
        for field, what in each.fields.items()
        if what.args
    }
    assert shown == _read(ARGUMENTS)


def test_every_enum_has_the_values_of_the_contract() -> None:
    shown = {name: list(each.values) for name, each in OWN_TYPES.items() if isinstance(each, GraphQLEnumType)}
    assert shown == ENUMS


def test_only_what_is_best_left_out_has_a_default() -> None:
    lines = {line.strip() for line in print_schema(SCHEMA).splitlines() if " = " in line}
    assert lines == {
        "queueIds: [ID!]! = []",
        "ensure: Boolean! = false",
        "dryRun: Boolean! = false",
        "how: QueueAssignment! = REPLACE",
    }


def test_everything_a_caller_can_name_is_described() -> None:
    nameless = [
        f"{name}.{part}" if part else name
        for name, each in OWN_TYPES.items()
        for part, description in _descriptions(each)
        if not (description and description.strip().endswith((".", "?")))
    ]
    builtin = {"ID", "String", "Int", "Float", "Boolean"}
    assert [name for name in nameless if name not in builtin] == []


def _descriptions(each: object) -> list[tuple[str, str | None]]:
    described: list[tuple[str, str | None]] = [("", getattr(each, "description", None))]
    if isinstance(each, GraphQLEnumType):
        described += [(name, value.description) for name, value in each.values.items()]
    if isinstance(each, GraphQLObjectType | GraphQLInputObjectType):
        described += [(name, field.description) for name, field in each.fields.items()]
    if isinstance(each, GraphQLObjectType):
        described += [
            (f"{name}({argument})", given.description)
            for name, field in each.fields.items()
            for argument, given in field.args.items()
        ]
    return described


def test_the_only_directives_are_those_of_the_specification() -> None:
    assert [each.name for each in SCHEMA.directives] == [each.name for each in specified_directives]


def test_root_fields_say_which_scope_they_need() -> None:
    scopes = {
        name: resolver_of(field).scope
        for root in ("Query", "Mutation", "Subscription")
        for name, field in SCHEMA.type_map[root].fields.items()  # type: ignore[attr-defined]
    }
    assert scopes == {
        **dict.fromkeys(
            ("agents", "agent", "agentByLogin", "queues", "queue", "pauses", "agentStates"), "agents:read"
        ),
        **dict.fromkeys(("agentChanged", "agentStatesChanged"), "agents:read"),
        "viewer": None,
        **dict.fromkeys(
            ("createAgent", "updateAgent", "pauseAgent", "unpauseAgent", "logoffAgent"), "agents:write"
        ),
        **dict.fromkeys(("pauseAgents", "unpauseAgents", "logoffAgents", "assignQueues"), "agents:write"),
    }
    query = SCHEMA.query_type
    assert query is not None
    assert query.fields["agents"].description is not None
    assert query.fields["agents"].description.endswith("Needs the scope `agents:read`.")


def test_below_the_root_only_queues_agents_and_allowed_pauses_may_read_upstream() -> None:
    reading = {
        f"{name}.{field}"
        for name, each in WITH_FIELDS.items()
        if isinstance(each, GraphQLObjectType) and name not in ("Query", "Mutation", "Subscription")
        for field, what in each.fields.items()
        if resolver_of(what).source is Source.UPSTREAM and not resolver_of(what).is_fleeting
    }
    payloads = {f"{verb}AgentPayload.agent" for verb in ("Create", "Update", "Pause", "Unpause", "Logoff")}
    assert reading == payloads | {
        "Agent.queues",
        "Agent.outboundQueue",
        "Agent.allowedPauses",
        "AllowedPause.queue",
        "AgentStateGroup.queue",
        "Queue.agents",
    }


def test_what_tells_of_ages_instants_or_the_caller_is_declared_as_fleeting() -> None:
    fleeting = {
        f"{name}.{field}"
        for name, each in WITH_FIELDS.items()
        if isinstance(each, GraphQLObjectType)
        for field, what in each.fields.items()
        if resolver_of(what).is_fleeting
    }
    assert fleeting == {
        "AgentChanges.freshness",
        "AgentConnection.freshness",
        "AgentPause.elapsedSeconds",
        "AgentStateGroup.counts",
        "AgentStateReport.freshness",
        "AgentStateReport.total",
        "Query.viewer",
        "Queue.agentStates",
    }


def test_a_root_field_without_a_declared_scope_stops_the_build() -> None:
    @strawberry.type(description="Undeclared.")
    class Query:
        name: str = attribute(description="No entry.")

    with pytest.raises(TypeError, match="Query: root fields, and they alone, are declared as entry"):
        bind_resolvers(strawberry.Schema(query=Query))


def test_the_committed_schema_is_the_printed_one() -> None:
    committed = Path(__file__).parents[3] / "schema.graphql"
    assert committed.read_text(encoding="utf-8") == print_sdl()
