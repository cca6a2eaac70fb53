"""Generated operations: the engine and graphql-core answer alike, to the byte.

`GATEWAY_GENERATED_OPERATIONS` says how many in all; without it, the two thousand of CI.
"""

import os
from datetime import timedelta
from random import Random
from typing import Any

import msgspec
import pytest
from graphql import parse, validate
from msgspec.structs import replace

from gateway.domain.contents import Content
from gateway.domain.errors import UpstreamInvalidResponse, UpstreamTimeout
from gateway.domain.listings import Reading, Snapshot
from gateway.engine.executor import Executor
from gateway.schema.context import OperationContext
from gateway.schema.planning import build_executor
from gateway.telemetry.labels import HandOver
from tests.builders import NOON, a_pause, an_agent_pause
from tests.fakes import FakeClock
from tests.unit.engine.comparing import (
    SCHEMA,
    by_engine,
    by_engine_at_once,
    by_graphql_core,
    operation_of,
)
from tests.unit.engine.generator import Generated, Generator
from tests.unit.engine.worlds import (
    READ_AND_WRITE,
    StillCallCenter,
    a_context,
    a_still_call_center,
    some_cursors,
)

OPERATIONS = int(os.environ.get("GATEWAY_GENERATED_OPERATIONS", "2000"))
SHARDS = 8
COSTS = (0, 10_000)
"""What is handed over is run on the loop in one half of the shards, beside it in the other."""
USUALLY_HANDED_OVER = 0.33
"""The share of these operations, which fail far more often than anybody's, that graphql-core is left with."""
AT_ONCE = 0.1
"""At least this share needs nothing but what is at hand; others ask for each agent's pauses, or fail."""
CURSORS = some_cursors()
SMALL = {"max_plan_bytes": 2**21, "max_answer_bytes": 2**17, "max_fragment_bytes": 2**17}


def generate(rng: Random) -> Generated:
    while True:
        generated = Generator(SCHEMA, rng, CURSORS).operation()
        if validate(SCHEMA, parse(generated.document)) == []:
            return generated


def disturb(on: StillCallCenter, rng: Random) -> None:
    """Let some call centres fail, or hold what the schema does not allow."""
    if rng.random() < 0.06:
        on.failures[rng.choice(("agents", "queues", 1, 9))] = UpstreamTimeout(
            "Evolux did not answer in time."
        )
    if rng.random() < 0.06:
        at, row = rng.choice(list(enumerate(on.agent_reading.snapshot.rows)))
        odd: Any = rng.choice(
            (
                {"name": None},
                {"enabled": "yes"},
                {"extension": object()},
                {"current_pause": an_agent_pause(max_duration_seconds=2**40)},
                {"current_pause": an_agent_pause(replace(a_pause(), description=None))},
            )
        )
        rows = list(on.agent_reading.snapshot.rows)
        rows[at] = replace(row, **odd)
        change_agents(on, rows, version="odd")


def change_agents(on: StillCallCenter, rows: list[Any], *, version: str | None = None) -> None:
    content = None if version is None else Content(version, 1)
    snapshot = Snapshot(rows, fetched_at=NOON, content=content)
    on.agent_reading = replace(on.agent_reading, snapshot=snapshot)


def age(on: StillCallCenter) -> None:
    """The same rows, read later: equal versions, another age."""
    reading: Reading[Any] = on.agent_reading
    content = Content(reading.snapshot.version, 1)
    same = Snapshot(reading.snapshot.rows, fetched_at=NOON + timedelta(seconds=30), content=content)
    on.agent_reading = replace(reading, snapshot=same, age_seconds=7.25, stale=True)


def change(on: StillCallCenter) -> None:
    """A new walk: equal rows are other objects, and two rows have changed."""
    rows = [replace(row) for row in on.agent_reading.snapshot.rows]
    rows[0] = replace(rows[0], name="Ana Maria", queue_ids=())
    rows[2] = replace(rows[2], enabled=False)
    change_agents(on, rows)
    on.queue_reading = replace(
        on.queue_reading, snapshot=Snapshot(on.queue_reading.snapshot.rows[1:], fetched_at=NOON)
    )


