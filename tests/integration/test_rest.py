"""REST over sockets: the same call centre as in GraphQL, by the conventions of HTTP."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest

from gateway.settings import LimitSettings
from gateway.simulator.server import RunningSimulator
from gateway.simulator.world import World
from tests.integration.test_lost_answers import PATIENT, a_world
from tests.served import KEY, READER_KEY, Plan, Served, serving, token_of

CHALLENGES = {
    "UNAUTHENTICATED": 'Bearer realm="evolux-gateway", error="invalid_token", '
    'error_description="The API key is not known."',
    "FORBIDDEN": 'Bearer realm="evolux-gateway", error="insufficient_scope", scope="agents:write"',
}
"""What RFC 6750 has a client told; no other problem challenges anybody."""
PROBLEM = "application/problem+json"
AGENTS = "/api/v1/agents"


@pytest.fixture
def world() -> World:
    return a_world(agents=12)


@pytest.fixture
async def both(world: World) -> AsyncIterator[tuple[Served, RunningSimulator]]:
    async with serving(world, plan=Plan(limits=PATIENT)) as (served, simulators):
        yield served, simulators["acme"]


@pytest.fixture
def served(both: tuple[Served, RunningSimulator]) -> Served:
    return both[0]


@pytest.fixture
def simulator(both: tuple[Served, RunningSimulator]) -> RunningSimulator:
    return both[1]


async def ask(
    served: Served,
    method: str,
    path: str,
    *,
    key: str = KEY,
    headers: dict[str, str] | None = None,
    **more: Any,
) -> httpx.Response:
    authorization = {"Authorization": f"Bearer {key}"}
    return await served.client.request(
        method, f"/v1{path}", headers={**authorization, **(headers or {})}, **more
    )


async def test_pages_lead_to_each_other_by_links(served: Served) -> None:
    answer = await ask(served, "GET", "/agents?first=5&archived=false")
    seen = [agent["id"] for agent in answer.json()["agents"]]
    while "next" in answer.links:
        answer = await ask(served, "GET", str(answer.links["next"]["url"]).removeprefix("/v1"))
        seen += [agent["id"] for agent in answer.json()["agents"]]
    assert seen == [str(each) for each in range(1, 13)]
    assert answer.json()["totalCount"] == 12
    back = await ask(served, "GET", answer.links["prev"]["url"].removeprefix("/v1"))
    assert [agent["id"] for agent in back.json()["agents"]] == ["6", "7", "8", "9", "10"]


async def test_an_agent_is_the_same_in_both_surfaces(served: Served, world: World) -> None:
    world.pause(2, 49)
    shown = (await ask(served, "GET", "/agents/2")).json()
    fields = """id name login enabled archived state stateSince extension
    queues { id name } outboundQueue { id name }
    currentPause {
      id pause { id description type productive system } startedAt endedAt maxDurationSeconds
    }
    lastPause { id } lastLogin { id extension startedAt endedAt }"""
    data = await served.ask(f'{{ agent(id: "2") {{ {fields} }} }}')
    assert shown == data["agent"]
    assert shown["state"] == "PAUSED"


async def test_what_is_held_is_not_sent_again(served: Served, world: World) -> None:
    first = await ask(served, "GET", "/agents?first=3")
    tag = first.headers["etag"].removeprefix("W/")  # the tag of a compressed answer is weak
    for held in (tag, f"W/{tag}"):
        again = await ask(served, "GET", "/agents?first=3", headers={"If-None-Match": f'"x", {held}'})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    other = await ask(served, "GET", "/agents?first=4", headers={"If-None-Match": tag})
    assert other.status_code == 200
    world.rename_agent(1, name="Outra")
    fresh = {"If-None-Match": tag, "Cache-Control": "no-cache"}
    changed = await ask(served, "GET", "/agents?first=3", headers=fresh)
    assert changed.status_code == 200
    assert changed.headers["etag"].removeprefix("W/") != tag
    assert changed.headers["cache-status"].startswith("evolux-gateway; fwd=miss")
    assert first.headers["age"] == "0"


async def test_a_pause_is_refused_once_begun_and_ensured_on_request(
    served: Served, simulator: RunningSimulator
) -> None:
    begun = await ask(served, "POST", "/agents/2/pause", json={"pauseId": "49"})
    assert begun.status_code == 200
    assert begun.json()["agent"]["currentPause"]["pause"]["id"] == "49"
    assert (begun.json()["changed"], begun.json()["reconciled"]) == (True, False)
    refused = await ask(served, "POST", "/agents/2/pause", json={"pauseId": "49"})
    assert (refused.status_code, refused.headers["content-type"]) == (409, PROBLEM)
    problem = refused.json()
    assert problem.pop("requestId") == refused.headers["x-request-id"]
    assert problem == {
        "type": "urn:evolux-gateway:problem:agent-already-paused",
        "title": "Agent already paused",
        "status": 409,
        "detail": "the agent is in a pause already",
        "code": "AGENT_ALREADY_PAUSED",
        "retryable": False,
        "upstreamStatus": 422,
    }
    ensured = await ask(served, "POST", "/agents/2/pause", json={"pauseId": "49", "ensure": True})
    assert (ensured.status_code, ensured.json()["changed"]) == (200, False)
    assert simulator.requests.count("/api/v1/agents/2/pause") == 3


async def test_an_agent_is_created_changed_and_ended(served: Served, world: World) -> None:
    new = {"name": "Júlia", "login": "julia", "password": "planted-password", "queueIds": ["1"]}
    created = await ask(served, "POST", "/agents", json=new)
    assert created.status_code == 201
    place = created.headers["location"].removeprefix("/v1")
    assert (await ask(served, "GET", place)).json() == created.json()["agent"]
    assert (await ask(served, "GET", "/agent-by-login?login=JULIA")).json()["name"] == "Júlia"
    changed = await ask(served, "PATCH", place, json={"name": "Júlia Prado"})
    assert changed.json()["agent"]["name"] == "Júlia Prado"
    agent_id = int(place.rpartition("/")[2])
    assert world.password_is(agent_id, password="planted-password")
    assert (await ask(served, "POST", f"{place}/logoff")).json()["code"] == "AGENT_NOT_LOGGED_IN"
    assert (await ask(served, "POST", f"{place}/logoff", json={"ensure": True})).status_code == 200
    assert "planted-password" not in served.logs.getvalue()


async def test_an_idempotency_key_holds_for_rest_too(served: Served, simulator: RunningSimulator) -> None:
    new = {"name": "Júlia", "login": "julia", "password": "planted-password"}
    key = {"Idempotency-Key": '"k-1"'}
    first = await ask(served, "POST", "/agents", json=new, headers=key)
    again = await ask(served, "POST", "/agents", json=new, headers=key)
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["idempotency-replayed"] == "true"
    other = await ask(served, "POST", "/agents", json={**new, "password": "outro"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert simulator.requests.count(AGENTS, method="POST") == 1


@pytest.mark.parametrize(
    ("method", "path", "sent", "status", "code", "field"),
    [
        ("GET", "/agents/999", {}, 404, "AGENT_NOT_FOUND", ["id"]),
        ("GET", "/agents/x", {}, 400, "BAD_USER_INPUT", ["id"]),
        ("GET", "/agents?first=501", {}, 400, "BAD_USER_INPUT", ["first"]),
        ("GET", "/agents?first=1&last=1", {}, 400, "BAD_USER_INPUT", ["first"]),
        ("GET", "/agents?after=x", {}, 400, "BAD_USER_INPUT", ["after"]),
        ("GET", "/agents?nope=1", {}, 400, "BAD_USER_INPUT", ["nope"]),
        ("GET", "/queues/9", {}, 404, "QUEUE_NOT_FOUND", ["id"]),
        ("GET", "/nope", {}, 404, "BAD_REQUEST", None),
        ("DELETE", "/agents", {}, 405, "BAD_REQUEST", None),
        ("GET", "/agents", {"headers": {"Accept": "text/html"}}, 406, "BAD_REQUEST", None),
        ("GET", "/agents", {"key": "planted-key-of-nobody"}, 401, "UNAUTHENTICATED", None),
        ("GET", "/agents", {"headers": {"X-Tenant": "beta"}}, 403, "UNKNOWN_TENANT", None),
        ("POST", "/agents/2/unpause", {"key": READER_KEY}, 403, "FORBIDDEN", None),
        ("POST", "/agents", {"content": b"{}"}, 415, "BAD_REQUEST", None),
        ("POST", "/agents", {"json": {}}, 400, "BAD_USER_INPUT", ["name"]),
        ("POST", "/agents/2/pause", {"json": {"pauseId": 49}}, 400, "BAD_USER_INPUT", ["pauseId"]),
        ("POST", "/agents/2/pause", {"json": {"pauseId": "777"}}, 404, "PAUSE_NOT_FOUND", ["pauseId"]),
        ("PATCH", "/agents/2", {"json": {}}, 400, "BAD_USER_INPUT", []),
        ("PATCH", "/agents/2", {"json": {"name": None}}, 400, "BAD_USER_INPUT", ["name"]),
        (
            "PATCH",
            "/agents/2",
            {"json": {"levels": [{"queueId": "1", "priority": 1001}]}},
            400,
            "BAD_USER_INPUT",
            ["levels", "0", "priority"],
        ),
        ("POST", "/agents/2/logoff", {"json": {"ifState": "PAUSED"}}, 409, "AGENT_NOT_PAUSED", ["ifState"]),
        ("POST", "/agents/2/logoff", {"json": {"ifState": "LOGGED_OUT"}}, 409, "BAD_USER_INPUT", ["ifState"]),
        ("POST", "/bulk/logoff-agents", {"json": {}}, 400, "BAD_USER_INPUT", ["agentIds"]),
    ],
)
async def test_what_cannot_be_is_a_problem_and_writes_nothing(
    served: Served,
    world: World,
    *,
    method: str,
    path: str,
    sent: dict[str, Any],
    status: int,
    code: str,
    field: list[str] | None,
) -> None:
    before = dict(world.agents)
    answer = await ask(served, method, path, **sent)
    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM)
    problem = answer.json()
    assert (problem["status"], problem["code"], problem.get("field")) == (status, code, field)
    assert problem["requestId"] == answer.headers["x-request-id"]
    assert ("allow" in answer.headers) is (status == 405)
    assert answer.headers.get("www-authenticate") == CHALLENGES.get(code)
    assert dict(world.agents) == before


async def test_everything_else_is_read(served: Served) -> None:
    assert (await ask(served, "GET", "/queues")).json()["queues"][0]["name"] == "Cobrança"
    assert (await ask(served, "GET", "/queues/1/agents?first=2&states=LOGGED_IN")).json()["totalCount"] == 9
    assert (await ask(served, "GET", "/queues/1/agent-states")).json()["loggedIn"] == 9
    assert [one["id"] for one in (await ask(served, "GET", "/pauses")).json()["pauses"]] == ["49", "50"]
    report = (await ask(served, "GET", "/agent-states?groupBy=STATE&groupBy=QUEUE")).json()
    assert [(one["state"], one["queue"]["id"], one["counts"]["agents"]) for one in report["groups"]] == [
        ("LOGGED_OUT", "1", 3),
        ("LOGGED_IN", "1", 9),
    ]
    allowed = (await ask(served, "GET", "/agents/2/allowed-pauses")).json()["allowedPauses"]
    assert [(one["pause"]["id"], one["queue"]) for one in allowed] == [
        ("49", {"id": "1", "name": "Cobrança"}),
        ("50", {"id": "1", "name": "Cobrança"}),
    ]
    viewer = (await ask(served, "GET", "/viewer", key=READER_KEY)).json()
    assert viewer == {"name": "reader", "tenant": "acme", "scopes": ["agents:read"]}
    head = await ask(served, "HEAD", "/agents")
    assert (head.status_code, head.content) == (200, b"")
    document = await served.client.get("/v1/openapi.json")
    assert msgspec.json.decode(document.content)["openapi"] == "3.1.0"


async def test_a_bulk_log_off_costs_one_write_each_and_one_listing() -> None:
    world = a_world(agents=200)
    limits = LimitSettings(upstream_requests_per_second=100_000, upstream_burst=100_000)
    async with serving(world, plan=Plan(limits=limits)) as (served, simulators):
        await ask(served, "GET", "/agents")
        requests, faults = simulators["acme"].requests, simulators["acme"].faults
        requests.clear()
        first = faults.hang(method="POST", count=10)
        sent = {"agentIds": [str(each) for each in range(1, 201)]}
        asking = asyncio.create_task(ask(served, "POST", "/bulk/logoff-agents", json=sent))
        await first.met(10)
        faults.release()
        answer = (await asking).json()
        assert requests.pages(AGENTS) == dict.fromkeys(range(1, 5), 1)
        assert sum(one.method == "POST" for one in requests) == 200
        assert requests.peak_in_flight == 10
        states = (await ask(served, "GET", "/agent-states")).json()["total"]
        assert requests.count(AGENTS, method="GET") == 4
    assert [one["agentId"] for one in answer["results"]] == sent["agentIds"]
    assert (answer["doneCount"], answer["failedCount"]) == (160, 40)
    failed = [one["error"]["code"] for one in answer["results"] if one["error"]]
    assert set(failed) == {"AGENT_NOT_LOGGED_IN"}
    assert states["loggedOut"] == 200
    assert token_of("acme") not in repr(answer)


async def test_a_bulk_of_which_a_part_fails_says_which(world: World) -> None:
    async with serving(world, plan=Plan(limits=PATIENT)) as (served, simulators):
        simulators["acme"].faults.answer(503, method="POST", path="/api/v1/agents/3/")
        simulators["acme"].faults.lose_answer(method="POST", path="/api/v1/agents/4/")
        data = await served.ask(
            """mutation { pauseAgents(input: {agentIds: ["2", "3", "4", "5"], pauseId: "49"}) {
            results { agentId done reconciled error { code retryable } agent { state } } doneCount failedCount
            errors { code } } }"""
        )
    told = data["pauseAgents"]
    assert told["errors"] == []
    assert (told["doneCount"], told["failedCount"]) == (3, 1)
    assert [one["reconciled"] for one in told["results"]] == [False, False, True, False]
    assert told["results"][1] == {
        "agentId": "3",
        "done": False,
        "reconciled": False,
        "error": {"code": "UPSTREAM_UNAVAILABLE", "retryable": True},
        "agent": {"state": "LOGGED_IN"},
    }
