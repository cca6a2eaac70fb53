"""What a request may cost: rates, requests at a time, slow readers, introspection, and the price told."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from gateway.main import edge
from gateway.settings import LimitSettings
from gateway.simulator.server import running
from gateway.simulator.world import World
from tests.raw_http import request
from tests.served import (
    KEY,
    READER_KEY,
    Plan,
    Served,
    caller,
    serving,
    serving_gateway,
    settings_for,
    token_of,
)

GOOD = "{ viewer { name } }"
BOARD = "https://board.example.com"
PRIVATE_KEY = "planted-key-without-introspection"
AUTHORIZATION = {"Authorization": f"Bearer {KEY}"}
GRAPHQL = {"Accept": "application/graphql-response+json"}


def world() -> World:
    made = World(token=token_of("acme"))
    made.add_agent("Ana", login="ana")
    return made


def limited(**limits: Any) -> AbstractAsyncContextManager[tuple[Served, object]]:
    return serving(world(), plan=Plan(limits=LimitSettings(**limits)))


async def test_a_caller_is_held_to_its_rate_and_others_are_not() -> None:
    async with limited(caller_requests_per_second=0.01, caller_burst=3) as (served, _):
        statuses = [(await served.post(GOOD)).status_code for _ in range(3)]
        refused = await served.post(GOOD)
        assert statuses == [200] * 3
        assert error_of(refused) == (429, "RATE_LIMITED")
        assert 0 < int(refused.headers["retry-after"]) <= 100
        assert refused.json()["errors"][0]["extensions"]["retryAfterMs"] > 0
        assert (await served.post(GOOD, key=READER_KEY)).status_code == 200


async def test_a_tenant_is_held_to_the_rate_of_all_its_callers() -> None:
    async with limited(tenant_requests_per_second=0.01, tenant_burst=2) as (served, _):
        await served.post(GOOD)
        await served.post(GOOD, key=READER_KEY)
        refused = await served.post(GOOD, key=READER_KEY)
        assert error_of(refused) == (429, "RATE_LIMITED")
        assert "This tenant" in refused.json()["errors"][0]["message"]


async def until(served: Served, status: int) -> httpx.Response:
    """Ask until the answer has this status."""
    async with asyncio.timeout(10):
        while True:
            answer = await served.post(GOOD)
            if answer.status_code == status:
                return answer


async def test_beyond_the_requests_at_a_time_one_is_refused_and_health_is_not() -> None:
    async with limited(max_concurrent_requests=1, caller_burst=100_000) as (served, _):
        body = b'{"query": "{ __typename }"}'
        head = {**AUTHORIZATION, "Content-Type": "application/json", "Content-Length": str(len(body))}
        reader, writer = await asyncio.open_connection("127.0.0.1", served.client.base_url.port)
        writer.write(request(headers=head) + body[:5])
        refused = await until(served, 503)
        assert error_of(refused) == (503, "OVERLOADED")
        assert refused.headers["retry-after"] == "1"
        assert (await served.client.get("/livez")).status_code == 200
        writer.write(body[5:])
        assert b" 200 OK" in await reader.readline()
        await until(served, 200)
        writer.close()


async def test_a_reader_who_never_reads_is_cut_off_and_its_place_is_free_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = edge._connection_limits
    monkeypatch.setattr(edge, "_connection_limits", lambda limits: replace(real(limits), write_seconds=0.5))
    async with limited(max_concurrent_requests=1, caller_burst=100_000) as (served, _):
        page = await served.client.get("/graphql", headers={"Accept": "text/html"})
        [script] = re.findall(r'src="(/graphql-assets/[^"]*/graphiql\.min\.js)"', page.text)
        reader, writer = await asyncio.open_connection("127.0.0.1", served.client.base_url.port, limit=1)
        writer.write(request("GET", script) * 100)
        await until(served, 503)
        await until(served, 200)
        answers = await read_to_the_end(reader)
        assert 0 < len(answers) < 50 * len((await served.client.get(script)).content)
        writer.close()


async def read_to_the_end(reader: asyncio.StreamReader) -> bytes:
    """What comes until the other side ends the connection, in whatever way."""
    read = bytearray()
    try:
        async with asyncio.timeout(10):
            while chunk := await reader.read(2**16):
                read += chunk
    except ConnectionResetError:
        pass
    return bytes(read)


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    private = replace(caller(PRIVATE_KEY, tenants=("*",)), introspection=False)
    plan = Plan(callers={"private": private})
    async with running(world()) as simulator:
        settings = settings_for({"acme": simulator.base_url}, plan=plan, tokens={"acme": token_of("acme")})
        async with serving_gateway(settings) as gateway:
            yield gateway


def error_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["errors"][0]["extensions"]["code"]


async def test_introspection_is_the_callers_and_the_settings_to_allow(served: Served) -> None:
    schema = "{ __schema { queryType { name } } }"
    assert (await served.post(schema)).json() == {"data": {"__schema": {"queryType": {"name": "Query"}}}}
    for query in (
        schema,
        '{ __type(name: "Agent") { name } viewer { name } }',
        "{ ...f } fragment f on Query { __schema { queryType { name } } }",
    ):
        refused = await served.post(query, key=PRIVATE_KEY)
        assert error_of(refused) == (200, "GRAPHQL_VALIDATION_FAILED")
        assert (
            refused.json()["errors"][0]["message"] == "Introspection is off for you: no __schema, no __type."
        )
    assert (await served.post("{ __typename }", key=PRIVATE_KEY)).json() == {"data": {"__typename": "Query"}}


async def test_names_are_not_suggested_to_those_who_may_not_know_them(served: Served) -> None:
    wrong: tuple[tuple[str, dict[str, Any]], ...] = (
        ("{ viewr { name } }", {}),
        (
            "query ($f: AgentFilter) { agents(filter: $f) { totalCount } }",
            {"f": {"serch": "x", "states": ["PAUSE"]}},
        ),
    )
    for query, variables in wrong:
        told = (await served.post(query, **variables)).text
        kept = (await served.post(query, key=PRIVATE_KEY, **variables)).text
        assert "Did you mean" in told
        assert "Did you mean" not in kept
        assert "viewer" not in kept
        assert "PAUSED" not in kept


async def test_the_cost_is_told_to_those_who_ask(served: Served) -> None:
    query = "query ($n: Int) { agents(first: $n) { nodes { id } } }"
    asked = {"X-Operation-Cost": "report"}
    answer = (await served.post(query, headers=asked, n=7)).json()
    assert answer["extensions"] == {"cost": {"operation": 15, "limit": 50_000}}
    assert "extensions" not in (await served.post(query, n=7)).json()


async def test_an_operation_over_the_cost_is_not_begun_and_tells_its_cost() -> None:
    async with limited(max_cost=100, report_cost=True) as (served, _):
        query = "query ($n: Int) { agents(first: $n) { nodes { id } } }"
        refused = (await served.post(query, n=50)).json()
        assert refused["errors"][0]["message"] == "The operation costs 101; the limit is 100."
        assert refused["extensions"] == {"cost": {"operation": 101, "limit": 100}}
        assert (await served.post(query, n=49)).json()["data"]
