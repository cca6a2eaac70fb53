"""Every mutation leaves one record for each agent: who, what, on whom, what came of it; and no secret."""

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.domain.errors import AgentOnCall, OutcomeUnknown, UpstreamUnavailable
from gateway.domain.ids import AgentId
from tests.fakes import FakeCallCenter
from tests.unit.schema.operations import READ_AND_WRITE, a_call_center, run

WHO = {"tenant": "acme", "caller": "wallboard", "request_id": "request-1"}
PAUSE = "pauseAgent(input: {agentId: 2, pauseId: 50})"


async def records(
    document: str, *, on: FakeCallCenter | None = None, scopes: frozenset[str] = READ_AND_WRITE
) -> list[dict[str, Any]]:
    """The audit records of one operation; all are of the one caller, who is left out here."""
    with capture_logs() as logs:
        await run(document, on=on or a_call_center(), scopes=scopes)
    return of(logs)


def of(logs: Any) -> list[dict[str, Any]]:
    found = [line for line in logs if line["event"] == "audit.mutation"]
    for line in found:
        assert {name: line.pop(name) for name in WHO} == WHO
        assert (line.pop("event"), line.pop("log_level")) == ("audit.mutation", "info")
    return found


@pytest.mark.parametrize(
    ("call", "record"),
    [
        (PAUSE, {"operation": "pauseAgent", "agent_id": "2"}),
        ("unpauseAgent(input: {agentId: 1})", {"operation": "unpauseAgent", "agent_id": "1"}),
        ("logoffAgent(input: {agentId: 2})", {"operation": "logoffAgent", "agent_id": "2"}),
        (
            'updateAgent(input: {id: 2, name: "Planted Name", password: "planted-password"})',
            {"operation": "updateAgent", "agent_id": "2"},
        ),
        (
            'createAgent(input: {name: "Planted Name", login: "planted", password: "planted"})',
            {"operation": "createAgent", "agent_id": "6"},
        ),
    ],
)
async def test_a_write_leaves_its_operation_agent_and_outcome_and_no_word_more(
    call: str, record: dict[str, Any]
) -> None:
    found = await records(f"mutation {{ {call} {{ changed }} }}")
    assert found == [{**record, "outcome": "OK", "changed": True}]


@pytest.mark.parametrize("selection", ["changed", "errors { code }"])
async def test_a_refusal_leaves_its_code_whether_it_is_shown_as_data_or_as_an_error(selection: str) -> None:
    on = a_call_center()
    on.fail("pause_agent", AgentOnCall("The agent is on a call."))
    assert await records(f"mutation {{ {PAUSE} {{ {selection} }} }}", on=on) == [
        {"operation": "pauseAgent", "agent_id": "2", "outcome": "AGENT_ON_CALL"}
    ]


async def test_a_failure_and_an_unknown_outcome_leave_their_codes() -> None:
    on = a_call_center()
    on.fail("pause_agent", UpstreamUnavailable("Evolux cannot serve."))
    on.fail("log_off_agent", OutcomeUnknown("The answer was lost."))
    on.fail("read_agent", UpstreamUnavailable("Evolux cannot serve."), times=5)
    assert await records(f"mutation {{ {PAUSE} {{ changed }} }}", on=on) == [
        {"operation": "pauseAgent", "agent_id": "2", "outcome": "UPSTREAM_UNAVAILABLE"},
    ]
    assert await records("mutation { logoffAgent(input: {agentId: 2}) { changed } }", on=on) == [
        {"operation": "logoffAgent", "agent_id": "2", "outcome": "OUTCOME_UNKNOWN"},
    ]


async def test_a_lost_answer_that_a_reading_settled_is_what_it_was_settled_to() -> None:
    on = a_call_center()
    on.lose_answer("pause_agent", OutcomeUnknown("The answer was lost."))
    assert await records(f"mutation {{ {PAUSE} {{ reconciled }} }}", on=on) == [
        {"operation": "pauseAgent", "agent_id": "2", "outcome": "OK", "changed": True, "reconciled": True}
    ]


async def test_what_was_refused_before_anything_was_sent_is_recorded_without_the_senders_words() -> None:
    on = a_call_center()
    document = 'mutation { pauseAgent(input: {agentId: "../1\\nplanted", pauseId: 50}) { errors { code } } }'
    assert await records(document, on=on) == [{"operation": "pauseAgent", "outcome": "BAD_USER_INPUT"}]
    assert on.calls == {}


async def test_what_the_caller_may_not_do_is_recorded() -> None:
    on = a_call_center()
    found = await records(f"mutation {{ {PAUSE} {{ changed }} }}", on=on, scopes=frozenset({"agents:read"}))
    assert found == [{"operation": "pauseAgent", "outcome": "FORBIDDEN"}]
    assert on.calls == {}


