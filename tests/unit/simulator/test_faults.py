"""Each fault as a client sees it: a raw socket where httpx would hide the difference."""

import asyncio
import time
from typing import Any

import httpx
import pytest

from gateway.simulator.faults import FaultKind, Faults
from gateway.simulator.server import RunningSimulator
from tests.unit.simulator.serving import get_request, post_request, raw_exchange

AGENTS = "/api/v1/agents"


async def test_a_status_is_answered_instead_of_handling_and_only_as_often_as_ordered(
    simulator: RunningSimulator, client: httpx.AsyncClient
) -> None:
    simulator.world.log_in(1)
    simulator.faults.answer(502, body=b"<html>Bad Gateway</html>", content_type="text/html", count=1)
    answer = await client.post(f"{AGENTS}/1/logoff")
    assert (answer.status_code, answer.text) == (502, "<html>Bad Gateway</html>")
    assert answer.headers["content-type"] == "text/html"
    assert simulator.world.agents[1].logged_in
    assert (await client.post(f"{AGENTS}/1/logoff")).status_code == 200


async def test_a_rate_limit_says_when_to_come_back(
    simulator: RunningSimulator, client: httpx.AsyncClient
) -> None:
    simulator.faults.rate_limit(retry_after_seconds=7, count=None)
    for _ in range(3):
        answer = await client.get(AGENTS)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")


async def test_a_fault_meets_only_its_method_path_and_page(
    simulator: RunningSimulator, client: httpx.AsyncClient
) -> None:
    armed = simulator.faults.answer(503, method="GET", path=AGENTS, page=2, count=None)
    statuses = [(await client.get(f"{AGENTS}?limit=1&page={page}")).status_code for page in (1, 2, 3)]
    assert statuses == [200, 503, 200]
    assert (await client.get("/api/v1/queues?page=2")).status_code == 200
    assert (await client.post(f"{AGENTS}/1/logoff?page=2")).status_code == 400
    assert armed.hits == 1


async def test_page_one_is_met_whether_it_is_named_or_not(
    simulator: RunningSimulator, client: httpx.AsyncClient
) -> None:
    simulator.faults.answer(503, page=1, count=None)
    assert (await client.get(AGENTS)).status_code == 503
    assert (await client.get(f"{AGENTS}?page=1")).status_code == 503


async def test_a_reset_reaches_the_client_as_a_reset_and_nothing_was_handled(
    simulator: RunningSimulator,
) -> None:
    simulator.world.log_in(1)
    simulator.faults.reset(method="POST")
    with pytest.raises(ConnectionResetError):
        await raw_exchange(simulator, request=post_request(f"{AGENTS}/1/logoff"))
    assert simulator.world.agents[1].logged_in


async def test_a_lost_answer_is_a_reset_after_the_write_was_done(simulator: RunningSimulator) -> None:
    simulator.world.log_in(1)
    simulator.faults.lose_answer()
    with pytest.raises(ConnectionResetError):
        await raw_exchange(simulator, request=post_request(f"{AGENTS}/1/logoff"))
    assert not simulator.world.agents[1].logged_in


