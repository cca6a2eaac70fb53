"""What graphql-core runs: on the event loop what is small, beside it what costs much; answers are equal."""

import asyncio
import threading
from typing import Any

import msgspec
import pytest
import structlog
from msgspec.structs import replace

from gateway.domain.agents import Agent
from gateway.domain.deadlines import current_deadline, one_deadline
from gateway.domain.listings import FreshnessBound, Reading, Snapshot
from gateway.engine import running
from gateway.engine.executor import Executor
from gateway.schema.errors import ShapedError
from gateway.schema.planning import build_executor
from gateway.telemetry.events import INTERNAL_ERROR
from gateway.telemetry.labels import HandOver
from tests.builders import NOON, a_pause, an_agent, an_agent_pause, queue_ids
from tests.fakes import FakeCallCenter
from tests.unit.engine.comparing import SCHEMA, an_operation, by_engine, by_graphql_core
from tests.unit.engine.test_beside import NAME, until_no_thread_is_left
from tests.unit.engine.worlds import StillCallCenter, a_context, a_still_call_center, some_agents, some_queues

COSTLY = 10_000
FAILING = "failing: queue(id: 1) { agents(first: -1) { totalCount } }"
ALLOWED = f"{{ agents(first: 3) {{ nodes {{ allowedPauses {{ queue {{ name }} }} }} }} {FAILING} }}"
BESIDE_THE_SCHEMA = (
    f"{{ __schema {{ queryType {{ name }} }} agents {{ nodes {{ id queues {{ name }} }} }} {FAILING} }}"
)
PAUSE = """mutation { pauseAgent(input: {agentId: 2, pauseId: 50}) {
    changed agent { id state queues { name agents { nodes { id state } } } } errors { code } }
    again: pauseAgent(input: {agentId: 2, pauseId: 50}) { agent { id } errors { code field } } }"""


class Noticing(StillCallCenter):
    """Notes what it is asked for, in which thread and under which deadline; it holds the agents listing."""

    def __init__(self) -> None:
        super().__init__(some_agents(), queues=some_queues())
        self.asked: list[tuple[str, str, Any]] = []

    def agents_at_hand(self, _bound: FreshnessBound) -> Reading[Agent] | None:
        self._call("agents_at_hand")
        return self.agent_reading

    def queues_at_hand(self, _bound: FreshnessBound) -> None:
        self._call("queues_at_hand")

    def _call(self, method: str, *more: int) -> None:
        self.asked.append((method, threading.current_thread().name, current_deadline()))
        super()._call(method, *more)


