import asyncio
import gc

import pytest

from gateway.domain.errors import UpstreamTimeout
from gateway.domain.ids import AgentId
from gateway.domain.listings import FreshnessBound
from gateway.schema.context import LISTINGS, OperationContext
from gateway.schema.shared_reads import SharedRead
from tests.builders import a_login, an_agent, queue_ids
from tests.fakes import FakeCallCenter, FakeClock
from tests.unit.engine.worlds import a_context
from tests.unit.schema.operations import a_call_center, run


class ChangingCallCenter(FakeCallCenter):
    """Gains an agent with every read of the listing."""

    def __init__(self) -> None:
        super().__init__(agents=[an_agent(1, queue_ids=queue_ids(1), last_login=a_login())])
        self.before = self._grow

    async def _grow(self, method: str) -> None:
        if method == "agents":
            self.put(an_agent(100 + self.calls["agents"], queue_ids=queue_ids(1)))


async def test_an_operation_sees_one_listing_from_its_first_field_to_its_last() -> None:
    on = ChangingCallCenter()
    answer = await run(
        """{ a: agents { totalCount nodes { queues { agents { totalCount } agentStates { agents } } } }
             agentStates { total { agents } } queue(id: 1) { agents { totalCount } } b: agents { totalCount }
             agent(id: 102) { id } }""",
        on=on,
    )
    queue = {"agents": {"totalCount": 2}, "agentStates": {"agents": 2}}
    assert answer.data == {
        "a": {"totalCount": 2, "nodes": [{"queues": [queue]}, {"queues": [queue]}]},
        "agentStates": {"total": {"agents": 2}},
        "queue": {"agents": {"totalCount": 2}},
        "b": {"totalCount": 2},
        "agent": None,
    }
    assert answer.codes == [("AGENT_NOT_FOUND", ["agent"])]
    assert on.calls == {"agents": 1, "queues": 1}


async def test_a_mutation_lets_later_fields_read_anew_at_a_later_instant() -> None:
    on, clock = ChangingCallCenter(), FakeClock()
    on.now = clock
    on.pauses = a_call_center().pauses
    grow = on.before
    assert grow is not None

    async def grow_later(method: str) -> None:
        clock.advance(60)
        await grow(method)

    on.before = grow_later
    pause = (
        "agent { queues { agents { totalCount freshness { fetchedAt } } } currentPause { elapsedSeconds } }"
    )
    answer = await run(
        f"""mutation {{
          first: pauseAgent(input: {{agentId: 1, pauseId: 50}}) {{ {pause} }}
          second: unpauseAgent(input: {{agentId: 1}}) {{ {pause} }}
        }}""",
        on=on,
        clock=clock,
    )
    assert answer.errors == []
    totals = [answer.data[name]["agent"]["queues"][0]["agents"]["totalCount"] for name in ("first", "second")]
    assert totals == [2, 3]
    assert answer.data["first"]["agent"]["currentPause"] == {"elapsedSeconds": 60}
    assert on.calls == {"pause_agent": 1, "unpause_agent": 1, "read_agent": 2, "agents": 2}
    assert len(answer.context.readings) == 2


async def test_a_refused_write_keeps_what_was_read() -> None:
    on = a_call_center()
    answer = await run(
        """mutation { a: unpauseAgent(input: {agentId: 2}) { errors { code } }
                      b: unpauseAgent(input: {agentId: 2}) { errors { code } } }""",
        on=on,
    )
    before = answer.context.agents
    assert answer.errors == []
    assert (await before.result()).snapshot.by_id.keys() == {1, 2, 3, 4, 5}
    assert answer.context.agents is before


async def test_every_reading_is_kept_with_the_callers_bound() -> None:
    on, bound = a_call_center(), FreshnessBound(max_age_seconds=2.0)
    answer = await run(
        "{ agent(id: 1) { queues { name } allowedPauses { pause { id } } } }", on=on, bound=bound
    )
    assert [len(reading.snapshot.rows) for reading in answer.context.readings] in ([5, 2, 4], [5, 4, 2])
    assert on.bounds == [bound, bound, bound]


async def test_one_instant_holds_for_a_whole_query() -> None:
    on, clock = a_call_center(), FakeClock()

    async def take_a_minute(_method: str) -> None:
        clock.advance(60)

    on.before = take_a_minute
    answer = await run(
        """{ agent(id: 1) { currentPause { elapsedSeconds }
             queues { name agents { nodes { currentPause { elapsedSeconds } } } } } }""",
        on=on,
        clock=clock,
    )
    agent = answer.data["agent"]
    seen = {
        node["currentPause"]["elapsedSeconds"]
        for queue in agent["queues"]
        for node in queue["agents"]["nodes"]
        if node["currentPause"]
    }
    assert seen == {agent["currentPause"]["elapsedSeconds"]} == {660}