async def test_a_truncated_body_promises_more_than_it_sends(simulator: RunningSimulator) -> None:
    whole = await raw_exchange(simulator, request=get_request(AGENTS))
    simulator.faults.truncate()
    head, _, body = (await raw_exchange(simulator, request=get_request(AGENTS))).partition(b"\r\n\r\n")
    whole_body = whole.partition(b"\r\n\r\n")[2]
    assert f"content-length: {len(whole_body)}\r\n".encode() in head + b"\r\n"
    assert body == whole_body[: len(whole_body) // 2]


async def test_an_empty_200_was_handled(simulator: RunningSimulator, client: httpx.AsyncClient) -> None:
    simulator.world.log_in(1)
    simulator.faults.empty()
    answer = await client.post(f"{AGENTS}/1/logoff")
    assert (answer.status_code, answer.content) == (200, b"")
    assert not simulator.world.agents[1].logged_in


async def test_data_can_be_missing_from_a_200(simulator: RunningSimulator, client: httpx.AsyncClient) -> None:
    simulator.faults.drop_data()
    answer = await client.get(AGENTS)
    assert (answer.status_code, answer.json()) == (200, {"meta": {"status": 200, "message": "OK"}})


async def test_html_can_come_with_a_200(simulator: RunningSimulator, client: httpx.AsyncClient) -> None:
    simulator.faults.html()
    answer = await client.get(AGENTS)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer.text.startswith("<!doctype html>")


async def test_a_redirect_points_to_another_host(
    simulator: RunningSimulator, client: httpx.AsyncClient
) -> None:
    simulator.faults.redirect("http://elsewhere.example/agents", status=307)
    answer = await client.get(AGENTS)
    assert (answer.status_code, answer.headers["location"]) == (307, "http://elsewhere.example/agents")
    assert answer.content == b""


async def test_a_drip_sends_the_whole_body_in_pieces_over_time(
    simulator: RunningSimulator, client: httpx.AsyncClient
) -> None:
    whole = (await client.get(AGENTS)).content
    simulator.faults.drip(seconds=0.2)
    started = time.monotonic()
    async with client.stream("GET", AGENTS) as answer:
        pieces = [piece async for piece in answer.aiter_raw()]
    assert time.monotonic() - started >= 0.2
    assert b"".join(pieces) == whole
    assert len(pieces) > 5


async def test_a_delay_holds_the_answer_back(simulator: RunningSimulator, client: httpx.AsyncClient) -> None:
    simulator.faults.delay(0.1, count=2)
    simulator.faults.answer(503)
    started = time.monotonic()
    assert (await client.get(AGENTS)).status_code == 503
    assert (await client.get(AGENTS)).status_code == 200
    assert time.monotonic() - started >= 0.2


async def test_rows_of_one_page_can_be_mangled(
    simulator: RunningSimulator, client: httpx.AsyncClient
) -> None:
    def odd(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{**rows[0], "current_pause": 42}, *rows]

    simulator.faults.mangle_rows(odd, path=AGENTS, page=1)
    body = (await client.get(AGENTS)).json()
    assert [row["id"] for row in body["data"]] == [1, 1, 2, 3]
    assert body["data"][0]["current_pause"] == 42
    assert [row["id"] for row in (await client.get(AGENTS)).json()["data"]] == [1, 2, 3]


async def test_the_total_can_be_wrong_or_change_during_a_walk(
    simulator: RunningSimulator, client: httpx.AsyncClient
) -> None:
    simulator.faults.misstate_total(99, page=1)
    simulator.faults.misstate_total(lambda total: total + 1, page=2)
    totals = [
        (await client.get(f"{AGENTS}?limit=1&page={page}")).json()["pagination"]["total"]
        for page in (1, 2, 3)
    ]
    assert totals == [99, 4, 3]


async def test_a_refusal_passes_an_alteration_of_rows_untouched(
    simulator: RunningSimulator, client: httpx.AsyncClient
) -> None:
    simulator.faults.mangle_rows(lambda _: [], count=None)
    assert (await client.get(f"{AGENTS}/77/pauses")).json()["meta"]["message"] == "Agent not found"


async def test_a_hanging_request_is_handled_when_it_is_released(
    simulator: RunningSimulator, client: httpx.AsyncClient
) -> None:
    simulator.world.log_in(1)
    armed = simulator.faults.hang()
    asking = asyncio.create_task(client.post(f"{AGENTS}/1/logoff"))
    await armed.met()
    assert simulator.requests.in_flight == 1
    assert not asking.done()
    simulator.faults.release()
    assert (await asking).status_code == 200
    assert not simulator.world.agents[1].logged_in


async def test_a_client_that_leaves_a_hanging_request_leaves_nothing_behind(
    simulator: RunningSimulator, client: httpx.AsyncClient
) -> None:
    simulator.world.log_in(1)
    armed = simulator.faults.hang()
    asking = asyncio.create_task(client.post(f"{AGENTS}/1/logoff"))
    await armed.met()
    asking.cancel()
    await asyncio.wait_for(simulator.requests.idle(), timeout=5)
    assert simulator.world.agents[1].logged_in


async def test_clearing_disarms_and_lets_go(simulator: RunningSimulator, client: httpx.AsyncClient) -> None:
    simulator.faults.answer(503, path="/api/v1/queues", count=None)
    armed = simulator.faults.hang(count=None)
    asking = asyncio.create_task(client.get(AGENTS))
    await armed.met()
    simulator.faults.clear()
    assert (await asking).status_code == 200
    assert (await client.get("/api/v1/queues")).status_code == 200
    assert len(simulator.faults) == 0


def test_chance_is_drawn_from_the_seed() -> None:
    def hits(seed: int) -> list[bool]:
        faults = Faults(seed=seed)
        faults.answer(503, count=None, probability=0.5)
        return [bool(faults.meeting("GET", path="/", page=None)) for _ in range(50)]

    assert hits(1) == hits(1)
    assert hits(1) != hits(2)
    assert 10 < sum(hits(1)) < 40


def test_a_fault_not_drawn_is_not_used_up() -> None:
    faults = Faults()
    armed = faults.answer(503, probability=0.0)
    assert faults.meeting("GET", path="/", page=None) == []
    assert (armed.hits, armed.left, len(faults)) == (0, 1, 1)


def test_of_two_endings_only_the_older_meets_a_request() -> None:
    faults = Faults()
    faults.answer(503)
    later = faults.reset()
    faults.delay(1.0)
    kinds = [fault.kind for fault in faults.meeting("GET", path="/", page=None)]
    assert kinds == [FaultKind.STATUS, FaultKind.DELAY]
    assert later.hits == 0
