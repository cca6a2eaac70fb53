"""CPU time of one operation without HTTP: graphql-core, the plan run afresh, with kept rows, with answers."""

import asyncio
import functools
import hashlib
import inspect
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from graphql import OperationType, execute, parse

from benchmarks.queries import QUERIES, Query
from gateway.domain.agents import Agent, AgentLogin
from gateway.domain.ids import AgentId, PauseId, QueueId, TenantId
from gateway.domain.listings import ANY_AGE, FreshnessBound, Reading, ReadSource, Snapshot
from gateway.domain.pauses import AgentPause, Pause
from gateway.domain.queues import Queue
from gateway.engine.execution import Operation
from gateway.engine.executor import Executor
from gateway.schema.context import LISTINGS, OperationContext
from gateway.schema.planning import build_executor
from gateway.schema.schema import build_schema

NOON = datetime(2026, 3, 10, 15, tzinfo=UTC)
SCHEMA = build_schema()._schema  # noqa: SLF001 - Strawberry has no public name for it
AGENTS, QUEUES = 600, 12
REASONS = [Pause(id=PauseId(at), description=f"Pausa {at}") for at in range(1, 9)]


class StillCallCenter:
    """Listings in memory, always at hand."""

    def __init__(self) -> None:
        agents = Snapshot(map(_agent, range(1, AGENTS + 1)), fetched_at=NOON)
        queues = Snapshot(
            (Queue(id=QueueId(at), name=f"Fila {at}") for at in range(1, QUEUES)), fetched_at=NOON
        )
        self._agents = Reading(agents, ReadSource.FRESH, age_seconds=1.0)
        self._queues = Reading(queues, ReadSource.FRESH, age_seconds=1.0)

    async def agents(self, _bound: FreshnessBound = ANY_AGE) -> Reading[Agent]:
        return self._agents

    async def queues(self, _bound: FreshnessBound = ANY_AGE) -> Reading[Queue]:
        return self._queues


def _agent(number: int) -> Agent:
    pause = AgentPause(id=number, started_at=NOON - timedelta(seconds=number), pause=REASONS[number % 8])
    return Agent(
        id=AgentId(number),
        name=f"Conceição Réis {number}",
        login=f"conceicao.{number}",
        queue_ids=tuple(QueueId(number * step % QUEUES + 1) for step in range(1, 2 + number % 3)),
        current_pause=pause if number % 3 == 0 else None,
        last_login=AgentLogin(id=number, started_at=NOON, extension=f"sip/{number}"),
    )


_parse = functools.cache(parse)


def _operation(query: Query, number: int) -> Operation:
    read: Any = SimpleNamespace(type=OperationType.QUERY)
    document: Any = SimpleNamespace(
        sha256=hashlib.sha256(query.text.encode()).hexdigest(), syntax=_parse(query.text), errors=()
    )
    return Operation(document=document, read=read, variables=query.variables_of(number))


async def _by_graphql_core(operation: Operation, context: OperationContext) -> Any:
    await context.settle(LISTINGS)
    assert operation.document.syntax is not None
    result = execute(
        SCHEMA, operation.document.syntax, context_value=context, variable_values=operation.variables
    )
    return await result if inspect.isawaitable(result) else result


async def _microseconds(run: Callable[[int], Awaitable[Any]], *, budget_seconds: float = 0.35) -> float:
    """Processor time of one run: the best of some batches."""
    best, number, ends_at = float("inf"), 0, time.perf_counter() + budget_seconds
    while time.perf_counter() < ends_at or number < 3:
        begun, size = time.process_time(), 0
        while size < 200 and (time.process_time() - begun < 0.02 or not size):
            await run(number)
            number, size = number + 1, size + 1
        best = min(best, (time.process_time() - begun) / size)
    return best * 1e6


async def _row(query: Query, executors: list[Executor], on: Any) -> list[float]:
    operations = [_operation(query, number) for number in range(5_000 if query.ids else 1)]

    def context() -> OperationContext:
        return OperationContext(
            tenant_id=TenantId("t0"),
            caller_name="load",
            scopes=frozenset({"agents:read"}),
            call_center=on,
            clock=lambda: NOON,
            request_id="request",
        )

    async def core(number: int) -> None:
        await _by_graphql_core(operations[number % len(operations)], context())

    costs = [await _microseconds(core)]
    for executor in executors:

        async def planned(number: int, executor: Executor = executor) -> None:
            await executor.run(operations[number % len(operations)], context=context())

        await planned(0)
        costs.append(await _microseconds(planned))
    return costs


def in_process_table() -> str:
    """One line for each query, in microseconds."""
    afresh = build_executor(SCHEMA, max_answer_bytes=0, max_fragment_bytes=0)
    kept = build_executor(SCHEMA, max_answer_bytes=0)
    shipped = build_executor(SCHEMA)
    on = StillCallCenter()
    lines = [
        "| query | graphql-core | plan afresh | rows kept | as shipped | graphql-core to as shipped |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for label, query in QUERIES.items():
        core, *planned = asyncio.run(_row(query, [afresh, kept, shipped], on))
        costs = " | ".join(f"{cost:,.0f}" for cost in (core, *planned))
        lines.append(f"| {label}: {query.about} | {costs} | {core / planned[-1]:,.0f}x |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(in_process_table())
