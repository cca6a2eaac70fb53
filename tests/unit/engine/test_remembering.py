"""What the executor remembers, for whom and how long; and what it never does."""

import asyncio
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.domain.listings import Snapshot
from gateway.engine import executor as engine
from gateway.engine import running
from gateway.engine.execution import Operation
from gateway.engine.executor import Executor
from gateway.engine.remembered import Found
from gateway.schema.context import LISTINGS
from gateway.schema.planning import build_executor
from tests.builders import NOON, a_login, an_agent, an_agent_pause, queue_ids
from tests.fakes import FakeClock
from tests.unit.engine.comparing import (
    SCHEMA,
    an_operation,
    by_engine,
    by_engine_at_once,
    by_graphql_core,
)
from tests.unit.engine.worlds import StillCallCenter, a_context, a_still_call_center, some_queues


async def test_two_callers_and_two_tenants_share_no_answer() -> None:
    operation = an_operation("{ viewer { name tenant scopes } agents(first: 1) { nodes { name } } }")
    executor, ours, theirs = (
        build_executor(SCHEMA),
        a_still_call_center(),
        StillCallCenter([an_agent(1, name="Outra")]),
    )
    for on, changes in (
        (ours, {"caller_name": "a", "scopes": frozenset({"agents:read"})}),
        (ours, {"caller_name": "b", "scopes": frozenset({"agents:read"})}),
        (theirs, {"caller_name": "a", "tenant_id": "other"}),
        (ours, {"caller_name": "a", "scopes": frozenset({"agents:write"})}),
    ) * 2:
        expected = await by_graphql_core(operation, a_context(on, **changes))
        assert await by_engine(operation, a_context(on, **changes), executor=executor) == expected


async def test_ages_and_durations_move_on_while_the_listing_stays() -> None:
    document = """{ agents { freshness { ageSeconds stale fetchedAt }
        nodes { currentPause { elapsedSeconds } } } agentStates { total { longestPauseSeconds } } }"""
    on, clock, executor, operation = (
        a_still_call_center(),
        FakeClock(),
        build_executor(SCHEMA),
        an_operation(document),
    )
    seen = set()
    for age_seconds in (0.5, 1.5, 2.5):
        clock.advance(60)
        on.agent_reading = replace(on.agent_reading, age_seconds=age_seconds)
        expected = await by_graphql_core(operation, a_context(on, clock=clock))
        assert await by_engine(operation, a_context(on, clock=clock), executor=executor) == expected
        seen.add(expected)
    assert len(seen) == 3


async def test_a_field_that_asks_for_the_instant_without_saying_so_is_not_remembered() -> None:
    clock, on = FakeClock(), a_still_call_center()
    executor, operation = build_executor(SCHEMA), an_operation("{ agents { totalCount } }")
    context = a_context(on, clock=clock)
    assert context.now == NOON
    await by_engine(operation, context, executor=executor)
    assert executor.held_bytes["answers"] == 0
    await by_engine(operation, a_context(on, clock=clock), executor=executor)
    assert executor.held_bytes["answers"] > 0


async def test_rows_that_did_not_change_keep_their_bytes_through_a_new_walk() -> None:
    agents = [an_agent(at, last_login=a_login(), queue_ids=queue_ids(1)) for at in range(1, 31)]
    on, executor = StillCallCenter(agents, queues=some_queues()), build_executor(SCHEMA)
    operation = an_operation("{ agents { nodes { id name queues { name } } } }")
    await by_engine(operation, a_context(on), executor=executor)
    [(_, (fragments, _))] = executor._memory._fragments._held.items()
    before = {kept.row.id: kept.raw for kept in fragments.known.values()}
    walked = [replace(row, name="Novo") if row.id == 3 else replace(row) for row in agents]
    on.agent_reading = replace(on.agent_reading, snapshot=Snapshot(walked, fetched_at=NOON))
    expected = await by_graphql_core(operation, a_context(on))
    assert await by_engine(operation, a_context(on), executor=executor) == expected
    after = {kept.row.id: kept.raw for kept in fragments.known.values()}
    assert [at for at in before if after[at] is not before[at]] == [3]


async def test_new_names_of_queues_reach_rows_that_did_not_change() -> None:
    on, executor = a_still_call_center(), build_executor(SCHEMA)
    operation = an_operation("{ agents { nodes { id queues { name } } } }")
    await by_engine(operation, a_context(on), executor=executor)
    renamed = [replace(queue, name=f"Nova {queue.id}") for queue in some_queues()]
    on.queue_reading = replace(on.queue_reading, snapshot=Snapshot(renamed, fetched_at=NOON))
    answer = await by_engine(operation, a_context(on), executor=executor)
    assert b"Nova 1" in answer
    assert b"Vendas" not in answer


