"""A query that comes again goes a shorter way: the same answer, the same limits, the same witnesses."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import msgspec
import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.settings import CacheSettings, LimitSettings
from gateway.simulator.world import World
from gateway.web.graphql import GraphQLEndpoint
from tests.served import KEY, READER_KEY, Plan, Served, serving, token_of

LIST = "{ agents(first: 2) { nodes { id name state } totalCount } }"
ONE = "query One($id: ID!) { agent(id: $id) { id name } }"
VARYING = {"date", "x-request-id"}


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The requests that went the long way."""
    seen: list[str] = []
    answer = GraphQLEndpoint.__call__

    async def watched(self: GraphQLEndpoint, request: Any) -> Any:
        seen.append(request.method)
        return await answer(self, request)

    monkeypatch.setattr(GraphQLEndpoint, "__call__", watched)
    return seen


def world(tenant: str = "acme", *, agents: int = 5) -> World:
    made = World(token=token_of(tenant))
    for number in range(1, agents + 1):
        made.add_agent(f"{tenant} {number}", login=f"{tenant}.{number}")
    return made


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    plan = Plan(cache=CacheSettings(fresh_seconds=600))
    async with serving({"acme": world(), "outra": world("outra", agents=3)}, plan=plan) as (served, _):
        yield served


ACME = {"X-Tenant": "acme"}


async def told(response: httpx.Response) -> tuple[int, dict[str, str], Any]:
    """What an answer says, but for what differs in any two answers."""
    headers = {name: value for name, value in response.headers.items() if name not in VARYING | {"age"}}
    return response.status_code, headers, response.json()


async def test_the_third_of_the_same_queries_goes_the_short_way_to_the_same_answer(
    served: Served, endpoint: list[str]
) -> None:
    answers = [await told(await served.post(LIST, headers=ACME)) for _ in range(5)]
    assert endpoint == ["POST", "POST"]
    assert [answer[0] for answer in answers] == [200] * 5
    assert all(answer[2] == answers[0][2] for answer in answers)
    assert answers[2] == answers[3] == answers[4]
    assert answers[3][1] == answers[1][1]
    assert answers[3][1]["cache-status"] == "evolux-gateway; hit"


async def test_what_differs_in_anything_that_decides_is_another_request(
    served: Served, endpoint: list[str]
) -> None:
    for _ in range(3):
        await served.post(LIST, headers=ACME)
    assert len(endpoint) == 2
    other_tenant = await served.post(LIST, headers={"X-Tenant": "outra"})
    assert other_tenant.json()["data"]["agents"]["totalCount"] == 3
    other_form = await served.post(LIST, headers={**ACME, "Accept": "application/graphql-response+json"})
    assert other_form.headers["content-type"].startswith("application/graphql-response+json")
    no_tenant = await served.post(LIST)
    assert no_tenant.status_code == 400
    wrong_key = await served.post(LIST, headers=ACME, key="planted-key-of-nobody")
    assert wrong_key.status_code == 401
    uncached = await served.post(LIST, headers={**ACME, "Cache-Control": "no-cache"})
    assert uncached.headers["cache-status"] == "evolux-gateway; fwd=miss; stored"
    costly = await served.post(LIST, headers={**ACME, "X-Operation-Cost": "report"})
    assert "cost" in costly.json()["extensions"]
    assert len(endpoint) == 8


async def test_a_reader_is_never_taken_for_the_one_who_asked_the_same_before(
    served: Served, endpoint: list[str]
) -> None:
    asked = "{ viewer { name scopes } }"
    for _ in range(3):
        board = (await served.post(asked, headers=ACME)).json()["data"]["viewer"]
        reader = (await served.post(asked, headers=ACME, key=READER_KEY)).json()["data"]["viewer"]
        assert board == {"name": "board", "scopes": ["agents:read", "agents:write"]}
        assert reader == {"name": "reader", "scopes": ["agents:read"]}
    assert len(endpoint) == 4


