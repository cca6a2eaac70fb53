import asyncio

import httpx

from gateway.simulator.requests import RequestLog
from gateway.simulator.server import RunningSimulator
from tests.unit.simulator.serving import NOON, TOKEN

AGENTS = "/api/v1/agents"


async def test_calls_are_counted_per_page_with_their_answers_to_the_token(
    simulator: RunningSimulator, client: httpx.AsyncClient
) -> None:
    await client.get(AGENTS)
    await client.get(f"{AGENTS}/?page=2&limit=1")
    await client.get(f"{AGENTS}?page=2", headers={"token": "wrong"})
    await client.post(f"{AGENTS}/1/logoff")
    log = simulator.requests
    assert log.pages(AGENTS) == {1: 1, 2: 2}
    assert log.count(AGENTS) == 3
    assert log.count(f"{AGENTS}/1/logoff", method="POST") == 1
    assert log.count(method="GET") == 3
    assert log.count(AGENTS, page=2) == 2
    assert [each.token_ok for each in log] == [True, True, False, True]
    assert [each.query for each in log] == ["", "page=2&limit=1", "page=2", ""]
    assert {each.at for each in log} == {NOON}
    assert len(log) == 4


async def test_no_token_is_kept_wherever_it_was_sent(
    simulator: RunningSimulator, client: httpx.AsyncClient
) -> None:
    await client.get(f"{AGENTS}?page=2&token={TOKEN}")
    assert [each.query for each in simulator.requests] == ["page=2&token=%2A%2A%2A"]
    assert TOKEN not in repr(list(simulator.requests))
    assert TOKEN not in repr(simulator.world)


async def test_the_peak_tells_how_many_were_open_at_once(
    simulator: RunningSimulator, client: httpx.AsyncClient
) -> None:
    armed = simulator.faults.hang(count=None)
    asking = [asyncio.create_task(client.get(AGENTS)) for _ in range(4)]
    await armed.met(4)
    simulator.faults.clear()
    await asyncio.gather(*asking)
    await simulator.requests.idle()
    assert (simulator.requests.in_flight, simulator.requests.peak_in_flight) == (0, 4)


def test_clearing_forgets_counts_but_not_what_is_open() -> None:
    log = RequestLog()
    log.arrived("GET", path="/a", query="", token_ok=True, at=NOON)
    log.clear()
    assert (len(log), list(log), log.in_flight, log.peak_in_flight) == (0, [], 1, 1)


def test_the_log_is_bounded_but_the_counts_are_exact() -> None:
    log = RequestLog()
    for _ in range(10_050):
        log.arrived("GET", path="/a", query="page=1", token_ok=True, at=NOON)
        log.left()
    assert len(list(log)) == 10_000
    assert log.count("/a", page=1) == 10_050
