"""The queries that are measured."""

import json
from dataclasses import dataclass
from typing import Any, Final

NESTED: Final = (
    "{ agents(first: %d) { nodes { id name login state queues { id name } "
    "currentPause { startedAt pause { id description } } lastLogin { startedAt extension } } totalCount } }"
)


@dataclass(frozen=True, kw_only=True)
class Query:
    """A query; `ids` is how many agents it asks for in turn."""

    text: str
    about: str
    ids: int = 0

    def body(self, number: int = 0) -> bytes:
        """The body of the request of this number."""
        return json.dumps({"query": self.text, "variables": self.variables_of(number)}).encode()

    def variables_of(self, number: int) -> dict[str, Any]:
        """Its variables, never the same twice where it has ids."""
        return {"id": str(number % self.ids + 1), "never": f"{number}"} if self.ids else {}


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
    ),
}
