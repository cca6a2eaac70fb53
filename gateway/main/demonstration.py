"""`gateway demo`: the simulator and the gateway in front of it in one process, with nothing to configure."""

import asyncio
import contextlib
import os
from collections.abc import Callable
from socket import socket
from typing import Final

import msgspec
import uvicorn

from gateway.domain.secrets import ApiToken, KeyDigest
from gateway.main.reporting import start_telemetry
from gateway.main.service import Gateway
from gateway.main.serving import find_address_free, settle_memory, settle_turns, uvicorn_options
from gateway.settings import CallerSettings, ServerSettings, Settings, TelemetrySettings, TenantSettings
from gateway.simulator.live import live
from gateway.simulator.server import running
from gateway.simulator.world import World

DEMO_KEY: Final = "demo-key"
_DEMO_TOKEN: Final = "demo-token"  # noqa: S105 - opens a simulator on this machine and nothing else
_QUERY: Final = "{ agents(first: 3) { nodes { id name state } totalCount } }"


class DemoSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What `gateway demo` takes."""

    port: int = 8000
    agents: int = 62
    host: str = "127.0.0.1"


def demonstrate(demo: DemoSettings) -> None:
    """Serve until interrupted; OSError where the port is taken."""
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_demonstrate(demo))


async def _demonstrate(demo: DemoSettings) -> None:
    world = World.seeded(demo.agents, token=_DEMO_TOKEN)
    async with running(world) as simulator:
        settings = _settings(demo, base_url=simulator.base_url)
        find_address_free(settings)
        gateway = Gateway(settings, telemetry=start_telemetry(settings), environ=os.environ)
        server = _Server(uvicorn.Config(gateway.app(), **uvicorn_options(settings)), ready=_invitation)
        settle_memory()
        settle_turns()
        moving = asyncio.create_task(live(world))
        try:
            await server.serve()
        finally:
            moving.cancel()
            await asyncio.wait([moving])


class _Server(uvicorn.Server):
    """A server that says what to try once it listens."""

    def __init__(self, config: uvicorn.Config, *, ready: Callable[[str], str]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            port = self.servers[0].sockets[0].getsockname()[1]
            print(self._ready(f"http://{self.config.host}:{port}"), flush=True)  # noqa: T201 - what a demo is for


def _settings(demo: DemoSettings, *, base_url: str) -> Settings:
    return Settings(
        server=ServerSettings(host=demo.host, port=demo.port),
        tenants={"demo": TenantSettings(base_url=base_url, token=ApiToken(_DEMO_TOKEN))},
        callers={
            "demo": CallerSettings(
                key_sha256=KeyDigest.of(DEMO_KEY), tenants=("demo",), scopes=("agents:read", "agents:write")
            )
        },
        telemetry=TelemetrySettings(log_level="warning"),
    )


def _invitation(address: str) -> str:
    return f"""
Evolux gateway is serving a simulated call centre on {address}

  Try it:
    curl {address}/graphql \\
      -H 'Authorization: Bearer {DEMO_KEY}' \\
      -H 'Content-Type: application/json' \\
      -d '{{"query": "{_QUERY}"}}'

  The board in a browser: {address}/board     (API key: {DEMO_KEY})
  GraphiQL in a browser:  {address}/graphql   (API key: {DEMO_KEY})
  Metrics:                {address}/metrics

Agents log in, pause and log off on their own. Stop with Ctrl+C.
"""
