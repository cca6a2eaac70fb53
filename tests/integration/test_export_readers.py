"""Exports read by those who will: pandas, polars and DuckDB, in an environment of their own."""

import asyncio
import json
from datetime import datetime
from pathlib import Path
from typing import Any

from gateway.rest.exports.rows import ExportedAgent
from gateway.rest.exports.tables import columns_of
from tests.integration.test_lost_answers import PATIENT, a_world
from tests.integration.test_rest import ask
from tests.served import Plan, serving
from tests.tools import require_tool

SCRIPT = Path(__file__).parents[1] / "clients" / "with_readers.py"
FORMATS = ("csv", "ndjson", "arrow", "parquet")
SECONDS = 120


async def read_by_all(folder: Path) -> dict[str, Any]:
    """What the script prints of the files in the folder."""
    process = await asyncio.create_subprocess_exec(
        require_tool("readers-python"),
        *(SCRIPT, folder),
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "TZ": "UTC"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(SECONDS):
        output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    told: dict[str, Any] = json.loads(output)
    return told


async def test_pandas_polars_and_duckdb_read_every_format_alike(tmp_path: Path) -> None:
    require_tool("readers-python")
    world = a_world(agents=12)
    world.add_agent("Conceição D'Ávila", login="conceicao")
    world.pause(2, 49)
    async with serving(world, plan=Plan(limits=PATIENT)) as (served, _):
        agents = (await ask(served, "GET", "/agents?first=500")).json()["agents"]
        version = ""
        for kind in FORMATS:
            answer = await ask(served, "GET", f"/exports/agents?format={kind}")
            version = answer.headers["snapshot-version"]
            (tmp_path / f"agents.{kind}").write_bytes(answer.content)
            nobody = await ask(served, "GET", f"/exports/agents?format={kind}&search=nobody")
            (tmp_path / f"nobody.{kind}").write_bytes(nobody.content)
    told = await read_by_all(tmp_path)
    meant = [
        [
            int(agent["id"]),
            agent["name"],
            agent["enabled"],
            agent["stateSince"] and datetime.fromisoformat(agent["stateSince"]).timestamp(),
            [int(queue["id"]) for queue in agent["queues"]],
            agent["currentPause"] and int(agent["currentPause"]["pause"]["id"]),
        ]
        for agent in agents
    ]
    assert "Conceição D'Ávila" in {row[1] for row in meant}
    for reader, formats in told["read"].items():
        for kind, rows in formats.items():
            assert rows == meant, (reader, kind)
    assert told["counts"] == {"pandas": [0, 0], "polars": [0, 0], "duckdb": [[], []]}
    assert told["metadata"]["version"] == version
    arrow_names = {"timestamp[us, UTC]": "timestamp[us, tz=UTC]", "list<int64>": "list<item: int64 not null>"}
    assert told["types"] == {
        column.name: arrow_names.get(column.type_name, column.type_name.replace("list<", "list<item: "))
        for column in columns_of(ExportedAgent)
    }
