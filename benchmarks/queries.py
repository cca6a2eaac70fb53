"""What is measured: the queries, and the mutation."""

import json
from dataclasses import dataclass, field
from typing import Any, Final

NESTED: Final = (
    "{ agents(first: %d) { nodes { id name login state queues { id name } "
    "currentPause { startedAt pause { id description } } lastLogin { startedAt extension } } totalCount } }"
)
NUMBER, AGENT = "<number>", "<agent>"
"""Stand in a variable's text for the number of the request, and for an agent's id in turn."""


@dataclass(frozen=True, kw_only=True)
class Query:
    """An operation; `ids` is how many agents it asks for in turn."""

    text: str
    about: str
    ids: int = 0
    variables: dict[str, Any] = field(default_factory=dict)
    is_mutation: bool = False

    def template(self) -> str:
        """The body of a request, with what stands for its number and its agent."""
        return json.dumps({"query": self.text, "variables": self.variables}, ensure_ascii=False)

    def body(self, number: int = 0) -> bytes:
        """The body of the request of this number."""
        agent = str(number % self.ids + 1 if self.ids else 0)
        return self.template().replace(NUMBER, str(number)).replace(AGENT, agent).encode()

    def variables_of(self, number: int) -> dict[str, Any]:
        """Its variables, never the same twice where it has ids."""
        given: dict[str, Any] = json.loads(self.body(number))["variables"]
        return given


QUERIES: Final = {
    "Q1": Query(text="{ agents(first: 5) { nodes { id name state } } }", about="5 agents x 3 fields"),
    "Q2": Query(text=NESTED % 50, about="50 agents, nested"),
    "Q2 ages": Query(
        text=(NESTED % 50)
        .replace("{ startedAt pause", "{ elapsedSeconds startedAt pause")
        .replace("totalCount", "totalCount freshness { ageSeconds stale }"),
        about="Q2 with what tells of the instant",
    ),
    "Q3": Query(text=NESTED % 500, about="500 agents, nested"),
    "Q4": Query(
        text=(
            "{ agentStates(groupBy: [QUEUE]) { total { agents paused } "
            "groups { queue { id name } counts { agents loggedIn paused averagePauseSeconds } } } }"
        ),
        about="states by queue",
    ),
    "Q5": Query(
        text=(
            "query ($id: ID!, $never: ID!) { agent(id: $id) { id name state queues { id name } } "
            "none: agent(id: $never) @skip(if: true) { id } }"
        ),
        about="one agent by id, never the same twice",
        ids=500,
        variables={"id": AGENT, "never": NUMBER},
    ),
}

RENAME: Final = Query(
    text=(
        "mutation ($id: ID!, $name: String!) "
        "{ updateAgent(input: {id: $id, name: $name}) { agent { id name } errors { code } } }"
    ),
    about="a mutation: one agent gets another name, and is shown as it is then",
    ids=500,
    variables={"id": AGENT, "name": f"Conceição {NUMBER}"},
    is_mutation=True,
)
WALK: Final = Query(text="{ agents(first: 1) { nodes { id } totalCount } }", about="a walk of 5,000")
