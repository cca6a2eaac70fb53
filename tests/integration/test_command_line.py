"""The `gateway` command as an operator meets it: a process of its own, its output and its exit code."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.simulator.server import RunningSimulator, running
from gateway.simulator.world import World
from tests.leak_net import NET
from tests.processes import KEY, free_port, gateway_process, write_config

TOKEN = "planted-token-of-acme"
ROOT = Path(__file__).parents[2]


async def run(*arguments: str, timeout_seconds: float = 60) -> tuple[int, str, str]:
    """Run a command to its end: exit code, standard output, standard error."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), timeout_seconds)
    assert process.returncode is not None
    NET.look("output", out + err)
    return process.returncode, out.decode(), err.decode()


@pytest.fixture
async def simulator() -> AsyncIterator[RunningSimulator]:
    async with running(World.seeded(120, token=TOKEN)) as simulator:
        yield simulator


async def test_schema_prints_what_is_committed() -> None:
    assert await run("schema") == (0, (ROOT / "schema.graphql").read_text(encoding="utf-8"), "")


async def test_check_tells_a_good_tenant(simulator: RunningSimulator, tmp_path: Path) -> None:
    config = write_config(tmp_path, base_url=simulator.base_url, token=TOKEN, server={})
    code, out, err = await run("check", "--config", str(config))
    assert (code, err) == (0, "")
    assert "acme" in out
    assert "120 agents" in out
    assert simulator.requests.pages("/api/v1/agents") == {1: 1}


async def test_check_tells_a_refused_token_and_fails(simulator: RunningSimulator, tmp_path: Path) -> None:
    config = write_config(tmp_path, base_url=simulator.base_url, token="another-planted-token", server={})
    code, out, err = await run("check", "--config", str(config))
    assert code == 1
    assert "UPSTREAM_CREDENTIALS_REJECTED" in out
    for planted in ("another-planted-token", "Traceback"):
        assert planted not in out + err


async def test_check_tells_an_evolux_that_is_down_and_fails(tmp_path: Path) -> None:
    config = write_config(tmp_path, base_url=f"http://127.0.0.1:{free_port()}", token=TOKEN, server={})
    code, out, err = await run("check", "--config", str(config))
    assert code == 1
    assert "UPSTREAM_UNAVAILABLE" in out
    assert err == ""


@pytest.mark.parametrize("command", ["serve", "check"])
async def test_a_broken_config_names_file_key_and_expectation(tmp_path: Path, command: str) -> None:
    config = write_config(tmp_path, base_url="http://evolux.example", token=TOKEN, server={})
    code, out, err = await run(command, "--config", str(config))
    assert (code, out) == (2, "")
    assert f"{config}: tenants.acme.base_url: expected" in err
    assert TOKEN not in err
    assert "Traceback" not in err


async def test_a_missing_config_and_a_wrong_command_are_misuse(tmp_path: Path) -> None:
    assert (await run("serve", "--config", str(tmp_path / "none.toml")))[0] == 2
    assert (await run("serve"))[0] == 2
    assert (await run("dance"))[0] == 2


async def test_a_taken_port_is_told_without_a_traceback(simulator: RunningSimulator, tmp_path: Path) -> None:
    config = write_config(tmp_path, base_url=simulator.base_url, token=TOKEN, server={})
    code, _, err = await run("serve", "--config", str(config), "--port", str(simulator.port))
    assert (code, err) == (2, "gateway: Address already in use\n")
    code, _, err = await run("demo", "--port", str(simulator.port))
    assert (code, err) == (2, "gateway: Address already in use\n")
    assert "Traceback" not in err


async def test_it_starts_while_evolux_is_down_says_so_and_recovers(tmp_path: Path) -> None:
    evolux_port = free_port()
    config = write_config(tmp_path, base_url=f"http://127.0.0.1:{evolux_port}", token=TOKEN, server={})
    async with gateway_process(config) as gateway, httpx.AsyncClient(base_url=gateway.base_url) as client:
        ready: dict[str, object] = {}
        for _ in range(200):
            ready = (await client.get("/readyz")).json()
            if ready["status"] == "degraded":
                break
            await asyncio.sleep(0.05)
        assert ready == {"status": "degraded", "tenants": {"acme": "UPSTREAM_UNAVAILABLE"}}
        query = {"query": "{ agents { totalCount } }"}
        headers = {"Authorization": f"Bearer {KEY}"}
        [error] = (await client.post("/graphql", json=query, headers=headers)).json()["errors"]
        assert error["extensions"]["code"] == "UPSTREAM_UNAVAILABLE"
        async with running(World.seeded(70, token=TOKEN), port=evolux_port):
            answer = (await client.post("/graphql", json=query, headers=headers)).json()
            assert "errors" not in answer
            assert (await client.get("/readyz")).json() == {"status": "ready"}
        assert await gateway.stop() == 0
    log = next(tmp_path.glob("gateway-*.log")).read_text(encoding="utf-8")
    assert "Traceback" not in log
    assert TOKEN not in log
    assert KEY not in log


