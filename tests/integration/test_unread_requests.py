"""What cannot be read as HTTP is refused in the form of the surface that was asked, and logged."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
import uvloop

from gateway.settings import LimitSettings
from gateway.simulator.world import World
from tests.integration.test_rest import PROBLEM
from tests.raw_http import RawAnswer, exchange, request
from tests.served import KEY, Plan, Served, serving, token_of

GRAPHQL = "application/json; charset=utf-8"
HEAD = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
GOOD = request(headers=HEAD, body=b'{"query": "{ viewer { name } }"}')
CHUNKED = {**HEAD, "Transfer-Encoding": "chunked"}
UNREAD = {
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", GRAPHQL),
    "a header without a name": (b"GET /graphql HTTP/1.1\r\n: x\r\n\r\n", GRAPHQL),
    "a header with a line feed": (b"GET /v1/agents HTTP/1.1\r\nX-A: a\n b: c\r\nX\r\n\r\n", PROBLEM),
    "two lengths": (
        b"POST /v1/agents HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
        PROBLEM,
    ),
    "a length and chunks": (
        b"POST /graphql HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        GRAPHQL,
    ),
    "a whole target": (b"GET http://gateway/v1/agents HTTP/1.1\r\n: x\r\n\r\n", PROBLEM),
    "a target written otherwise": (b"GET /%76%31/agents HTTP/1.1\r\n: x\r\n\r\n", PROBLEM),
    "a target of nonsense": (b"GET //[::1 HTTP/1.1\r\n: x\r\n\r\n", GRAPHQL),
    "chunks of no length in GraphQL": (request(headers=CHUNKED) + b"zz\r\n{}\r\n", GRAPHQL),
    "chunks of no length in REST": (request("PATCH", "/v1/agents/1", headers=CHUNKED) + b"zz\r\n", PROBLEM),
}


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    world = World(token=token_of("acme"))
    world.add_agent("Ana", login="ana")
    limits = LimitSettings(head_seconds=0.5, max_header_bytes=2_000, max_body_bytes=2_000)
    async with serving(world, plan=Plan(limits=limits)) as (served, _):
        yield served


def told(answer: RawAnswer | None, served: Served) -> tuple[int, str, str]:
    """Status, media type and code, after a look at what goes with them."""
    assert answer is not None
    error = answer.json
    if answer.headers["content-type"] == PROBLEM:
        code, request_id = error["code"], error["requestId"]
        assert error["status"] == answer.status
    else:
        [only] = error["errors"]
        code, request_id = only["extensions"]["code"], only["extensions"]["requestId"]
    assert answer.headers["x-request-id"] == request_id
    assert answer.headers["connection"] == "close"
    assert "date" in answer.headers
    assert "Invalid HTTP" not in served.logs.getvalue()
    [logged] = [line for line in map(json.loads, served.logs.getvalue().splitlines()) if _is_unread(line)]
    assert (logged["request_id"], logged["status"], logged["code"]) == (request_id, answer.status, code)
    return answer.status, answer.headers["content-type"], code


def _is_unread(line: dict[str, object]) -> bool:
    return line["event"] == "http.unread"


@pytest.mark.parametrize("name", UNREAD)
async def test_what_is_no_http_is_told_in_the_form_of_the_surface(served: Served, name: str) -> None:
    sent, kind = UNREAD[name]
    answer = await exchange(served.client.base_url.port or 0, sent)
    assert told(answer, served) == (400, kind, "BAD_REQUEST")


@pytest.mark.parametrize(("path", "kind"), [("/graphql", GRAPHQL), ("/v1/agents", PROBLEM)])
async def test_a_head_too_slow_or_too_long_is_told_so(served: Served, path: str, kind: str) -> None:
    port, begun = served.client.base_url.port or 0, f"GET {path} HTTP/1.1\r\nX-A: ".encode()
    slow = await exchange(port, begun)
    assert told(slow, served) == (408, kind, "BAD_REQUEST")
    served.logs.truncate(0)
    served.logs.seek(0)
    long = await exchange(port, begun + b"x" * 20_000)
    assert told(long, served) == (431, kind, "OPERATION_TOO_LARGE")


async def test_after_an_answer_the_connection_may_still_be_told_what_is_wrong(
    served: Served,
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.client.base_url.port)
    writer.write(request("GET", "/v1/agents", headers=HEAD))
    assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
    await asyncio.sleep(0.1)
    writer.write(b"NO HTTP\r\n\r\n")
    async with asyncio.timeout(5):
        rest = await reader.read()
    head, _, body = rest[rest.index(b"HTTP/1.1 ") :].partition(b"\r\n\r\n")
    writer.close()
    assert b" 400 " in head
    assert json.loads(body)["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


async def test_the_callers_own_id_is_taken_and_head_gets_no_body(served: Served) -> None:
    port, named = served.client.base_url.port or 0, {**CHUNKED, "X-Request-Id": "board-7"}
    answer = await exchange(port, request("POST", "/v1/agents", headers=named) + b"zz\r\n")
    assert told(answer, served) == (400, PROBLEM, "BAD_REQUEST")
    assert answer is not None
    assert answer.headers["x-request-id"] == "board-7"
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"HEAD /v1/agents HTTP/1.1\r\n: x\r\n\r\n")
    async with asyncio.timeout(5):
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    assert b" 400 " in head
    assert body == b""


@pytest.mark.parametrize("path", ["/graphql", "/v1/agents/1", "/nothing"])
async def test_who_was_answered_before_the_body_came_gets_no_second_answer(served: Served, path: str) -> None:
    chunked = {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}
    reader, writer = await asyncio.open_connection("127.0.0.1", served.client.base_url.port)
    writer.write(request("PATCH" if "agents" in path else "POST", path, headers=chunked))
    async with asyncio.timeout(5):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        writer.write(b"zz\r\n{}\r\n")
        rest = await reader.read()
    writer.close()
    assert head.split()[1] in {b"401", b"404"}
    assert rest == b""
    [logged] = [line for line in map(json.loads, served.logs.getvalue().splitlines()) if _is_unread(line)]
    assert "status" not in logged


def test_a_connection_that_ends_behind_two_requests_is_no_failure_of_ours() -> None:
    """On the event loop that the gateway is shipped with, which refuses to write where nobody is."""
    told = uvloop.run(_end_behind_two_requests())
    assert "http.unread" in told
    assert "internal_error" not in told
    assert "INTERNAL_SERVER_ERROR" not in told


async def _end_behind_two_requests() -> str:
    asked = request("GET", "/v1/agents", headers={**HEAD, "Cache-Control": "no-cache"})
    async with serving(World(token=token_of("acme"))) as (served, _):
        for _ in range(10):
            reader, writer = await asyncio.open_connection("127.0.0.1", served.client.base_url.port)
            writer.write(asked * 2 + b"NO HTTP\r\n\r\n")
            async with asyncio.timeout(5):
                with suppress(ConnectionResetError):
                    await reader.read()
            writer.close()
        await asyncio.sleep(0.2)
        return served.logs.getvalue()


async def test_what_comes_behind_a_request_is_never_told_as_its_answer(served: Served) -> None:
    slow = request(
        headers={**HEAD, "Cache-Control": "no-cache"}, body=b'{"query": "{ agents { totalCount } }"}'
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", served.client.base_url.port)
    writer.write(slow + b"NO HTTP\r\n\r\n")
    came = b""
    async with asyncio.timeout(5):
        with suppress(ConnectionResetError):
            came = await reader.read()
    writer.close()
    assert b" 400 " not in came


async def test_others_are_answered_as_before(served: Served) -> None:
    port = served.client.base_url.port or 0
    await asyncio.gather(*(exchange(port, sent) for sent, _ in UNREAD.values()))
    answer = await exchange(port, GOOD)
    assert answer is not None
    assert (answer.status, answer.codes) == (200, [])