async def held_after(count: int, *, executor: Executor) -> dict[str, int]:
    on = StillCallCenter([an_agent(at, last_login=a_login()) for at in range(1, 40)], queues=some_queues())
    for at in range(count):
        operation = an_operation(
            f"query ($n: Int) {{ a{at}: agents(first: $n) {{ nodes {{ id b{at}: name }} }} }}"
        )
        await by_engine(operation, a_context(on), executor=executor)
    return executor.held_bytes


async def test_what_is_held_stays_within_its_bounds_however_many_queries_differ() -> None:
    bounds = {"plans": 100_000, "answers": 60_000, "fragments": 50_000}
    executor = build_executor(SCHEMA, **{f"max_{name[:-1]}_bytes": size for name, size in bounds.items()})
    held = await held_after(60, executor=executor)
    assert all(0 < held[name] <= bound for name, bound in bounds.items()), held
    assert len(executor._prepared) < 60


@pytest.mark.parametrize("ending", ["at once", "by moving to a thread", "by failing"])
@pytest.mark.parametrize("is_begun_at_once", [False, True])
async def test_rows_kept_by_runs_that_end_early_are_weighed_too(
    *, ending: str, is_begun_at_once: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if ending == "by moving to a thread":
        monkeypatch.setattr(running, "MAX_ITEMS_ON_LOOP", 90)
    agents = [an_agent(at, queue_ids=queue_ids(1, 2)) for at in range(1, 60)]
    whole = StillCallCenter(agents, queues=some_queues())
    broken: Any = replace(agents[-1], name=None)
    ended = StillCallCenter([*agents[:-1], broken], queues=some_queues()) if ending == "by failing" else whole
    few = StillCallCenter(agents[:1], queues=some_queues())
    executor = build_executor(SCHEMA, max_fragment_bytes=30_000)
    for at in range(12):
        operation = an_operation(
            f"{{ agents(first: 59) {{ nodes {{ b{at}: name queues {{ id name }} }} }} }}"
        )
        if is_begun_at_once:
            await by_engine(operation, a_context(few), executor=executor)
            context = a_context(ended)
            await context.settle(LISTINGS)
            answer = by_engine_at_once(operation, context, executor=executor)
            assert (answer is not None) is (ending == "at once")
        else:
            await by_engine(operation, a_context(ended), executor=executor)
        fragments = executor._memory._fragments
        held = sum(each.bytes for each, _ in fragments._held.values())
        assert held <= fragments.bytes <= 30_000


async def test_listings_that_a_query_used_before_are_read_together_where_no_answer_is_remembered() -> None:
    on, operation = a_still_call_center(), an_operation("{ agent(id: 1) { queues { name } } }")
    executor = build_executor(SCHEMA, max_answer_bytes=0)
    await by_engine(operation, a_context(on), executor=executor)
    begun = list[str]()
    both_begun = asyncio.Event()

    async def read(name: str, reading: Any) -> Any:
        begun.append(name)
        if len(begun) == 2:
            both_begun.set()
        await asyncio.wait_for(both_begun.wait(), 10)
        return reading

    slow: Any = SimpleNamespace(
        agents=lambda _bound: read("agents", on.agent_reading),
        queues=lambda _bound: read("queues", on.queue_reading),
    )
    expected = await by_graphql_core(operation, a_context(on))
    assert await by_engine(operation, a_context(slow), executor=executor, warm=False) == expected


async def test_a_large_answer_does_not_hold_the_event_loop() -> None:
    agents = [
        an_agent(at, queue_ids=queue_ids(1, 2, 3), last_login=a_login(), current_pause=an_agent_pause())
        for at in range(1, 121)
    ]
    on, executor = StillCallCenter(agents, queues=some_queues()), build_executor(SCHEMA)
    operation = an_operation(
        """{ queues { agents(first: 120) { nodes { id
             queues { agents(first: 120) { nodes { id name } } } } } } }"""
    )
    context, gaps, is_over = a_context(on), [], False

    async def watch() -> None:
        while not is_over:
            begun = time.perf_counter()
            await asyncio.sleep(0)
            gaps.append(time.perf_counter() - begun)

    watching = asyncio.create_task(watch())
    answer = await by_engine(operation, context, executor=executor)
    is_over = True
    await watching
    assert answer.count(b'"name"') == 3 * 120 * 3 * 120
    assert len(gaps) > 3


def test_the_engine_names_no_field_and_no_type_of_the_schema() -> None:
    named = {
        *SCHEMA.type_map,
        *(name for each in SCHEMA.type_map.values() for name in getattr(each, "fields", ())),
    }
    told = {name for name in named if len(name) > 12 or (name != name.lower() and name[0].islower())}
    assert {"allowedPauses", "elapsedSeconds", "currentPause"} <= told
    own = ("executor", "fragments", "leaves", "places", "plans", "prepared", "running", "script", "writing")
    texts = [Path(engine.__file__).with_name(f"{name}.py").read_text(encoding="utf-8") for name in own]
    assert not [name for name in told for text in texts if name in text]


async def test_what_waited_for_listings_alone_is_run_at_once_when_they_are_at_hand() -> None:
    on, executor = a_still_call_center(), build_executor(SCHEMA)
    document = "query ($id: ID!) { agent(id: $id) { id queues { name } } }"
    first, other = (an_operation(document, variables={"id": each}) for each in ("1", "2"))
    await by_engine(first, a_context(on), executor=executor, warm=False)
    assert by_engine_at_once(other, a_context(on), executor=executor) is None  # nothing is at hand
    readings = {"agents": on.agent_reading, "queues": on.queue_reading}
    context = a_context(on, readings=readings)
    assert by_engine_at_once(other, context, executor=executor) == await by_graphql_core(other, a_context(on))
    assert context.readings == tuple(readings.values())


async def test_what_waits_for_more_than_listings_is_not_run_at_once() -> None:
    on, executor = a_still_call_center(), build_executor(SCHEMA)
    operation = an_operation("query ($id: ID!) { agent(id: $id) { allowedPauses { pause { id } } } }")
    operation = replace(operation, variables={"id": "1"})
    await by_engine(operation, a_context(on), executor=executor)
    before = list(on.calls)
    readings = {"agents": on.agent_reading, "queues": on.queue_reading}
    assert by_engine_at_once(operation, a_context(on, readings=readings), executor=executor) is None
    assert on.calls == before


async def run_and_find(operation: Operation, *, on: StillCallCenter, executor: Executor) -> Found:
    """Run it once, and give what is known of it then."""
    await by_engine(operation, a_context(on), executor=executor)
    found = executor.find(operation, variables=None, tenant_id="acme", scopes=frozenset())
    assert found is not None
    return found


async def test_what_is_begun_in_vain_again_and_again_is_begun_no_more() -> None:
    on, executor = a_still_call_center(), build_executor(SCHEMA)
    operation = an_operation("query ($n: Int) { agents(first: $n) { nodes { queues { name } } } }")
    found = await run_and_find(operation, on=on, executor=executor)
    begun = [executor.known_run(found, variables=None)]
    for _ in range(9):
        known = begun[-1]
        assert known is None or executor.run_at_once(known, context=a_context(on)) is None
        begun.append(executor.known_run(found, variables=None))
    assert begun[1] is not None
    assert begun[-1] is None


async def test_a_plan_that_was_begun_in_vain_is_tried_again_after_many_runs() -> None:
    on, executor = a_still_call_center(), build_executor(SCHEMA, max_answer_bytes=0)
    operation = an_operation("query ($n: Int) { agents(first: $n) { nodes { queues { name } } } }")
    found = await run_and_find(operation, on=on, executor=executor)

    for tries in (4, 1):
        for _ in range(tries):
            known = executor.known_run(found, variables=None)
            assert known is not None
            assert executor.run_at_once(known, context=a_context(on)) is None
        runs = 0
        while runs < 99 and executor.known_run(found, variables=None) is None:
            await by_engine(operation, a_context(on), executor=executor, warm=False)
            runs += 1
        assert runs == 32


async def test_what_is_run_at_once_meanwhile_may_be_begun_in_vain_again() -> None:
    on, executor = a_still_call_center(), build_executor(SCHEMA)
    operation = an_operation("{ agents { nodes { queues { name } } } }")
    found = await run_and_find(operation, on=on, executor=executor)
    readings = {"agents": on.agent_reading, "queues": on.queue_reading}
    for _ in range(9):
        known = executor.known_run(found, variables=None)
        assert known is not None
        assert executor.run_at_once(known, context=a_context(on)) is None
        assert executor.run_at_once(known, context=a_context(on, readings=readings)) is not None


async def test_variables_that_find_nobody_are_not_kept_beyond_the_bound() -> None:
    document = """query ($ids: [ID!], $n: Int) { agents(filter: { ids: $ids }) {
        nodes { queues { agents(first: $n) { totalCount } } } } }"""
    on, executor = a_still_call_center(), build_executor(SCHEMA, max_fragment_bytes=60_000)
    for number in range(30):
        variables = {"ids": [str(10**14 + number)] * 400, "n": 1}
        answered = await by_engine(
            an_operation(document, variables=variables), a_context(on), executor=executor
        )
        assert answered == b'{"data":{"agents":{"nodes":[]}}}'
    assert 0 < len(executor._memory._fragments) <= 9
