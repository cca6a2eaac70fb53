"""Attacks over a real socket: each gets a clear answer in bounded time, and the next request is served."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gateway.settings import LimitSettings
from gateway.simulator.world import World
from tests.attacking import post
from tests.heavy_operations import HANDED_OVER, REFUSED, RUN, WRONG_VARIABLES, large_world
from tests.hostile_documents import DOCUMENTS
from tests.hostile_requests import REQUESTS
from tests.loop_stalls import loop_stalls
from tests.raw_http import exchange
from tests.served import KEY, TOKEN, Plan, Served, serving, token_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

MOST_SECONDS = 5.0
MOST_HELD_SECONDS = 0.05
CALLERS_ERRORS = {"BAD_USER_INPUT", "AGENT_NOT_FOUND"}
ATTACKS = {**DOCUMENTS, **REQUESTS}
SECRETS = (TOKEN.encode(), KEY.encode(), b"Traceback", b".py", b"site-packages", b"127.0.0.1")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served() -> AsyncIterator[Served]:
    world = World(token=token_of("acme"))
    for number in range(1, 6):
        world.add_agent(f"Ana {number}", login=f"ana.{number}")
    limits = LimitSettings(caller_burst=100_000, tenant_burst=100_000, head_seconds=1, body_seconds=1)
    async with serving(world, plan=Plan(limits=limits)) as (running, _simulators):
        await running.ask("{ agents { totalCount } }")
        gc.collect()
        gc.freeze()  # a collection of what other tests left would count as a hold
        yield running
        gc.unfreeze()


@pytest.mark.parametrize("name", ATTACKS)
async def test_an_attack_is_answered_clearly_and_the_next_request_is_served(
    name: str, served: Served
) -> None:
    sent, (status, code) = ATTACKS[name]
    port = served.client.base_url.port or 0
    began_at = time.perf_counter()
    async with loop_stalls() as stalls:
        answer = await exchange(port, sent)
    assert time.perf_counter() - began_at < MOST_SECONDS
    assert stalls.longest_seconds < MOST_HELD_SECONDS
    if status is None:
        assert answer is None or answer.status == 400
    else:
        assert answer is not None
        assert (answer.status, answer.codes[0] if answer.codes else None) == (status, code)
        assert not [one for one in SECRETS if one in answer.body]
        assert "x-evil" not in answer.headers
    after = await exchange(port, post())
    assert after is not None
    assert after.json == {"data": {"viewer": {"name": "board"}}}


async def test_there_are_attacks_enough() -> None:
    assert len(ATTACKS) >= 80


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def large() -> AsyncIterator[Served]:
    limits = LimitSettings(caller_burst=100_000)
    async with serving(large_world(), plan=Plan(limits=limits)) as (running, _simulators):
        await running.ask('{ agents(filter: {search: "x"}) { totalCount } queues { id } }')
        gc.collect()
        gc.freeze()
        yield running
        gc.unfreeze()


@pytest.mark.parametrize("name", RUN)
async def test_the_most_that_may_be_asked_does_not_hold_the_loop(name: str, large: Served) -> None:
    async with loop_stalls() as stalls:
        answer = await large.post(RUN[name])
    assert stalls.longest_seconds < MOST_HELD_SECONDS
    assert set(answer.json()) == {"data"}


@pytest.mark.parametrize("name", HANDED_OVER)
async def test_what_graphql_core_has_to_run_does_not_hold_the_loop(name: str, large: Served) -> None:
    async with loop_stalls() as stalls:
        answer = await large.post(HANDED_OVER[name])
    assert stalls.longest_seconds < MOST_HELD_SECONDS
    assert {error["extensions"]["code"] for error in answer.json()["errors"]} <= CALLERS_ERRORS
    assert any(answer.json()["data"].values())


async def test_variables_that_do_not_fit_do_not_hold_the_loop(large: Served) -> None:
    document, variables = WRONG_VARIABLES
    async with loop_stalls() as stalls:
        answer = await large.post(document, **variables)
    assert stalls.longest_seconds < MOST_HELD_SECONDS
    assert {error["extensions"]["code"] for error in answer.json()["errors"]} == {"GRAPHQL_VALIDATION_FAILED"}
    assert "data" not in answer.json()


@pytest.mark.parametrize("name", REFUSED)
async def test_what_would_hold_the_loop_costs_too_much(name: str, large: Served) -> None:
    async with loop_stalls() as stalls:
        error = await large.fail(REFUSED[name])
    assert stalls.longest_seconds < MOST_HELD_SECONDS
    assert error["extensions"]["code"] == "OPERATION_TOO_LARGE"


async def test_what_dribbles_is_cut_off_though_it_never_stops(served: Served) -> None:
    port = served.client.base_url.port or 0
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /graphql HTTP/1.1\r\n")
    answer = asyncio.create_task(reader.read())
    began_at = time.perf_counter()
    while not answer.done():
        writer.write(b"X-Slow: 1\r\n")
        await asyncio.wait([answer], timeout=0.1)
    assert b" 408 " in answer.result()
    assert time.perf_counter() - began_at < MOST_SECONDS
    writer.close()


async def test_the_logs_of_all_attacks_hold_no_secret_and_no_failure_of_ours(served: Served) -> None:
    logged = served.logs.getvalue()
    assert KEY not in logged
    assert TOKEN not in logged
    assert [line for line in served.log_lines() if line["event"] == "internal_error"] == []
    assert [line for line in served.log_lines() if line.get("status", 200) >= 500] == []
