"""The OpenAPI document before public tools: requests that its types allow or forbid, and a linter's rules."""

import asyncio
from pathlib import Path

from tests.integration.test_lost_answers import PATIENT, a_world
from tests.node import install
from tests.served import KEY, Plan, serving
from tests.tools import require_tool

ROOT = Path(__file__).parents[2]
SPECTRAL = ROOT / "tests" / "spectral"
EXAMPLES = 10
"""For each operation and phase; the seed is fixed, so that a failure can be had again."""


async def run(*command: object, cwd: Path = ROOT) -> tuple[int, str]:
    """Run a program to its end: its exit code, and all it wrote."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command), cwd=cwd, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(300):
        output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


async def test_requests_made_from_the_document_are_answered_as_it_says(tmp_path: Path) -> None:
    schemathesis = require_tool("schemathesis")
    async with serving(a_world(), plan=Plan(limits=PATIENT)) as (served, simulators):
        address = f"{served.client.base_url}/v1"
        code, output = await run(
            *(schemathesis, "--config-file", ROOT / "tests" / "schemathesis.toml", "run"),
            *(f"{address}/openapi.json", "--url", address),
            *("--header", f"Authorization: Bearer {KEY}", "--checks", "all"),
            *("--max-examples", EXAMPLES, "--seed", 1, "--no-color", "--generation-database", "none"),
            cwd=tmp_path,
        )
        writes = [request for request in simulators["acme"].requests if request.method != "GET"]
    assert code == 0, output[-8_000:]
    assert "Tested: 22" in output
    kinds = {(write.method, write.path.rstrip("0123456789").rpartition("/")[2]) for write in writes}
    assert {("POST", "agents"), ("POST", "pause"), ("POST", "unpause"), ("POST", "logoff")} <= kinds, kinds
    assert "internal_error" not in {line["event"] for line in served.log_lines()}


async def test_the_linter_has_nothing_to_say() -> None:
    require_tool("node")
    await asyncio.to_thread(install, SPECTRAL)
    spectral = SPECTRAL / "node_modules" / ".bin" / "spectral"
    code, output = await run(
        *(spectral, "lint", "--ruleset", SPECTRAL / "ruleset.yaml", "--fail-severity", "hint"),
        ROOT / "openapi.json",
    )
    assert (code, "No results with a severity of 'hint' or higher found!" in output) == (0, True), output