def completing_in(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The threads in which an agent's state is completed."""
    threads: set[str] = set()
    state: Any = SCHEMA.type_map["AgentState"]
    complete = state.coerce_output_value

    def noting(value: Any) -> Any:
        threads.add(threading.current_thread().name)
        return complete(value)

    monkeypatch.setattr(state, "coerce_output_value", noting)
    return threads


@pytest.mark.parametrize(("cost", "beside"), [(150, set()), (151, {NAME})])
async def test_what_costs_much_is_completed_beside_the_loop(
    cost: int, beside: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    operation = an_operation(f"{{ agents {{ nodes {{ state }} }} {FAILING} }}", cost=cost)
    on, executor = a_still_call_center(), build_executor(SCHEMA)
    expected = await by_graphql_core(operation, a_context(on))
    answered, threads = await answered_by(operation, on=on, executor=executor, monkeypatch=monkeypatch)
    assert answered == expected
    assert threads == {"MainThread", *beside}
    await until_no_thread_is_left()


async def answered_by(
    operation: Any, *, on: Any, executor: Executor, monkeypatch: pytest.MonkeyPatch
) -> tuple[bytes, set[str]]:
    threads = completing_in(monkeypatch)
    return await by_engine(operation, a_context(on), executor=executor), threads


@pytest.mark.parametrize("warm", [True, False])
async def test_evolux_is_read_on_the_main_loop_under_the_callers_deadline(*, warm: bool) -> None:
    on, executor = Noticing(), build_executor(SCHEMA)
    operation = an_operation(ALLOWED, cost=COSTLY)
    expected = await by_graphql_core(operation, a_context(on))
    on.asked.clear()
    with one_deadline(5) as deadline:
        assert await by_engine(operation, a_context(on), executor=executor, warm=warm) == expected
    methods = ["agent_pauses", "agent_pauses", "agent_pauses", "agents", "queues"]
    assert sorted(on.asked) == [(method, "MainThread", deadline) for method in methods]
    await until_no_thread_is_left()


async def test_listings_that_are_asked_for_beside_the_loop_are_taken_at_home_and_once() -> None:
    operation = an_operation(BESIDE_THE_SCHEMA, cost=COSTLY)
    on, executor = Noticing(), build_executor(SCHEMA)
    expected = await by_graphql_core(operation, a_context(on))
    on.asked.clear()
    assert await by_engine(operation, a_context(on, held=on), executor=executor, warm=False) == expected
    assert {thread for _, thread, _ in on.asked} == {"MainThread"}
    assert [method for method, _, _ in on.asked].count("agents_at_hand") == 1
    assert [method for method, _, _ in on.asked].count("queues") == 1
    assert "agents" not in [method for method, _, _ in on.asked]
    await until_no_thread_is_left()


async def test_a_run_that_moved_to_a_thread_stays_there_and_takes_what_is_held_at_home(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lists = " ".join(f"a{at}: agents(first: 500) {{ nodes {{ id }} }}" for at in range(7))
    operation = an_operation(
        f"{{ {lists} agentStates(groupBy: [QUEUE]) {{ groups {{ queue {{ name }} }} }} }}"
    )
    on, handed, passes = Noticing(), list[HandOver](), list[str]()
    rows = [an_agent(number, queue_ids=queue_ids(1)) for number in range(1, 501)]
    on.agent_reading = replace(on.agent_reading, snapshot=Snapshot(rows, fetched_at=NOON))
    complete = running.complete_once

    def noting(*given: Any, **more: Any) -> Any:
        passes.append(threading.current_thread().name)
        return complete(*given, **more)

    expected = await by_graphql_core(operation, a_context(on))
    monkeypatch.setattr(running, "complete_once", noting)
    on.asked.clear()
    executor = build_executor(SCHEMA, on_hand_over=handed.append)
    assert await by_engine(operation, a_context(on, held=on), executor=executor, warm=False) == expected
    assert {thread for _, thread, _ in on.asked} == {"MainThread"}
    assert [thread == "MainThread" for thread in passes] == [True, False, False]
    assert handed == []


async def test_a_costly_mutation_writes_on_the_main_loop_and_is_completed_beside_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    writing: list[str] = []

    async def note(method: str) -> None:
        writing.append(f"{method} in {threading.current_thread().name}")

    answers = []
    for cost in (0, COSTLY):
        on = FakeCallCenter(agents=some_agents(), queues=some_queues(), pauses=[a_pause(50)])
        on.before = note
        writing.clear()
        operation = an_operation(PAUSE, cost=cost)
        answered, threads = await answered_by(
            operation, on=on, executor=build_executor(SCHEMA), monkeypatch=monkeypatch
        )
        answers.append(answered)
        assert threads == {NAME if cost else "MainThread"}
        assert {each.split()[-1] for each in writing} == {"MainThread"}
        assert on.calls["pause_agent"] == 2
    assert answers[0] == answers[1]
    assert b'"changed":true' in answers[0]
    assert b"AGENT_ALREADY_PAUSED" in answers[0]
    await until_no_thread_is_left()


async def test_a_caller_who_leaves_ends_the_reads_that_were_begun_for_it() -> None:
    reading, ended = asyncio.Event(), list[str]()

    class Slow(StillCallCenter):
        async def agent_pauses(self, *_given: Any) -> Any:
            try:
                reading.set()
                await asyncio.Event().wait()
            finally:
                ended.append(threading.current_thread().name)

    document = "{ __schema { queryType { name } } agent(id: 1) { allowedPauses { pause { id } } } }"
    on = Slow(some_agents(), queues=some_queues())
    running = asyncio.create_task(
        build_executor(SCHEMA).run(an_operation(document, cost=COSTLY), context=a_context(on))
    )
    await asyncio.wait_for(reading.wait(), 5)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert ended == ["MainThread"]
    await until_no_thread_is_left()


async def test_errors_are_shaped_beside_the_loop_and_logged_once() -> None:
    odd: Any = an_agent_pause(max_duration_seconds=2**40)
    agents = [msgspec.structs.replace(agent, current_pause=odd) for agent in some_agents()]
    operation = an_operation("{ agents { nodes { currentPause { maxDurationSeconds } } } }", cost=COSTLY)
    on, executor = StillCallCenter(agents), build_executor(SCHEMA)
    result: Any = await executor.run(operation, context=a_context(on))
    assert {type(error) for error in result.errors} == {ShapedError}
    with structlog.testing.capture_logs() as logs:
        expected = await by_graphql_core(operation, a_context(on))
        told = [each["event"] for each in logs]
        logs.clear()
        assert await by_engine(operation, a_context(on), executor=executor) == expected
        assert [each["event"] for each in logs] == told == [INTERNAL_ERROR] * len(result.errors)
    await until_no_thread_is_left()
