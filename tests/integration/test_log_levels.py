"""Levels of single loggers, as a real process writes its lines."""

import json
from pathlib import Path
from typing import Any

import httpx

from gateway.simulator.server import running
from gateway.simulator.world import World
from tests.processes import KEY, gateway_process, write_config

TOKEN = "planted-token-of-acme"
LEVELS = """
[telemetry]
log_level = "debug"
log_format = "json"
log_levels = {"gateway" = "warning", "gateway.http" = "info", "httpcore" = "off"}
"""


async def lines_of(config: Path, *, environ: dict[str, str] | None = None) -> list[dict[str, Any]]:
    """What a process says that answers a query and refuses a write."""
    async with (
        gateway_process(config, environ=environ) as gateway,
        httpx.AsyncClient(base_url=gateway.base_url, trust_env=False) as client,
    ):
        headers = {"Authorization": f"Bearer {KEY}"}
        assert (await client.get("/v1/agents", headers=headers)).status_code == 200
        assert (await client.post("/v1/agents/999999/logoff", headers=headers)).status_code == 404
        assert await gateway.stop() == 0
        log = config.with_name(f"gateway-{gateway.port}.log")
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]


async def test_a_logger_has_the_level_of_the_longest_name_that_is_set(tmp_path: Path) -> None:
    async with running(World.seeded(5, token=TOKEN)) as simulator:
        config = write_config(tmp_path, base_url=simulator.base_url, token=TOKEN, server={})
        config.write_text(config.read_text(encoding="utf-8") + LEVELS, encoding="utf-8")
        lines = await lines_of(config)

    told = {(line["logger"], line["event"]) for line in lines}
    assert ("gateway.http", "http.access") in told
    assert ("gateway.audit", "audit.mutation") in told
    assert "uvicorn.error" in {logger for logger, _ in told}
    quieted = [
        line["event"]
        for line in lines
        if line["logger"].startswith("gateway") and line["level"] in {"debug", "info"}
    ]
    assert set(quieted) == {"http.access", "audit.mutation"}


async def test_a_variable_quiets_access_lines_and_nothing_quiets_the_audit(tmp_path: Path) -> None:
    async with running(World.seeded(5, token=TOKEN)) as simulator:
        config = write_config(tmp_path, base_url=simulator.base_url, token=TOKEN, server={})
        environ = {"GATEWAY_TELEMETRY__LOG_LEVELS": "gateway.http=warning,gateway=off,uvicorn=off"}
        lines = await lines_of(config, environ=environ)

    assert [line["event"] for line in lines] == ["audit.mutation"]
