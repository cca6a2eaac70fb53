"""The audit trail from socket to log: GraphQL and REST leave the same records, whatever the log's level."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.simulator.world import World
from tests.served import KEY, READER_KEY, Plan, Served, serving, token_of

PASSWORD = "planted-password"
NAMES = ("planted name", "planted-login", PASSWORD)


@pytest.fixture
async def world() -> World:
    world = World(token=token_of("acme"))
    for name in ("Ana", "Bruno"):
        world.add_agent(name, login=name.lower())
    return world


@pytest.fixture
async def served(world: World) -> AsyncIterator[Served]:
    async with serving(world, plan=Plan()) as (running, _simulators):
        yield running


def records(served: Served) -> list[dict[str, Any]]:
    """The audit records so far, without what every line has; nothing planted is in any."""
    found = [line for line in served.log_lines() if line["event"] == "audit.mutation"]
    for line in found:
        assert (line.pop("logger"), line.pop("level")) == ("gateway.audit", "info")
        assert {line.pop("event"), line.pop("tenant")} == {"audit.mutation", "acme"}
        line.pop("timestamp")
        line.pop("trace_id", None)
        line.pop("span_id", None)
        assert not any(name in str(line) for name in NAMES)
    return found


async def rest(served: Served, method: str, path: str, *, key: str = KEY, body: Any = None) -> int:
    headers = {"Authorization": f"Bearer {key}", "X-Request-Id": "from-rest"}
    answer = await served.client.request(method, f"/v1{path}", json=body or {}, headers=headers)
    return answer.status_code


async def test_both_surfaces_record_the_same_of_the_same_writes(served: Served) -> None:
    given = f'{{name: "{NAMES[0]}", login: "{NAMES[1]}", password: "{PASSWORD}"}}'
    headers = {"X-Request-Id": "from-graphql"}
    for document in (
        f"mutation {{ createAgent(input: {given}) {{ agent {{ id }} }} }}",
        f'mutation {{ updateAgent(input: {{id: "1", password: "{PASSWORD}"}}) {{ changed }} }}',
        'mutation { logoffAgent(input: {agentId: "1"}) { errors { code } } }',
        'mutation { logoffAgent(input: {agentId: "99"}) { errors { code } } }',
    ):
        await served.post(document, headers=headers)
    graphql = records(served)
    assert [(one["operation"], one.get("agent_id"), one["outcome"]) for one in graphql] == [
        ("createAgent", "3", "OK"),
        ("updateAgent", "1", "OK"),
        ("logoffAgent", "1", "AGENT_NOT_LOGGED_IN"),
        ("logoffAgent", "99", "AGENT_NOT_FOUND"),
    ]
    assert {(one["caller"], one["request_id"]) for one in graphql} == {("board", "from-graphql")}
    new = {"name": NAMES[0], "login": f"{NAMES[1]}-2", "password": PASSWORD}
    assert await rest(served, "POST", "/agents", body=new) == 201
    assert await rest(served, "PATCH", "/agents/1", body={"password": PASSWORD}) == 200
    assert await rest(served, "POST", "/agents/1/logoff") == 409
    assert await rest(served, "POST", "/agents/99/logoff") == 404
    over_rest = records(served)[len(graphql) :]
    assert [(one.get("agent_id"), one["outcome"]) for one in over_rest] == [
        ("4", "OK"),
        ("1", "OK"),
        ("1", "AGENT_NOT_LOGGED_IN"),
        ("99", "AGENT_NOT_FOUND"),
    ]
    assert {(one["caller"], one["request_id"]) for one in over_rest} == {("board", "from-rest")}


async def test_what_a_reader_may_not_write_is_recorded_on_both_surfaces(served: Served) -> None:
    await served.post('mutation { logoffAgent(input: {agentId: "1"}) { changed } }', key=READER_KEY)
    assert await rest(served, "POST", "/agents/1/logoff", key=READER_KEY) == 403
    assert [(one["caller"], one["outcome"]) for one in records(served)] == [("reader", "FORBIDDEN")] * 2
    await served.post("{ agents { totalCount } }", key=READER_KEY)
    await served.client.get("/v1/agents", headers={"Authorization": f"Bearer {KEY}"})
    assert len(records(served)) == 2


async def test_a_write_whose_caller_hung_up_is_recorded_with_what_evolux_answered(world: World) -> None:
    async with serving(world, plan=Plan()) as (served, simulators):
        faults = simulators["acme"].faults
        await served.ask("{ agents { totalCount } }")
        hanging = faults.hang(method="PUT", count=1)
        asking = asyncio.create_task(
            served.post('mutation { updateAgent(input: {id: "1", name: "Ana B"}) { changed } }')
        )
        async with asyncio.timeout(10):
            await hanging.met()
            asking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asking
            assert records(served) == []
            faults.release()
            while not records(served):  # noqa: ASYNC110 - a log has no event
                await asyncio.sleep(0.01)
        [record] = records(served)
        assert (record["agent_id"], record["outcome"]) == ("1", "OK")
