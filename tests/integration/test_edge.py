"""The edge over HTTP: who is let in, how often and from where, and what an answer tells beside its data."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from gateway.settings import LimitSettings
from gateway.simulator.server import running
from gateway.simulator.world import World
from tests.raw_http import exchange, request
from tests.served import (
    KEY,
    Plan,
    Served,
    serving,
    serving_gateway,
    settings_for,
    token_of,
)

GOOD = "{ viewer { name } }"
BOARD = "https://board.example.com"
AUTHORIZATION = {"Authorization": f"Bearer {KEY}"}
GRAPHQL = {"Accept": "application/graphql-response+json"}


def world() -> World:
    made = World(token=token_of("acme"))
    made.add_agent("Ana", login="ana")
    return made


def limited(**limits: Any) -> AbstractAsyncContextManager[tuple[Served, object]]:
    return serving(world(), plan=Plan(limits=LimitSettings(**limits)))


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    plan = Plan()
    async with running(world()) as simulator:
        settings = settings_for({"acme": simulator.base_url}, plan=plan, tokens={"acme": token_of("acme")})
        settings = replace(settings, server=replace(settings.server, cors_origins=(BOARD,)))
        async with serving_gateway(settings) as gateway:
            yield gateway


def error_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["errors"][0]["extensions"]["code"]


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("GET", {}, 401),
        ("POST", {"Content-Type": "text/plain"}, 401),
        ("POST", {"Content-Type": "application/x-www-form-urlencoded"}, 401),
        ("POST", {"Content-Type": "multipart/form-data; boundary=x"}, 401),
        ("POST", {}, 401),
        ("GET", {"Cookie": f"key={KEY}"}, 401),
        ("POST", {"Content-Type": "text/plain", **AUTHORIZATION}, 415),
        ("GET", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", **AUTHORIZATION}, 403),
        ("GET", {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors", **AUTHORIZATION}, 403),
        ("GET", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", **AUTHORIZATION}, 403),
        ("POST", {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example", **AUTHORIZATION}, 403),
        ("POST", {"Sec-Fetch-Site": "cross-site", "Origin": "null", **AUTHORIZATION}, 403),
    ],
)
async def test_what_a_browser_sends_without_asking_first_runs_nothing(
    served: Served, method: str, headers: dict[str, str], status: int
) -> None:
    answer = await served.client.request(
        method,
        "/graphql",
        params={"query": GOOD},
        content=b'{"query": "{ viewer { name } }"}' if method == "POST" else None,
        headers=headers,
    )
    assert answer.status_code == status
    assert "data" not in answer.json()


async def test_a_link_on_another_site_still_opens_graphiql(served: Served) -> None:
    answer = await served.client.get(
        "/graphql",
        headers={"Accept": "text/html", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
    )
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")


async def test_a_named_origin_may_ask_first_and_then_call(served: Served) -> None:
    asked = await served.client.options(
        "/graphql",
        headers={
            "Origin": BOARD,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type,x-tenant",
        },
    )
    assert asked.status_code == 200
    assert asked.headers["access-control-allow-origin"] == BOARD
    assert "access-control-allow-credentials" not in asked.headers
    answer = await served.post(GOOD, headers={"Origin": BOARD, "Sec-Fetch-Site": "cross-site"})
    assert answer.json() == {"data": {"viewer": {"name": "board"}}}
    assert answer.headers["access-control-allow-origin"] == BOARD
    assert "X-Request-Id" in answer.headers["access-control-expose-headers"]
    assert {one.strip() for one in answer.headers["vary"].split(",")} == {
        "Accept",
        "Accept-Encoding",
        "Origin",
    }


async def test_a_page_of_a_named_origin_may_use_all_of_rest_and_read_what_it_answers(served: Served) -> None:
    asked = await served.client.options(
        "/v1/agents/1",
        headers={
            "Origin": BOARD,
            "Access-Control-Request-Method": "PATCH",
            "Access-Control-Request-Headers": "authorization,content-type,idempotency-key,if-none-match",
        },
    )
    assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (200, BOARD)
    answer = await served.client.get("/v1/agents", headers={"Origin": BOARD})
    shown = {one.strip() for one in answer.headers["access-control-expose-headers"].split(",")}
    assert shown >= {"ETag", "Idempotency-Replayed", "Link", "Location", "Retry-After", "WWW-Authenticate"}


async def test_another_origin_is_told_no_when_it_asks_first(served: Served) -> None:
    asked = await served.client.options(
        "/graphql",
        headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"},
    )
    assert asked.status_code == 400
    assert "access-control-allow-origin" not in asked.headers


async def test_without_origins_in_the_settings_nobody_is_let_in_from_elsewhere() -> None:
    async with limited() as (served, _):
        asked = await served.client.options(
            "/graphql", headers={"Origin": BOARD, "Access-Control-Request-Method": "POST"}
        )
        assert (asked.status_code, asked.headers["allow"]) == (405, "GET, POST")
        assert "access-control-allow-origin" not in asked.headers


@pytest.mark.parametrize(
    ("variables", "query", "status"),
    [
        ({}, "{ nothing }", 422),
        ({}, "query ($a: ID!) { nothing(a: $a) }", 400),
        ({"a": "1"}, "query ($a: ID!) { nothing(a: $a) }", 422),
        ({"n": "x"}, "query ($n: Int) { agents(first: $n) { totalCount } }", 400),
        ({}, "{", 400),
        ({}, "{ " + "viewer { name } " * 21 + "}", 413),
    ],
)
async def test_the_status_tells_what_is_wrong_and_stays_200_for_json(
    served: Served, variables: dict[str, Any], query: str, status: int
) -> None:
    answer = await served.post(query, headers=GRAPHQL, **variables)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/graphql-response+json; charset=utf-8"
    assert "data" not in answer.json()
    assert (await served.post(query, **variables)).status_code == 200


async def test_a_wrong_method_is_told_the_right_ones(served: Served) -> None:
    wrong = await served.client.put("/graphql", headers=AUTHORIZATION)
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, POST")
    by_get = await served.client.get(
        "/graphql",
        params={"query": 'mutation { logoffAgent(input: {agentId: "1"}) { agent { id } } }'},
        headers=AUTHORIZATION,
    )
    assert (by_get.status_code, by_get.headers["allow"]) == (405, "POST")


async def test_a_body_that_is_refused_unread_ends_its_connection(served: Served) -> None:
    head = {**AUTHORIZATION, "Content-Type": "application/json", "Content-Length": "1000000"}
    answer = await exchange(served.client.base_url.port or 0, request(headers=head))
    assert answer is not None
    assert (answer.status, answer.headers["connection"]) == (413, "close")
