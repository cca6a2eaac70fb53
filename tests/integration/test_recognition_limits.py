"""What a recognized query may not do any more than another: cost more, be longer, say what is no JSON."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.cache.call_center import CachedCallCenter
from gateway.domain.deadlines import current_deadline
from gateway.domain.listings import ANY_AGE, FreshnessBound, Reading
from gateway.settings import CacheSettings, LimitSettings
from gateway.web.graphql import GraphQLEndpoint
from tests.integration.test_recognition import world
from tests.raw_http import RawAnswer, exchange, request
from tests.served import KEY, Plan, Served, caller, serving

PAGE = "query($first: Int) { agents(first: $first) { nodes { id } } }"
COUNT = '{"query": "{ agents { totalCount } }"'
TWIN_KEY = "planted-key-of-a-twin"
HEAD = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    twin = caller(TWIN_KEY, tenants=("*",), scopes=("agents:read", "agents:write"))
    limits = LimitSettings(max_cost=60, max_body_bytes=2_000)
    plan = Plan(cache=CacheSettings(fresh_seconds=600), limits=limits, callers={"twin": twin})
    async with serving(world(), plan=plan) as (served, _):
        yield served


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The requests that went the long way."""
    seen: list[str] = []
    answer = GraphQLEndpoint.__call__

    async def watched(self: GraphQLEndpoint, asked: Any) -> Any:
        seen.append(asked.method)
        return await answer(self, asked)

    monkeypatch.setattr(GraphQLEndpoint, "__call__", watched)
    return seen


async def send(served: Served, body: bytes, **headers: str) -> RawAnswer:
    answer = await exchange(port_of(served), request(headers={**HEAD, **headers}, body=body))
    assert answer is not None
    return answer


def port_of(served: Served) -> int:
    port = served.client.base_url.port
    assert port is not None
    return port


@pytest.mark.parametrize("variables", [{}, None, {"first": None}, {"other": 1}])
async def test_a_page_that_loses_its_size_costs_what_it_costs(
    served: Served, endpoint: list[str], variables: Any
) -> None:
    for _ in range(3):
        assert (
            "data"
            in (await send(served, json.dumps({"query": PAGE, "variables": {"first": 2}}).encode())).json
        )
    assert len(endpoint) == 2
    answer = await send(served, json.dumps({"query": PAGE, "variables": variables}).encode())
    assert answer.codes == ["OPERATION_TOO_LARGE"]
    assert "data" not in answer.json


async def test_a_recognized_query_in_too_long_a_body_is_refused(served: Served, endpoint: list[str]) -> None:
    body = f"{COUNT}}}".encode()
    for _ in range(3):
        assert (await send(served, body)).status == 200
    assert len(endpoint) == 2
    answer = await send(served, body + b" " * 2_000)
    assert (answer.status, answer.codes) == (413, ["OPERATION_TOO_LARGE"])
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize(
    "more",
    [
        b', "x": "\xff"}',
        b', "x": 1e999}',
        b', "\xff": 1}',
        b', "extensions": {"x": "\xff"}, "extensions": null}',
    ],
)
async def test_what_is_no_json_is_no_recognized_query(
    served: Served, endpoint: list[str], more: bytes
) -> None:
    for _ in range(3):
        assert (await send(served, COUNT.encode() + b"}")).status == 200
    assert len(endpoint) == 2
    answer = await send(served, COUNT.encode() + more)
    assert (answer.status, answer.codes) == (400, ["BAD_REQUEST"])


async def test_a_text_that_comes_with_its_hash_is_stored_each_time(
    served: Served, endpoint: list[str]
) -> None:
    text = "{ agents { totalCount } }"
    named = {"persistedQuery": {"version": 1, "sha256Hash": hashlib.sha256(text.encode()).hexdigest()}}
    whole, hashed = (json.dumps({**asked, "extensions": named}).encode() for asked in ({"query": text}, {}))
    for _ in range(3):
        assert (await send(served, whole)).json == {"data": {"agents": {"totalCount": 5}}}
    served.gateway._persisted._stored.clear()  # as when others' texts took the room
    assert (await send(served, hashed)).codes == ["PERSISTED_QUERY_NOT_FOUND"]
    assert "data" in (await send(served, whole)).json
    before = len(endpoint)
    answers = [(await send(served, hashed)).json for _ in range(3)]
    assert answers == [{"data": {"agents": {"totalCount": 5}}}] * 3
    assert len(endpoint) - before == 2


async def test_two_callers_with_the_same_scopes_are_each_told_who_they_are(served: Served) -> None:
    body = b'{"query": "{ viewer { name tenant scopes } agents { totalCount } }"}'
    for _ in range(4):
        for key, name in ((KEY, "board"), (TWIN_KEY, "twin")):
            answer = await send(served, body, Authorization=f"Bearer {key}")
            assert answer.json["data"]["viewer"]["name"] == name


async def test_a_stranger_is_not_invited_to_send_a_body(served: Served) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(served))
    stranger = {**HEAD, "Authorization": "Bearer planted-key-of-nobody", "Expect": "100-continue"}
    writer.write(request(headers={**stranger, "Content-Length": "100"}))
    try:
        async with asyncio.timeout(10):
            assert (await reader.readline()).split()[1] == b"401"
    finally:
        writer.transport.abort()


async def test_a_known_caller_who_waits_to_be_invited_is_invited_and_answered(served: Served) -> None:
    body = f"{COUNT}}}".encode()
    for _ in range(3):
        await send(served, body)
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(served))
    writer.write(request(headers={**HEAD, "Expect": "100-continue", "Content-Length": str(len(body))}))
    try:
        async with asyncio.timeout(10):
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(body)
            assert (await reader.readline()).split()[1] == b"200"
    finally:
        writer.transport.abort()


async def test_what_a_recognized_query_has_to_wait_for_has_its_deadline(
    endpoint: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = CachedCallCenter.agents
    bounded: list[bool] = []

    async def watched(self: CachedCallCenter, bound: FreshnessBound = ANY_AGE) -> Reading[Any]:
        bounded.append(current_deadline() is not None)
        return await read(self, bound)

    monkeypatch.setattr(CachedCallCenter, "agents", watched)
    plan = Plan(cache=CacheSettings(fresh_seconds=0, stale_seconds=0))
    async with serving(world(), plan=plan) as (served, _):
        for _ in range(4):
            await send(served, f"{COUNT}}}".encode())
    assert len(endpoint) == 2
    assert bounded == [True] * 4