async def compare(generated: Generated, *, executor: Executor, rng: Random, cost: int) -> int:
    """Compare all ways to an answer; gives how many were had at once."""
    at_once = 0
    on = a_still_call_center()
    disturb(on, rng)
    operation = operation_of(
        generated.document, parse(generated.document), variables=generated.variables, cost=cost
    )
    scopes = frozenset({"agents:write"}) if rng.random() < 0.03 else READ_AND_WRITE
    caller, clock = rng.choice(("wallboard", "reader")), FakeClock()

    def context(**more: Any) -> OperationContext:
        return a_context(on, clock=clock, scopes=scopes, caller_name=caller, **more)

    for step in ("first", "again", "later", "changed"):
        if step == "later":
            clock.advance(37)
            age(on)
        if step == "changed" and "odd" not in on.agent_reading.snapshot.version:
            change(on)
        theirs, ours = context(), context()
        expected = await by_graphql_core(operation, theirs)
        read = used(theirs)  # what graphql-core cancelled may go on to read
        answered = await by_engine(operation, ours, executor=executor, warm=step != "again")
        begun = context(readings=at_hand(on))
        ready = by_engine_at_once(operation, begun, executor=executor)
        if ready is not None:
            at_once += 1
            assert ready == expected, (step, generated)
            assert_same_readings(used(begun), read, step="at once", failed=False)
        if step == "again" and expected.count(b'"requestId"') > 1:
            continue  # with reads under way, the order of several errors is not the specification's business
        takes_all = expected.startswith(b'{"data":null')
        if "agent_pauses" in on.calls or (step == "again" and takes_all):
            # waited for by graphql-core, at hand once the engine hands over, or waited for on another loop
            assert is_alike_but_for_waits(answered, expected), (step, generated)
        else:
            assert answered == expected, (step, generated)
        assert_same_readings(used(ours), read, step=step, failed=b'"requestId"' in expected)
    return at_once


def at_hand(on: StillCallCenter) -> dict[str, Reading[Any]]:
    """The listings that are there without waiting."""
    readings = {"agents": on.agent_reading, "queues": on.queue_reading}
    return {name: reading for name, reading in readings.items() if name not in on.failures}


def is_alike_but_for_waits(answer: bytes, expected: bytes) -> bool:
    """Whether they have the same data and errors, in any order.

    Where errors take all, which of them are told depends on the wait that ends first.
    """
    ours, theirs = msgspec.json.decode(answer), msgspec.json.decode(expected)
    told, known = (sorted(map(msgspec.json.encode, each.get("errors", ()))) for each in (ours, theirs))
    if ours["data"] is None and theirs["data"] is None:
        return bool(told and known)
    return bool(ours["data"] == theirs["data"] and told == known)


def assert_same_readings(ours: list[Any], theirs: list[Any], *, step: str, failed: bool) -> None:
    """The age that an answer tells comes from the same listings; after a failure, perhaps from more."""
    ids = [{id(each) for each in readings} for readings in (ours, theirs)]
    if failed or step == "again":
        assert ids[0] >= ids[1] or step == "again"
    else:
        assert ids[0] == ids[1], step


def used(context: OperationContext) -> list[Any]:
    """The readings of whole listings that an answer tells the age of."""
    return [each for each in context.readings if each.age_seconds]


@pytest.mark.filterwarnings(
    # graphql-core leaves what it cancels after a failure unawaited
    "ignore:coroutine .* was never awaited:RuntimeWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)
@pytest.mark.parametrize("shard", range(SHARDS))
async def test_generated_operations_are_answered_alike(shard: int) -> None:
    rng = Random(f"shard {shard}")  # noqa: S311 - it need not surprise anybody
    handed: list[HandOver] = []
    executor = build_executor(SCHEMA, on_hand_over=handed.append, **SMALL)
    count, at_once = OPERATIONS // SHARDS, 0
    for _ in range(count):
        at_once += await compare(generate(rng), executor=executor, rng=rng, cost=COSTS[shard % 2])
    assert set(handed) <= {HandOver.FIELD_ERROR, HandOver.SEVERAL_ERRORS, HandOver.VARIABLES}
    steps = 4
    by_chance = 3 * (USUALLY_HANDED_OVER * (1 - USUALLY_HANDED_OVER) / count) ** 0.5
    assert len(handed) / steps / count < USUALLY_HANDED_OVER + by_chance
    assert at_once / steps / count > AT_ONCE


async def test_a_listing_that_is_not_whole_hides_no_error() -> None:
    on = a_still_call_center()
    on.failures["agents"] = UpstreamInvalidResponse("Evolux's listing could not be read whole.")
    operation = operation_of("{ agents { totalCount } }", parse("{ agents { totalCount } }"))
    executor = build_executor(SCHEMA)
    expected = await by_graphql_core(operation, a_context(on))
    assert await by_engine(operation, a_context(on), executor=executor) == expected
    assert b'"data":null' in expected