async def test_workers_share_what_a_write_makes_old(simulator: RunningSimulator, tmp_path: Path) -> None:
    world = simulator.world
    agent = next(
        one for one in world.agents.values() if one.logged_in and one.enabled and not one.current_pause
    )
    pause_id = world.allowed_pauses(agent.id)[0].pause_id
    config = write_config(tmp_path, base_url=simulator.base_url, token=TOKEN, server={"workers": 2})

    async def ask(query: str) -> dict[str, object]:
        """Ask over a connection of its own, so that either worker may answer."""
        async with httpx.AsyncClient(base_url=gateway.base_url) as client:
            answer = await client.post(
                "/graphql", json={"query": query}, headers={"Authorization": f"Bearer {KEY}"}
            )
        assert "errors" not in answer.json(), answer.json()
        data: dict[str, object] = answer.json()["data"]
        return data

    state = f'{{ agent(id: "{agent.id}") {{ state }} }}'
    async with gateway_process(config) as gateway:
        for _ in range(3):
            for _ in range(12):
                assert await ask(state) == {"agent": {"state": "LOGGED_IN"}}
            given = f'agentId: "{agent.id}", pauseId: "{pause_id}"'
            await ask(f"mutation {{ pauseAgent(input: {{{given}}}) {{ errors {{ code }} }} }}")
            for _ in range(12):
                assert await ask(state) == {"agent": {"state": "PAUSED"}}
            await ask(
                f'mutation {{ unpauseAgent(input: {{agentId: "{agent.id}"}}) {{ errors {{ code }} }} }}'
            )
        assert await gateway.stop() == 0


async def test_a_tenant_added_to_the_config_is_served_without_a_restart(
    simulator: RunningSimulator, tmp_path: Path
) -> None:
    config = write_config(tmp_path, base_url=simulator.base_url, token=TOKEN, server={})
    text = config.read_text(encoding="utf-8").replace('tenants = ["acme"]', 'tenants = ["*"]')
    async with gateway_process(config) as gateway, httpx.AsyncClient(base_url=gateway.base_url) as client:
        headers = {"Authorization": f"Bearer {KEY}", "X-Tenant": "outra"}
        query = {"query": "{ agents { totalCount } viewer { tenant } }"}
        before = await client.post("/graphql", json=query, headers=headers)
        assert before.json()["errors"][0]["extensions"]["code"] == "UNKNOWN_TENANT"
        config.write_text(text + "\n[tenants.outra", encoding="utf-8")  # a broken edit changes nothing
        await asyncio.sleep(1.5)
        assert (
            await client.post("/graphql", json=query, headers={**headers, "X-Tenant": "acme"})
        ).status_code == 200
        config.write_text(
            f'{text}\n[tenants.outra]\nbase_url = "{simulator.base_url}"\ntoken = "{TOKEN}"\n',
            encoding="utf-8",
        )
        answer: dict[str, Any] = {}
        for _ in range(100):
            answer = (await client.post("/graphql", json=query, headers=headers)).json()
            if "errors" not in answer:
                break
            await asyncio.sleep(0.1)
        assert answer["data"]["viewer"] == {"tenant": "outra"}
        assert answer["data"]["agents"]["totalCount"] > 0
        assert await gateway.stop() == 0


async def test_the_demo_answers_its_own_curl(tmp_path: Path) -> None:
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", "demo", "--port", str(port), "--agents", "70",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        told = b""
        while b"Stop with Ctrl+C" not in told:
            told += await asyncio.wait_for(process.stdout.read(1024), 60)
        assert f"http://127.0.0.1:{port}/graphql".encode() in told
        async with httpx.AsyncClient() as client:
            answer = await client.post(
                f"http://127.0.0.1:{port}/graphql",
                json={"query": "{ agents(first: 3) { nodes { id name state } totalCount } }"},
                headers={"Authorization": "Bearer demo-key"},
            )
            page = await client.get(f"http://127.0.0.1:{port}/graphql", headers={"Accept": "text/html"})
        assert len(answer.json()["data"]["agents"]["nodes"]) == 3
        assert page.headers["content-type"].startswith("text/html")
        assert "default-src 'none'" in page.headers["content-security-policy"]
    finally:
        process.terminate()
        _, err = await asyncio.wait_for(process.communicate(), 30)
    assert b"Traceback" not in err


TURNS = """
import sys, uvicorn
from gateway import cli
from gateway.main import serving
uvicorn.run = lambda *_, **__: print(sys.getswitchinterval() < 0.001)
serving.uvicorn.run = uvicorn.run
if sys.argv[1] == "worker":
    serving.create_app()
    uvicorn.run()
else:
    sys.exit(cli.main())
"""


@pytest.mark.parametrize("way", ["serve", "worker"])
async def test_threads_that_compute_leave_the_event_loop_short_turns(way: str, tmp_path: Path) -> None:
    config = write_config(tmp_path, base_url="http://127.0.0.1:1", token=TOKEN, server={})
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        TURNS,
        *(way, "--config", str(config), "--port", str(free_port())),
        env={**os.environ, "EVOLUX_GATEWAY_CONFIG": str(config)},
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    assert out.decode().strip().splitlines()[-1:] == ["True"]