async def test_a_failed_read_fails_each_field_that_needs_it_and_is_not_repeated() -> None:
    on = a_call_center()
    on.fail("agents", UpstreamTimeout("Evolux did not answer in time."))
    answer = await run("{ a: agent(id: 1) { id } b: agent(id: 2) { id } viewer { name } }", on=on)
    assert answer.data == {"a": None, "b": None, "viewer": {"name": "wallboard"}}
    assert answer.codes == [("UPSTREAM_TIMEOUT", ["a"]), ("UPSTREAM_TIMEOUT", ["b"])]
    assert on.calls == {"agents": 1}
    assert answer.context.readings == ()


@pytest.mark.parametrize(
    "selection",
    ["nodes { queues { name } }", "edges { ...Edge }", "nodes { outboundQueue { ... { id number } } }"],
)
async def test_agents_and_the_queues_they_show_are_read_at_once(selection: str) -> None:
    on, both = a_call_center(), asyncio.Barrier(2)

    async def wait_for_the_other(_method: str) -> None:
        await asyncio.wait_for(both.wait(), timeout=5)

    on.before = wait_for_the_other
    fragment = "fragment Edge on AgentEdge { node { queues { name } } }" if "...Edge" in selection else ""
    answer = await run(f"{{ agents {{ {selection} }} }} {fragment}", on=on)
    assert answer.errors == []
    assert on.calls == {"agents": 1, "queues": 1}


@pytest.mark.parametrize("shown", ["queues { id }", "outboundQueue { id __typename }", "name"])
async def test_agents_who_show_no_more_than_ids_of_queues_read_no_queue_listing(shown: str) -> None:
    on = a_call_center()
    await run(f"{{ agents {{ nodes {{ {shown} queues @skip(if: true) {{ name }} }} }} }}", on=on)
    assert on.calls == {"agents": 1}


async def test_a_queue_listing_that_fails_leaves_agents_who_are_in_no_queue() -> None:
    on = FakeCallCenter(agents=[an_agent(1)])
    on.fail("queues", UpstreamTimeout("Evolux did not answer in time."))
    answer = await run("{ agents { nodes { id queues { name } outboundQueue { name } } } }", on=on)
    assert answer.errors == []
    assert answer.data == {"agents": {"nodes": [{"id": "1", "queues": [], "outboundQueue": None}]}}


async def test_a_caller_who_hangs_up_cancels_the_read() -> None:
    on, begun, cancelled = a_call_center(), asyncio.Event(), asyncio.Event()

    async def never(_method: str) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    on.before = never
    operation = asyncio.create_task(run("{ a: agents { totalCount } b: agent(id: 1) { id } }", on=on))
    await begun.wait()
    operation.cancel()
    with pytest.raises(asyncio.CancelledError):
        await operation
    await asyncio.wait_for(cancelled.wait(), timeout=5)
    assert on.calls == {"agents": 1}


async def test_a_field_that_fails_takes_no_shared_read_from_another() -> None:
    on, begun, may_go_on = a_call_center(), asyncio.Event(), asyncio.Event()

    async def hold(method: str) -> None:
        if method == "queues":
            begun.set()
            await may_go_on.wait()

    on.before = hold
    on.fail("agent_pauses", UpstreamTimeout("Evolux did not answer in time."))
    operation = asyncio.create_task(
        run(
            """{ a: agent(id: 1) { allowedPauses { pause { id } } queues { name } }
                 b: agent(id: 2) { queues { name } } }""",
            on=on,
        )
    )
    await begun.wait()
    may_go_on.set()
    answer = await operation
    assert answer.data == {"a": None, "b": {"queues": [{"name": "Vendas"}, {"name": None}]}}
    assert answer.codes == [("UPSTREAM_TIMEOUT", ["a", "allowedPauses"])]


async def test_a_shared_read_whose_users_have_all_gone_begins_anew() -> None:
    reads, begun = 0, asyncio.Event()

    async def read() -> int:
        nonlocal reads
        reads += 1
        begun.set()
        if reads == 1:
            await asyncio.Event().wait()
        return reads

    shared = SharedRead(read)
    users = [asyncio.create_task(shared.result()) for _ in range(2)]
    await begun.wait()
    for user in users:
        user.cancel()
    assert [type(gone) for gone in await asyncio.gather(*users, return_exceptions=True)] == [
        asyncio.CancelledError
    ] * 2
    assert await shared.result() == 2
    assert shared.use(lambda number: number * 10) == 20
    assert reads == 2


async def test_a_context_goes_without_the_garbage_collector() -> None:
    on = a_call_center()

    async def use_one() -> None:
        context = a_context(on)
        await context.settle(LISTINGS)
        context.use_listings(LISTINGS)
        context.allowed_pauses(AgentId(1))
        context.forget()

    def alive() -> int:
        return sum(isinstance(each, OperationContext | SharedRead) for each in gc.get_objects())

    await use_one()
    gc.collect()
    before = alive()
    gc.disable()
    try:
        for _ in range(10):
            await use_one()
        assert alive() == before
    finally:
        gc.enable()