async def test_reading_leaves_no_record() -> None:
    assert await records("{ agents { totalCount } viewer { name } }") == []
    assert await records("{ agents { totalCount } }", scopes=frozenset()) == []


async def test_a_write_to_many_leaves_one_record_for_each_agent() -> None:
    document = "mutation { pauseAgents(input: {agentIds: [1, 2, 77], pauseId: 50}) { doneCount } }"
    assert await records(document) == [
        {"operation": "pauseAgents", "agent_id": "1", "outcome": "AGENT_ALREADY_PAUSED"},
        {"operation": "pauseAgents", "agent_id": "2", "outcome": "OK", "changed": True},
        {"operation": "pauseAgents", "agent_id": "77", "outcome": "AGENT_NOT_FOUND"},
    ]


async def test_a_write_to_many_that_is_refused_as_a_whole_or_only_tried_leaves_one_record() -> None:
    many = "mutation { unpauseAgents(input: {agentIds: [1, x]}) { errors { code } } }".replace("x", '"no"')
    assert await records(many) == [{"operation": "unpauseAgents", "outcome": "BAD_USER_INPUT"}]
    dry = "mutation { unpauseAgents(input: {agentIds: [1, 2], dryRun: true}) { dryRun } }"
    assert await records(dry) == [{"operation": "unpauseAgents", "outcome": "OK", "dry_run": True}]


class Held:
    """A call centre that holds its writes until it is told, and the operation that a caller leaves."""

    def __init__(self, *methods: str) -> None:
        self.on, self.begun, self.released = a_call_center(), asyncio.Event(), asyncio.Event()
        self.on.before = self._hold
        self._methods = methods

    async def _hold(self, method: str) -> None:
        if method in self._methods:
            self.begun.set()
            await self.released.wait()

    async def leave(self, document: str) -> None:
        """Ask, and hang up once a held call has begun."""
        asking = asyncio.create_task(run(document, on=self.on))
        async with asyncio.timeout(5):
            await self.begun.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking


async def ended() -> None:
    """Let what was released run to its end."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others:
        await asyncio.wait(others, timeout=5)
    await asyncio.sleep(0)  # for what is called when they end


async def test_a_write_whose_caller_hung_up_is_recorded_when_it_ends_with_what_it_came_to() -> None:
    held = Held("pause_agent")
    with capture_logs() as logs:
        await held.leave(f"mutation {{ {PAUSE} {{ changed }} }}")
        assert of(logs) == []
        held.released.set()
        await ended()
    assert held.on.rows[AgentId(2)].current_pause is not None
    assert of(logs) == [{"operation": "pauseAgent", "agent_id": "2", "outcome": "OK", "caller_left": True}]


async def test_an_agent_created_for_a_caller_who_left_is_recorded_with_its_id() -> None:
    held = Held("create_agent")
    with capture_logs() as logs:
        await held.leave(
            'mutation { createAgent(input: {name: "N", login: "n", password: "p"}) { changed } }'
        )
        held.released.set()
        await ended()
    assert of(logs) == [{"operation": "createAgent", "agent_id": "6", "outcome": "OK", "caller_left": True}]


async def test_a_refusal_that_nobody_waits_for_is_recorded() -> None:
    held = Held("pause_agent")
    held.on.on_call.add(AgentId(2))
    with capture_logs() as logs:
        await held.leave(f"mutation {{ {PAUSE} {{ changed }} }}")
        held.released.set()
        await ended()
    [record] = of(logs)
    assert (record["agent_id"], record["caller_left"]) == ("2", True)
    assert record["outcome"] != "OK" or held.on.rows[AgentId(2)].current_pause is not None


async def test_a_caller_who_left_before_anything_was_sent_is_recorded_as_such() -> None:
    held = Held("read_agent")
    expecting = "pauseAgent(input: {agentId: 2, pauseId: 50, ifState: LOGGED_IN})"
    with capture_logs() as logs:
        await held.leave(f"mutation {{ {expecting} {{ changed }} }}")
        held.released.set()
        await ended()
    assert held.on.calls["pause_agent"] == 0
    assert of(logs) == [{"operation": "pauseAgent", "agent_id": "2", "outcome": "CALLER_LEFT"}]


async def test_of_many_writes_those_that_were_sent_are_recorded() -> None:
    held = Held("log_off_agent")
    with capture_logs() as logs:
        await held.leave("mutation { logoffAgents(input: {agentIds: [1, 2, 3]}) { doneCount } }")
        held.released.set()
        await ended()
    assert sorted(line["agent_id"] for line in of([dict(one) for one in logs])) == ["1", "2", "3"]
