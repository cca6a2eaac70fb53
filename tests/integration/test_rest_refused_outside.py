"""Under /v1 every error is a problem, also one that no operation there has said."""

import asyncio

import httpx
import pytest

from gateway.settings import LimitSettings
from gateway.simulator.world import World
from gateway.web.rest import RestSurface
from tests.integration.test_rest import PROBLEM, ask
from tests.raw_http import request
from tests.served import KEY, Plan, serving, token_of

AUTHORIZATION = {"Authorization": f"Bearer {KEY}"}
PATHS = ("/v1/agents", "/v1/exports/agents", "/v1/status", "/v1/nothing", "/v1")


def world() -> World:
    made = World(token=token_of("acme"))
    made.add_agent("Ana", login="ana")
    return made


def told(answer: httpx.Response) -> tuple[int, str, str, bool]:
    problem = answer.json()
    assert answer.headers["content-type"] == PROBLEM
    assert answer.headers["cache-control"] == "no-store"
    assert problem["requestId"] == answer.headers["x-request-id"]
    assert problem["status"] == answer.status_code
    return answer.status_code, problem["code"], problem["type"].rpartition(":")[2], problem["retryable"]


@pytest.mark.parametrize("path", PATHS)
async def test_a_page_of_another_origin_and_a_head_too_long_are_problems(path: str) -> None:
    async with serving(world()) as (served, _simulators):
        foreign = await served.client.get(path, headers={**AUTHORIZATION, "Sec-Fetch-Site": "cross-site"})
        too_long = await served.client.get(path, headers={**AUTHORIZATION, "X-Much": "x" * 16_400})
    assert told(foreign) == (403, "FORBIDDEN", "forbidden", False)
    assert told(too_long) == (431, "OPERATION_TOO_LARGE", "operation-too-large", False)


async def test_one_too_many_is_a_problem_that_says_when_to_come_again() -> None:
    limits = LimitSettings(max_concurrent_requests=1, caller_burst=100_000)
    async with serving(world(), plan=Plan(limits=limits)) as (served, _simulators):
        head = {**AUTHORIZATION, "Content-Type": "application/json", "Content-Length": "27"}
        _reader, writer = await asyncio.open_connection("127.0.0.1", served.client.base_url.port)
        writer.write(request(headers=head) + b'{"que')
        async with asyncio.timeout(10):
            while (refused := await ask(served, "GET", "/agents")).status_code != 503:
                pass
        graphql = await served.post("{ viewer { name } }")
        writer.close()
    assert told(refused) == (503, "OVERLOADED", "overloaded", True)
    assert (refused.headers["retry-after"], refused.json()["retryAfterMs"]) == ("1", 1_000)
    assert graphql.json()["errors"][0]["extensions"]["code"] == "OVERLOADED"


async def test_a_failure_that_nobody_foresaw_is_a_problem_without_its_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise ArithmeticError("of a secret kind")

    monkeypatch.setattr(RestSurface, "_answer", fail)
    async with serving(world()) as (served, _simulators):
        failed = await ask(served, "GET", "/agents")
    assert told(failed) == (500, "INTERNAL_SERVER_ERROR", "internal-server-error", False)
    assert "secret" not in failed.text


@pytest.mark.parametrize(
    ("path", "kind"), [("/v1", PROBLEM), ("/v1x/agents", "application/json; charset=utf-8")]
)
async def test_a_path_that_is_not_there(path: str, kind: str) -> None:
    async with serving(world()) as (served, _simulators):
        missing = await served.client.get(path, headers=AUTHORIZATION)
    assert (missing.status_code, missing.headers["content-type"]) == (404, kind)
