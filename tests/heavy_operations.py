"""Operations that are valid, within the limits or just beyond, and ask for as much as they can."""

from typing import Any

from graphql import get_introspection_query

from gateway.simulator.records import Queue
from gateway.simulator.world import World
from tests.attacking import many
from tests.served import token_of

AGENTS, QUEUES = 600, 30
_PAUSE = "id pause { id description type productive system } startedAt endedAt"
_AGENT = f"""id name login enabled archived state stateSince extension
queues {{ id name slug number publicNumber }} outboundQueue {{ id name }}
currentPause {{ {_PAUSE} maxDurationSeconds elapsedSeconds }}
lastPause {{ {_PAUSE} elapsedSeconds }} lastLogin {{ id extension startedAt endedAt }}"""
_PAGE = 'agents(first: 1, filter: {search: "agente #"})'

RUN = {
    "the largest page, whole": f"{{ agents(first: 500) {{ nodes {{ {_AGENT} }} edges {{ cursor }} }} }}",
    "every agent of every queue": (
        "{ queues { id agents(first: 500) { nodes { id name state } totalCount } } }"
    ),
    "ages of every agent of every queue": (
        "{ queues { agents(first: 300) { nodes { id currentPause { elapsedSeconds } } } } }"
    ),
    "queues of agents of queues": (
        "{ queues { agents(first: 10) { nodes { queues { agents(first: 10) { nodes { id } } } } } } }"
    ),
    "a search in every queue": '{ queues { agents(filter: {search: "e 1"}) { totalCount } } }',
    "searches": "{ " + many(f"a#: {_PAGE} {{ totalCount }}", 20) + " }",
    "reports by everything": "{ "
    + many(
        'a#: agentStates(groupBy: [QUEUE, PAUSE, PAUSE_TYPE, PRODUCTIVE, STATE], filter: {search: "#"})'
        " { groups { queue { id } counts { agents averagePauseSeconds } } }",
        20,
    )
    + " }",
    "introspection": get_introspection_query(),
    "every agent of a changed agent's queues": (
        'mutation { updateAgent(input: {id: 1, name: "Ana"}) { agent { queues { name '
        "agents(first: 500) { nodes { id name state login } } } } } }"
    ),
    "every agent of a write to many": (
        'mutation { pauseAgents(input: {filter: {search: "e 1"}, pauseId: 1, dryRun: true}) '
        f"{{ results {{ agent {{ {_AGENT} }} }} }} }}"
    ),
}
"""What is run."""

_FAILING = "failing: queue(id: 1) { agents(first: -1) { totalCount } }"
_WHOLE_PAGE = f"agents(first: 500) {{ nodes {{ {_AGENT} }} }}"

HANDED_OVER = {
    "the largest page beside a failing field": f"{{ {_WHOLE_PAGE} {_FAILING} }}",
    "every agent of every queue beside a failing field": (
        f"{{ queues {{ id agents(first: 500) {{ nodes {{ id name state }} }} }} {_FAILING} }}"
    ),
    "the largest page beside failing root fields": (
        f'{{ {_WHOLE_PAGE} a: agent(id: 77777) {{ id }} b: agent(id: "x") {{ id }} }}'
    ),
    "the largest page beside the schema": (
        f"{{ {_WHOLE_PAGE} {_FAILING} __schema {{ types {{ fields {{ type {{ ofType {{ name }} }} }} }} }} }}"
    ),
    "pages of more fields than a plan may have": "{ "
    + many(f"a#: agents(first: 40) {{ nodes {{ {_AGENT} }} }}", 18)
    + f" {_FAILING} }}",
    "a failing field in each of many groups": (
        "{ agentStates(groupBy: [QUEUE, PAUSE, PAUSE_TYPE, PRODUCTIVE, STATE]) { groups { "
        + many("a#: queue { agents(first: -1) { totalCount } }", 30)
        + " } } }"
    ),
    "searches beside a failing field": "{ " + many(f"a#: {_PAGE} {{ totalCount }}", 19) + f" {_FAILING} }}",
}
"""What is run by graphql-core: each with an error of some kind."""

WRONG_VARIABLES: tuple[str, dict[str, Any]] = (
    f"query ($f: AgentFilter) {{ agents(first: 500, filter: $f) {{ nodes {{ {_AGENT} }} }} }}",
    {"f": {"ids": ["1" * 80] * 900 + [{"id": 1}] * 45}},
)
"""A costly query, and variables as many as may be sent, of which some do not fit."""

REFUSED = {
    "searches in every queue": "{ queues { " + many(f"a#: {_PAGE} {{ totalCount }}", 30) + " } }",
    "searches in queues of agents": (
        f"{{ queues {{ agents {{ nodes {{ queues {{ {_PAGE} {{ totalCount }} }} }} }} }} }}"
    ),
    "pages of searches": "{ "
    + many('a#: agents(first: 500, filter: {search: "#"}) { nodes { id name login } }', 20)
    + " }",
    "every agent's queues in every queue": (
        "{ queues { agents(first: 500) { nodes { queues { id name } } } } }"
    ),
}
"""What costs too much to be run."""


def large_world() -> World:
    """Half of the agents serve every queue."""
    world = World(token=token_of("acme"))
    for number in range(1, QUEUES + 1):
        world.add_queue(Queue(id=number, name=f"Fila {number}", slug=f"f{number}", number=str(3000 + number)))
    for number in range(AGENTS):
        queue_ids = tuple(range(1, QUEUES + 1)) if number % 2 else (1, 2, 3)
        world.add_agent(f"Agente {number} Conceição", login=f"agente.{number}", queue_ids=queue_ids)
    return world
