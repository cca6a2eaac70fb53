"""The yardstick, as a team would write it: Strawberry, Starlette, httpx, TTL cache; no limits, logs, traces.

`uvicorn benchmarks.strawberry_stack:app` with BENCHMARK_EVOLUX, the base URL, and BENCHMARK_TOKEN; it holds
listings for BENCHMARK_FRESH_SECONDS, else 5.
"""

import asyncio
import os
from collections import Counter
from datetime import datetime
from enum import Enum
from typing import Any

import httpx
import strawberry
from cachetools import TTLCache
from starlette.applications import Starlette
from strawberry.asgi import GraphQL

client = httpx.AsyncClient(
    base_url=os.environ["BENCHMARK_EVOLUX"], headers={"token": os.environ["BENCHMARK_TOKEN"]}, timeout=30
)
cache: TTLCache[str, list[dict[str, Any]]] = TTLCache(
    maxsize=100, ttl=float(os.environ.get("BENCHMARK_FRESH_SECONDS", "5"))
)
lock = asyncio.Lock()


async def listing(name: str) -> list[dict[str, Any]]:
    """All rows of a listing, at most five seconds old."""
    if name in cache:
        return cache[name]
    async with lock:
        if name not in cache:
            rows: list[dict[str, Any]] = []
            page, total = 1, 1
            while len(rows) < total:
                answer = (await client.get(f"/api/v1/{name}", params={"limit": 50, "page": page})).json()
                rows += answer["data"]
                page, total = page + 1, answer.get("pagination", {"total": len(rows)})["total"]
            cache[name] = rows
            return rows
    return cache[name]


@strawberry.enum
class AgentState(Enum):
    INACTIVE = "INACTIVE"
    LOGGED_OUT = "LOGGED_OUT"
    LOGGED_IN = "LOGGED_IN"
    PAUSED = "PAUSED"


@strawberry.type
class Queue:
    id: strawberry.ID
    name: str | None


@strawberry.type
class Pause:
    id: strawberry.ID
    description: str


@strawberry.type
class AgentPause:
    started_at: datetime
    pause: Pause | None

    @strawberry.field
    def elapsed_seconds(self) -> int:
        return int((datetime.now(self.started_at.tzinfo) - self.started_at).total_seconds())


@strawberry.type
class AgentLogin:
    started_at: datetime
    extension: str | None


def state_of(row: dict[str, Any]) -> AgentState:
    if row["archived"] or not row["enable"]:
        return AgentState.INACTIVE
    login = row["last_login"]
    if login is None or login["time_logoff"] is not None:
        return AgentState.LOGGED_OUT
    return AgentState.PAUSED if row["current_pause"] else AgentState.LOGGED_IN


@strawberry.type
class Agent:
    row: strawberry.Private[dict[str, Any]]
    id: strawberry.ID
    name: str
    login: str
    state: AgentState

    @strawberry.field
    async def queues(self) -> list[Queue]:
        names = {row["id"]: row["name"] for row in await listing("queues")}
        return [Queue(id=strawberry.ID(str(one)), name=names.get(one)) for one in self.row["queues"]]

    @strawberry.field
    def current_pause(self) -> AgentPause | None:
        taken = self.row["current_pause"]
        if taken is None:
            return None
        reason = taken["reason"]
        pause = reason and Pause(id=reason["id"], description=reason["description"])
        return AgentPause(started_at=datetime.fromisoformat(taken["time_start"]), pause=pause)

    @strawberry.field
    def last_login(self) -> AgentLogin | None:
        login = self.row["last_login"]
        if login is None:
            return None
        return AgentLogin(started_at=datetime.fromisoformat(login["time_login"]), extension=login["exten"])


def agent_from(row: dict[str, Any]) -> Agent:
    return Agent(
        row=row, id=strawberry.ID(str(row["id"])), name=row["name"], login=row["login"], state=state_of(row)
    )


@strawberry.type
class Freshness:
    age_seconds: float
    stale: bool


@strawberry.type
class AgentConnection:
    nodes: list[Agent]
    total_count: int
    freshness: Freshness


@strawberry.type
class Counts:
    agents: int
    logged_in: int
    paused: int
    average_pause_seconds: float | None


@strawberry.type
class Group:
    queue: Queue | None
    counts: Counts


@strawberry.type
class Report:
    total: Counts
    groups: list[Group]


@strawberry.enum
class AgentStateDimension(Enum):
    QUEUE = "QUEUE"


def counts_of(rows: list[dict[str, Any]]) -> Counts:
    states = Counter(state_of(row) for row in rows)
    starts = [
        datetime.fromisoformat(row["current_pause"]["time_start"]) for row in rows if row["current_pause"]
    ]
    elapsed = [(datetime.now(start.tzinfo) - start).total_seconds() for start in starts]
    return Counts(
        agents=len(rows),
        logged_in=states[AgentState.LOGGED_IN],
        paused=states[AgentState.PAUSED],
        average_pause_seconds=sum(elapsed) / len(elapsed) if elapsed else None,
    )


@strawberry.type
class Query:
    @strawberry.field
    async def agents(self, first: int = 50) -> AgentConnection:
        rows = sorted(
            (row for row in await listing("agents") if not row["archived"]), key=lambda row: row["id"]
        )
        shown = [agent_from(row) for row in rows[:first]]
        return AgentConnection(
            nodes=shown, total_count=len(rows), freshness=Freshness(age_seconds=1.0, stale=False)
        )

    @strawberry.field
    async def agent(self, id: strawberry.ID) -> Agent | None:  # noqa: A002 - the argument's name in GraphQL
        return next((agent_from(row) for row in await listing("agents") if str(row["id"]) == id), None)

    @strawberry.field
    async def agent_states(self, group_by: list[AgentStateDimension]) -> Report:  # noqa: ARG002 - only by queue
        rows = [row for row in await listing("agents") if not row["archived"]]
        names = {row["id"]: row["name"] for row in await listing("queues")}
        by_queue: dict[int, list[dict[str, Any]]] = {}
        for row in rows:
            for one in row["queues"]:
                by_queue.setdefault(one, []).append(row)
        groups = [
            Group(queue=Queue(id=strawberry.ID(str(one)), name=names.get(one)), counts=counts_of(some))
            for one, some in sorted(by_queue.items())
        ]
        nowhere = [row for row in rows if not row["queues"]]
        if nowhere:
            groups.append(Group(queue=None, counts=counts_of(nowhere)))
        return Report(total=counts_of(rows), groups=groups)


@strawberry.input
class UpdateAgentInput:
    id: strawberry.ID
    name: str


@strawberry.enum
class ErrorCode(Enum):
    AGENT_NOT_FOUND = "AGENT_NOT_FOUND"


@strawberry.type
class MutationError:
    code: ErrorCode


@strawberry.type
class UpdateAgentPayload:
    agent: Agent | None
    errors: list[MutationError]


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def update_agent(self, input: UpdateAgentInput) -> UpdateAgentPayload:  # noqa: A002 - as in GraphQL
        answer = await client.put(f"/api/v1/agents/{input.id}", json={"name": input.name})
        if answer.status_code == httpx.codes.NOT_FOUND:
            return UpdateAgentPayload(agent=None, errors=[MutationError(code=ErrorCode.AGENT_NOT_FOUND)])
        answer.raise_for_status()
        cache.pop("agents", None)
        return UpdateAgentPayload(agent=await Query.agent(self, id=input.id), errors=[])


app = Starlette()
app.mount("/graphql", GraphQL(strawberry.Schema(query=Query, mutation=Mutation), graphql_ide=None))
