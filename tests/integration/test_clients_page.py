"""The clients of docs/clients.md, generated and run as they stand there."""

import asyncio
import json
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.simulator.world import World
from tests import node
from tests.integration.test_clients import CLIENTS, ROOT, environ, run_python
from tests.integration.test_lost_answers import PATIENT, a_world
from tests.served import KEY, Plan, Served, serving
from tests.tools import require_tool

PAGE = (ROOT / "docs" / "clients.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^`([\w.]+)`:\n\n```\w+\n(.*?)```", PAGE, flags=re.DOTALL | re.MULTILINE))
SCRIPTS = re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL)
TOLD = ["2 paused; longest: Agente 2 10 minutos/NR17", "LOGGED_IN", "already back"]


@pytest.fixture
def world() -> World:
    return a_world(agents=12)


@pytest.fixture
async def served(world: World) -> AsyncIterator[Served]:
    async with serving(world, plan=Plan(limits=PATIENT)) as (running, _simulators):
        for agent_id in (3, 4):
            await running.ask(
                f'mutation {{ pauseAgent(input: {{agentId: "{agent_id}", pauseId: "49"}}) {{ changed }} }}'
            )
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    shutil.copy(ROOT / "schema.graphql", tmp_path)
    return tmp_path


async def test_the_python_client_of_the_page_does_what_it_says(served: Served, folder: Path) -> None:
    await run_python("-m", "ariadne_codegen", folder=folder)
    assert (await run_python("service.py", folder=folder, **environ(served))).splitlines() == TOLD


async def test_the_typescript_client_of_the_page_does_what_it_says(served: Served, folder: Path) -> None:
    node.install(CLIENTS)
    (folder / "node_modules").symlink_to(CLIENTS / "node_modules")
    shutil.copy(CLIENTS / "package.json", folder)
    shutil.copy(CLIENTS / "compile.mjs", folder)
    settings: dict[str, Any] = json.loads((CLIENTS / "tsconfig.json").read_text(encoding="utf-8"))
    (folder / "tsconfig.json").write_text(json.dumps({**settings, "files": ["board.ts"]}), encoding="utf-8")
    assert await node.run(folder / "generate.mjs", environ={}) == []
    assert await node.run(folder / "compile.mjs", environ={}) == []
    shutil.copy(folder / "package.json", folder / "built")
    assert await node.run(folder / "built" / "board.js", environ=environ(served)) == TOLD


async def test_the_curl_of_the_page_does_what_it_says(served: Served) -> None:
    require_tool("curl")
    where = {"GATEWAY": str(served.client.base_url).rstrip("/"), "PATH": "/usr/bin:/bin", **environ(served)}
    answers = []
    for script in SCRIPTS:
        process = await asyncio.create_subprocess_exec(
            "/bin/sh", "-c", script, env={**where, "KEY": KEY}, stdout=asyncio.subprocess.PIPE
        )
        output, _ = await process.communicate()
        assert process.returncode == 0, script
        answers.append(json.loads(output))
    by_rest, by_graphql = answers
    assert by_rest["total"]["agents"] == by_graphql["data"]["agentStates"]["total"]["agents"] == 12
    assert by_graphql["data"]["agentStates"]["total"]["paused"] == 2