async def test_variables_are_looked_at_anew(served: Served, endpoint: list[str]) -> None:
    for number in (1, 2):
        await served.post(ONE, headers=ACME, id=str(number))
    third, wrong, missing = [
        (await served.post(ONE, headers=ACME, id=given)).json() for given in ("3", "nobody", "99")
    ]
    assert third == {"data": {"agent": {"id": "3", "name": "acme 3"}}}
    assert [answer["errors"][0]["extensions"]["code"] for answer in (wrong, missing)] == [
        "BAD_USER_INPUT",
        "AGENT_NOT_FOUND",
    ]
    assert len(endpoint) == 2


async def test_more_variables_than_allowed_are_refused_as_ever(endpoint: list[str]) -> None:
    plan = Plan(limits=LimitSettings(max_variable_values=3))
    asked = "query($ids: [ID!]) { agents(filter: { ids: $ids }) { totalCount } }"
    async with serving(world(), plan=plan) as (served, _):
        for _ in range(3):
            assert (await served.ask(asked, ids=["1"])) == {"agents": {"totalCount": 1}}
        error = await served.fail(asked, ids=["1", "2", "3", "4"])
    assert error["extensions"]["code"] == "OPERATION_TOO_LARGE"
    assert len(endpoint) == 3


async def test_a_costlier_page_than_allowed_is_refused_as_ever(endpoint: list[str]) -> None:
    plan = Plan(limits=LimitSettings(max_cost=60))
    asked = "query($first: Int) { agents(first: $first) { nodes { id } } }"
    async with serving(world(), plan=plan) as (served, _):
        for _ in range(3):
            await served.ask(asked, first=2)
        error = await served.fail(asked, first=500)
    assert error["extensions"]["code"] == "OPERATION_TOO_LARGE"
    assert len(endpoint) == 3


async def test_rates_count_the_short_way_too(endpoint: list[str]) -> None:
    plan = Plan(limits=LimitSettings(caller_requests_per_second=0.01, caller_burst=4))
    async with serving(world(), plan=plan) as (served, _):
        answers = [await served.post(LIST) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 429]
    assert answers[4].json()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
    assert int(answers[4].headers["retry-after"]) > 0
    assert len(endpoint) == 2


async def test_who_is_no_caller_any_more_is_not_recognized(served: Served, endpoint: list[str]) -> None:
    for _ in range(3):
        assert (await served.post(LIST, headers=ACME)).status_code == 200
    settings = served.gateway._settings
    left = {name: one for name, one in settings.callers.items() if name != "board"}
    served.gateway.apply(msgspec.structs.replace(settings, callers=left))
    assert (await served.post(LIST, headers=ACME)).status_code == 401
    assert (await served.post(LIST, headers=ACME, key=READER_KEY)).status_code == 200
    assert len(endpoint) == 4


async def test_a_write_is_seen_on_the_short_way(served: Served, endpoint: list[str]) -> None:
    for _ in range(3):
        await served.post(LIST, headers=ACME)
    update = 'mutation { updateAgent(input: { id: "1", name: "Conceição" }) { errors { code } } }'
    assert (await served.post(update, headers=ACME)).json()["data"]["updateAgent"] == {"errors": []}
    shown = (await served.post(LIST, headers=ACME)).json()["data"]["agents"]["nodes"][0]["name"]
    assert shown == "Conceição"
    assert len(endpoint) == 3


async def test_mutations_and_introspection_never_take_the_short_way(
    served: Served, endpoint: list[str]
) -> None:
    logoff = 'mutation { logoffAgent(input: { agentId: "1" }) { errors { code } } }'
    for asked in ("{ __schema { queryType { name } } }", logoff):
        for _ in range(4):
            await served.post(asked, headers=ACME)
    assert len(endpoint) == 8


async def test_a_get_is_recognized_by_its_url(served: Served, endpoint: list[str]) -> None:
    headers = {**ACME, "Authorization": f"Bearer {KEY}", "Accept": "application/json"}

    async def get(text: str) -> Any:
        return (await served.client.get("/graphql", params={"query": text}, headers=headers)).json()

    answers = [await get(LIST) for _ in range(4)]
    assert all(answer == answers[0] for answer in answers)
    assert (await get("{ viewer { tenant } }")) == {"data": {"viewer": {"tenant": "acme"}}}
    assert endpoint == ["GET", "GET", "GET"]


