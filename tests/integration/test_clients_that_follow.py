"""Public clients subscribe, lose the connection, and come back for exactly what changed meanwhile."""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests import node
from tests.integration.test_event_streams import RENAME, SLOW, serving_three
from tests.served import KEY
from tests.tools import require_tool
from tests.wires import wired

CLIENTS = Path(__file__).parents[1] / "clients"
SECONDS = 60


@asynccontextmanager
async def following(*command: str, url: str, client: str = "") -> AsyncIterator[asyncio.StreamReader]:
    """Run a client until it has seen three events; gives the lines that it writes."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=CLIENTS,
        env={"PATH": os.environ["PATH"], "URL": url, "KEY": KEY, "CLIENT": client, "EVENTS": "3"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        yield process.stdout
        async with asyncio.timeout(SECONDS):
            _, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def told(lines: asyncio.StreamReader) -> dict[str, Any]:
    async with asyncio.timeout(SECONDS):
        line = await lines.readline()
    event: dict[str, Any] = json.loads(line)
    return event


@pytest.mark.parametrize("client", ["sse", "ws", "gql"])
async def test_a_client_loses_the_connection_and_comes_back_for_exactly_what_changed(client: str) -> None:
    if client == "gql":
        command = [str(require_tool("clients-python")), "follow_with_gql.py"]
    else:
        node.install(CLIENTS)
        command = [str(shutil.which("node")), "follow.mjs"]
    async with (
        serving_three(SLOW) as (served, _simulator),
        wired(served.client.base_url.port or 0) as [wire],
        following(*command, url=f"{wire.url.replace('valkey', 'http')}/graphql", client=client) as lines,
    ):
        first = await told(lines)
        wire.cut()
        await served.ask(RENAME)
        wire.is_cut = False
        missed = await told(lines)
        await served.ask(RENAME.replace("Ana Maria", "Ana"))
        live = await told(lines)
    assert (first["initial"], first["totalCount"]) == (True, 3)
    assert missed == {
        "initial": False,
        "agents": [{"id": "1", "name": "Ana Maria"}],
        "left": [],
        "totalCount": 3,
    }
    assert (live["initial"], live["agents"]) == (False, [{"id": "1", "name": "Ana"}])
