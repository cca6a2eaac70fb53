"""Clients as others write them: gql and ariadne-codegen in Python, Apollo Client and urql in TypeScript.

The Python ones stand in an environment of their own (`requirements/clients.txt`, see .ci/install-tools).
"""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.errors import ErrorCode
from gateway.settings import LimitSettings
from gateway.simulator.world import World
from tests import node
from tests.served import KEY, Plan, Served, serving, token_of
from tests.tools import require_tool

ROOT = Path(__file__).parents[2]
CLIENTS = ROOT / "tests" / "clients"
SECONDS = 120
CODEGEN = """\
[tool.ariadne-codegen]
schema_path = "schema.graphql"
queries_path = "operations.graphql"
target_package_name = "board_client"
async_client = true
[tool.ariadne-codegen.scalars.DateTime]
type = "datetime.datetime"
"""


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    world = World(token=token_of("acme"))
    for name in ("Ana", "Bruno", "Carla"):
        world.add_agent(name, login=name.lower())
    async with serving(world, plan=Plan(limits=LimitSettings(caller_burst=1000))) as (running, _simulators):
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The clients' own files, where something may be written beside them."""
    copied = tmp_path / "clients"
    shutil.copytree(CLIENTS, copied, ignore=shutil.ignore_patterns("node_modules", ".installing"))
    shutil.copy(ROOT / "schema.graphql", copied)
    return copied


def environ(served: Served) -> dict[str, str]:
    return {"URL": f"{str(served.client.base_url).rstrip('/')}/graphql", "KEY": KEY}


async def run_python(*arguments: str, folder: Path, **variables: str) -> str:
    """Run the clients' Python to its end; gives what it wrote."""
    process = await asyncio.create_subprocess_exec(
        require_tool("clients-python"),
        *arguments,
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", **variables},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(SECONDS):
        output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return output.decode()


async def test_gql_takes_the_schema_from_the_gateway_and_its_errors_by_code(
    served: Served, folder: Path
) -> None:
    told = json.loads(await run_python("with_gql.py", folder=folder, **environ(served)))
    assert told == {
        "board": {
            "agents": {
                "nodes": [
                    {"id": "1", "name": "Ana", "state": "LOGGED_OUT"},
                    {"id": "2", "name": "Bruno", "state": "LOGGED_OUT"},
                ],
                "totalCount": 3,
            },
            "viewer": {"name": "board"},
        },
        "refused": {
            "logoffAgent": {
                "changed": False,
                "errors": [{"code": "AGENT_NOT_LOGGED_IN", "retryable": False}],
            }
        },
        "failed": "AGENT_NOT_FOUND",
        "codes": len(ErrorCode),
    }


async def test_a_client_that_ariadne_codegen_writes_speaks_to_the_gateway(
    served: Served, folder: Path
) -> None:
    (folder / "pyproject.toml").write_text(CODEGEN)
    await run_python("-m", "ariadne_codegen", folder=folder)
    told = json.loads(await run_python("with_ariadne.py", folder=folder, **environ(served)))
    assert told == {
        "names": ["Ana", "Bruno"],
        "states": ["LOGGED_OUT", "LOGGED_OUT"],
        "viewer": "board",
        "refused": ["AGENT_NOT_LOGGED_IN"],
        "renamed": "Ana Maria",
        "failed": "AGENT_NOT_FOUND",
    }


async def test_apollo_client_and_urql_speak_typed_and_persisted_to_the_gateway(
    served: Served, folder: Path
) -> None:
    node.install(CLIENTS)
    (folder / "node_modules").symlink_to(CLIENTS / "node_modules")
    files = {"SCHEMA": "schema.graphql", "TARGET": "generated.ts"}
    assert await node.run(folder / "generate.mjs", environ=files) == ["written"]
    assert await node.run(folder / "compile.mjs", environ={}) == []
    shutil.copy(folder / "package.json", folder / "built")
    [line] = await node.run(folder / "built" / "with_node.js", environ=environ(served))
    told: dict[str, Any] = json.loads(line)
    assert told["apollo"] == {
        "names": ["Ana", "Bruno"],
        "ways": ["hash", "text", "hash"],
        "refused": "AGENT_NOT_LOGGED_IN",
        "failed": "AGENT_NOT_FOUND",
    }
    assert told["urql"] == {
        "names": ["Ana"],
        "ways": ["hash", "text", "hash"],
        "refused": "AGENT_NOT_LOGGED_IN",
        "failed": "AGENT_NOT_FOUND",
        "error": "",
    }
    codes = [line.get("code") for line in served.log_lines() if line["event"] == "http.access"]
    # Five documents were sent by their hash first and were not known: two queries of each client, and
    # Apollo's mutation; urql sends mutations as text.
    assert codes.count("PERSISTED_QUERY_NOT_FOUND") == 5
    assert set(codes) == {None, "PERSISTED_QUERY_NOT_FOUND", "AGENT_NOT_FOUND"}