async def test_a_body_that_comes_in_parts_is_answered_as_well(served: Served, endpoint: list[str]) -> None:
    body = json.dumps({"query": LIST}).encode()
    for _ in range(3):
        await served.client.post("/graphql", content=body, headers=_headers())

    async def parts() -> AsyncIterator[bytes]:
        for at in range(0, len(body), 20):
            yield body[at : at + 20]
            await asyncio.sleep(0.01)

    answer = await served.client.post("/graphql", content=parts(), headers=_headers())
    assert answer.json()["data"]["agents"]["totalCount"] == 5
    assert len(endpoint) == 3


def _headers() -> Mapping[str, str]:
    return {**ACME, "Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}


async def test_both_ways_leave_the_same_line_in_the_log(served: Served) -> None:
    for _ in range(4):
        await served.post("query Board { agents(first: 1) { totalCount } }", headers=ACME)
    lines = [line for line in served.log_lines() if line["event"] == "http.access"]
    assert len(lines) == 4
    for line in lines:
        assert {name: line[name] for name in ("tenant", "caller", "operation_name", "operation_kind")} == {
            "tenant": "acme",
            "caller": "board",
            "operation_name": "Board",
            "operation_kind": "query",
        }
        assert len(line["request_id"]) == len(line["trace_id"]) == 32
    assert len({line["request_id"] for line in lines}) == 4


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The requests that were given a task."""
    seen: list[str] = []
    start = HttpToolsProtocol._start_asgi_task

    def started(connection: HttpToolsProtocol, *parts: Any) -> None:
        if connection.scope["path"] == "/graphql":
            seen.append("/graphql")
        start(connection, *parts)

    monkeypatch.setattr(HttpToolsProtocol, "_start_asgi_task", started)
    return seen


async def test_variables_that_are_new_take_no_task_where_listings_at_hand_are_all_it_takes(
    served: Served, tasks: list[str]
) -> None:
    for number in (1, 2, 3):
        await served.post(ONE, headers=ACME, id=str(number))
    told, began = [], []
    for number in (4, 5):
        tasks.clear()
        told.append(await served.post(ONE, headers=ACME, id=str(number)))
        began.append(len(tasks))
    assert [answer.json()["data"]["agent"] for answer in told] == [
        {"id": "4", "name": "acme 4"},
        {"id": "5", "name": "acme 5"},
    ]
    assert [answer.headers["cache-status"] for answer in told] == ["evolux-gateway; hit"] * 2
    assert began == [0, 0]


async def test_what_asks_evolux_for_each_row_takes_a_task(served: Served, tasks: list[str]) -> None:
    query = "query($id: ID!) { agent(id: $id) { name allowedPauses { pause { id } } } }"
    for number in (1, 2, 3):
        await served.post(query, headers=ACME, id=str(number))
    tasks.clear()
    told = await served.post(query, headers=ACME, id="4")
    assert told.json() == {"data": {"agent": {"name": "acme 4", "allowedPauses": []}}}
    assert tasks == ["/graphql"]


async def test_variables_that_do_not_fit_are_refused_the_usual_way(served: Served, tasks: list[str]) -> None:
    for number in (1, 2, 3):
        await served.post(ONE, headers=ACME, id=str(number))
    tasks.clear()
    told = await served.post(ONE, headers=ACME, id={"a": 1})
    assert [error["extensions"]["code"] for error in told.json()["errors"]] == ["GRAPHQL_VALIDATION_FAILED"]
    assert tasks == ["/graphql"]


async def test_a_dead_evolux_is_told_on_the_short_way(endpoint: list[str]) -> None:
    plan = Plan(cache=CacheSettings(fresh_seconds=0, stale_seconds=0, stale_if_error_seconds=600))
    async with serving(world(), plan=plan) as (served, simulators):
        for _ in range(3):
            await served.post(LIST)
        simulators["acme"].faults.answer(503, count=None)
        answer = await served.post(LIST)
    assert answer.headers["cache-status"] == "evolux-gateway; hit; detail=stale-if-error"
    assert answer.json()["data"]["agents"]["totalCount"] == 5
    assert len(endpoint) == 2
