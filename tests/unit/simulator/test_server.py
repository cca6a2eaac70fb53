import asyncio
import gc
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx
import pytest
import uvloop

from gateway.simulator.app import build_app
from gateway.simulator.faults import Faults
from gateway.simulator.server import running
from tests.unit.simulator.serving import TOKEN, client_of, get_request, raw_exchange, serving, small_world


async def test_leaving_cancels_no_request_that_hangs_or_waits(
    caplog: pytest.LogCaptureFixture,
) -> None:
    faults = Faults()
    hanging = faults.hang(count=None)
    waiting = faults.delay(60.0, page=2)
    stack = AsyncExitStack()
    simulator = await stack.enter_async_context(running(small_world(), faults=faults))
    async with client_of(simulator) as client:
        paths = ("/api/v1/agents?page=2", "/api/v1/queues", "/api/v1/agents?page=3")
        asking = [asyncio.create_task(client.get(path)) for path in paths]
        await asyncio.gather(hanging.met(3), waiting.met(1))
        await stack.aclose()
        outcomes = await asyncio.gather(*asking, return_exceptions=True)
    assert all(isinstance(outcome, httpx.TransportError) for outcome in outcomes)
    assert simulator.requests.in_flight == 0
    # a request that had to be cancelled would be in uvicorn's log
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_nothing_is_left_open_after_leaving() -> None:
    async with serving(small_world()) as (simulator, client):
        await client.get("/api/v1/agents")
    gc.collect()  # an unclosed socket would warn here, and a warning is an error
    assert asyncio.all_tasks() == {asyncio.current_task()}
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", simulator.port)) != 0


async def test_two_simulators_in_one_loop_know_nothing_of_each_other() -> None:
    async with serving(small_world(agents=1)) as (one, asks_one), serving(small_world()) as (other, _):
        other.faults.answer(503, count=None)
        assert (await asks_one.get("/api/v1/agents")).json()["pagination"]["total"] == 1
        assert (len(one.requests), len(other.requests)) == (1, 0)


async def test_a_gateway_in_the_same_process_keeps_its_own_access_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    access_log = logging.getLogger("uvicorn.access")
    before = (list(access_log.handlers), access_log.propagate)
    with caplog.at_level(logging.INFO, logger="uvicorn.access"):
        async with serving(small_world()) as (_, client):
            await client.get("/api/v1/agents")
    assert (access_log.handlers, access_log.propagate) == before
    assert [record for record in caplog.records if record.name == "uvicorn.access"] == []


async def test_latency_holds_every_answer_back() -> None:
    async with running(small_world(), latency_seconds=0.05) as simulator, client_of(simulator) as client:
        started = time.monotonic()
        assert (await client.get("/api/v1/agents")).status_code == 200
    assert time.monotonic() - started >= 0.05


def test_a_reset_is_a_reset_on_uvloop_too() -> None:
    async def reset() -> None:
        async with running(small_world()) as simulator:
            simulator.faults.reset()
            with pytest.raises(ConnectionResetError):
                await raw_exchange(simulator, request=get_request("/api/v1/agents"))

    uvloop.run(reset())


COMMAND = """
from gateway.simulator.server import SimulatorSettings, serve
serve(SimulatorSettings(port=0, agents=12, token="printed-token", live=True, seed=3))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_command_says_when_it_is_ready_and_stops_when_told(number: signal.Signals) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-W", "error", "-c", COMMAND),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": "."},
    )
    try:
        assert process.stdout is not None
        ready = (await asyncio.wait_for(process.stdout.readline(), timeout=30)).decode()
        assert ready.startswith("Evolux simulator ready on http://127.0.0.1:")
        assert "with 12 agents; try: curl -H 'token: printed-token'" in ready
        address = ready.rsplit("'", maxsplit=2)[1]
        async with httpx.AsyncClient(trust_env=False, verify=False) as client:  # noqa: S501  plain HTTP here
            answer = await client.get(address, headers={"token": "printed-token"})
        assert answer.json()["pagination"]["total"] == 12
        process.send_signal(number)
        _, stderr = await asyncio.wait_for(process.communicate(), timeout=10)
        assert (process.returncode, stderr) == (0, b"")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_client_that_leaves_in_the_middle_of_its_body_changes_nothing() -> None:
    world = small_world()
    async with running(world) as simulator:
        _, writer = await asyncio.open_connection("127.0.0.1", simulator.port)
        head = f"PUT /api/v1/agents/1 HTTP/1.1\r\nHost: s\r\ntoken: {TOKEN}\r\nContent-Length: 20\r\n\r\n"
        writer.write(head.encode() + b'{"name": ')
        await asyncio.wait_for(simulator.requests.reached(1), timeout=5)
        writer.close()
        await asyncio.wait_for(simulator.requests.idle(), timeout=5)
    assert world.agents[1].name == "Agent 1"


async def test_a_body_in_pieces_is_read_whole() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b'{"name": '
        yield '"João"}'.encode()

    async with serving(small_world()) as (simulator, client):
        assert (await client.put("/api/v1/agents/1", content=pieces())).status_code == 200
        assert simulator.world.agents[1].name == "João"


async def test_without_a_socket_the_app_answers_but_cannot_be_cut() -> None:
    app = build_app(small_world(), latency_seconds=0.001)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://s", headers={"token": TOKEN}
    ) as client:
        assert (await client.get("/api/v1/agents")).status_code == 200
        app.state.faults.reset()
        with pytest.raises(RuntimeError, match="needs a socket"):
            await client.get("/api/v1/agents")
