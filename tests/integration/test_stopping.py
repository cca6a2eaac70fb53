"""The process's own start and stop: what is in flight is answered, what is idle is parted with, in order."""

import asyncio
import json
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from gateway.simulator.server import RunningSimulator, running
from gateway.simulator.world import World
from tests.processes import KEY, GatewayProcess, gateway_process, write_config
from tests.tools import require_tool

TOKEN = "planted-token"
READ = "{ agents(first: 1) { nodes { id } totalCount } }"


def config_of(simulator: RunningSimulator, folder: Path, **server: object) -> Path:
    return write_config(folder, base_url=simulator.base_url, token=TOKEN, server=server)


async def ask(client: httpx.AsyncClient, gateway: GatewayProcess) -> httpx.Response:
    return await client.post(
        f"{gateway.base_url}/graphql", json={"query": READ}, headers={"Authorization": f"Bearer {KEY}"}
    )


@asynccontextmanager
async def asking_slowly(
    client: httpx.AsyncClient, gateway: GatewayProcess, *, simulator: RunningSimulator
) -> AsyncIterator["asyncio.Task[httpx.Response]"]:
    """A request that has reached Evolux, which takes its time."""
    await simulator.requests.idle()
    seen = len(simulator.requests)
    asked = asyncio.create_task(ask(client, gateway))
    await asyncio.wait_for(simulator.requests.reached(seen + 1), 10)
    yield asked


def make_certificate(folder: Path) -> None:
    subprocess.run(  # noqa: S603 - openssl with words of our own
        [require_tool("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-keyout", "tls.key", "-out", "tls.crt", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1"],
        cwd=folder, check=True, capture_output=True,
    )  # fmt: skip


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_request_in_flight_at_sigterm_is_answered_and_the_exit_code_is_0(
    tmp_path: Path, workers: int
) -> None:
    async with (
        running(World.seeded(5, token=TOKEN), latency_seconds=0.7) as simulator,
        httpx.AsyncClient(trust_env=False, timeout=20) as client,
        gateway_process(config_of(simulator, tmp_path, workers=workers)) as gateway,
    ):
        async with asking_slowly(client, gateway, simulator=simulator) as asked:
            exit_code = await gateway.stop()

        answer = await asked
        assert answer.status_code == httpx.codes.OK
        assert answer.json()["data"]["agents"]["totalCount"] == 5
        assert exit_code == 0
        with pytest.raises(httpx.ConnectError):
            await ask(client, gateway)


async def test_while_it_drains_it_is_unready_yet_serves_and_parts_with_every_connection(
    tmp_path: Path,
) -> None:
    async with (
        running(World.seeded(5, token=TOKEN)) as simulator,
        httpx.AsyncClient(trust_env=False, timeout=20) as client,
        gateway_process(config_of(simulator, tmp_path, drain_seconds=600)) as gateway,
    ):
        before = await ask(client, gateway)
        assert "connection" not in before.headers

        gateway.terminate()
        async with asyncio.timeout(10):
            while (readiness := await client.get(f"{gateway.base_url}/readyz")).status_code == httpx.codes.OK:
                continue
        during = await ask(client, gateway)

        assert (readiness.status_code, readiness.json()) == (503, {"status": "stopping"})
        assert during.status_code == httpx.codes.OK
        assert during.headers["connection"] == "close"
        assert (await client.get(f"{gateway.base_url}/livez")).status_code == httpx.codes.OK
        assert gateway.process.returncode is None
        # A second SIGTERM ends the wait of ten minutes.
        assert await gateway.stop() == 0
    log = (tmp_path / f"gateway-{gateway.port}.log").read_text(encoding="utf-8")
    told = [json.loads(line)["event"] for line in log.splitlines() if '"service.' in line]
    assert told == ["service.started", "service.draining", "service.stopped"]
    assert "Traceback" not in log


async def test_a_request_that_outlasts_the_deadline_does_not_hold_the_stop(tmp_path: Path) -> None:
    async with (
        running(World.seeded(5, token=TOKEN), latency_seconds=8) as simulator,
        httpx.AsyncClient(trust_env=False, timeout=20) as client,
        gateway_process(config_of(simulator, tmp_path, shutdown_seconds=0.3)) as gateway,
    ):
        loop = asyncio.get_running_loop()
        async with asking_slowly(client, gateway, simulator=simulator) as asked:
            began_at = loop.time()
            assert await gateway.stop() == 0

        assert loop.time() - began_at < 6
        [outcome] = await asyncio.gather(asked, return_exceptions=True)
        assert isinstance(outcome, httpx.TransportError) or outcome.status_code >= 500  # type: ignore[union-attr]


async def test_an_idle_connection_is_kept_for_the_time_set_and_then_closed(tmp_path: Path) -> None:
    async with (
        running(World.seeded(5, token=TOKEN)) as simulator,
        gateway_process(config_of(simulator, tmp_path, keep_alive_seconds=1)) as gateway,
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = await reader.readuntil(b'{"status":"alive"}')
        loop = asyncio.get_running_loop()
        began_at = loop.time()

        rest = await asyncio.wait_for(reader.read(), 10)

        assert b"connection: close" not in answer.lower()
        assert rest == b""
        assert loop.time() - began_at >= 0.9
        writer.close()
        assert await gateway.stop() == 0


async def test_it_serves_https_where_a_certificate_is_named_and_no_plain_http(tmp_path: Path) -> None:
    make_certificate(tmp_path)
    async with running(World.seeded(5, token=TOKEN)) as simulator:
        config = config_of(simulator, tmp_path)
        text = config.read_text(encoding="utf-8")
        tls = '[server]\ntls_certificate_file = "tls.crt"\ntls_key_file = "tls.key"'
        config.write_text(text.replace("[server]", tls), encoding="utf-8")
        trust = ssl.create_default_context(cafile=str(tmp_path / "tls.crt"))
        async with (
            httpx.AsyncClient(trust_env=False, verify=trust) as client,
            gateway_process(config, scheme="https") as gateway,
        ):
            answer = await client.get(f"{gateway.base_url}/readyz")
            assert answer.json() == {"status": "ready"}
            with pytest.raises(httpx.TransportError):
                await client.get(f"http://127.0.0.1:{gateway.port}/readyz")
            assert await gateway.stop() == 0
