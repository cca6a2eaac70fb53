"""The whole gateway on a socket, in front of simulators on sockets, inside the test's event loop."""

import asyncio
import hashlib
import io
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import uvicorn

from gateway.domain.clock import Clock
from gateway.domain.secrets import ApiToken, KeyDigest
from gateway.main.service import Gateway
from gateway.main.serving import uvicorn_options
from gateway.settings import (
    CacheSettings,
    CallerSettings,
    JwtSettings,
    LimitSettings,
    ServerSettings,
    Settings,
    SubscriptionSettings,
    TelemetrySettings,
    TenantSettings,
)
from gateway.simulator.server import RunningSimulator, running
from gateway.simulator.world import World
from gateway.telemetry.telemetry import Telemetry

KEY = "planted-key-of-the-board"
READER_KEY = "planted-key-of-a-reader"
TOKEN = "planted-token-of-acme"

Json = dict[str, Any]


@dataclass(kw_only=True)
class Served:
    """A running gateway and a client of it."""

    gateway: Gateway
    client: httpx.AsyncClient
    logs: io.StringIO

    async def post(
        self, query: str, *, key: str = KEY, headers: Mapping[str, str] | None = None, **variables: Any
    ) -> httpx.Response:
        """Send one operation."""
        return await self.client.post(
            "/graphql",
            json={"query": query, "variables": variables},
            headers={"Authorization": f"Bearer {key}", **(headers or {})},
        )

    async def ask(self, query: str, *, headers: Mapping[str, str] | None = None, **variables: Any) -> Json:
        """Send one operation that has to succeed; gives its data."""
        answer = (await self.post(query, headers=headers, **variables)).json()
        assert "errors" not in answer, answer
        data: Json = answer["data"]
        return data

    async def fail(self, query: str, *, headers: Mapping[str, str] | None = None, **variables: Any) -> Json:
        """Send one operation that has to have exactly one error; gives that error."""
        answer = (await self.post(query, headers=headers, **variables)).json()
        [error] = answer["errors"]
        shaped: Json = error
        return shaped

    def log_lines(self) -> list[Json]:
        """What was logged so far."""
        return [json.loads(line) for line in self.logs.getvalue().splitlines()]


@dataclass(kw_only=True)
class Plan:
    """What a test wants of the gateway; the tenants come from the simulators."""

    cache: CacheSettings = field(default_factory=CacheSettings)
    limits: LimitSettings = field(default_factory=LimitSettings)
    subscriptions: SubscriptionSettings = field(default_factory=SubscriptionSettings)
    callers: Mapping[str, CallerSettings] = field(default_factory=dict)
    jwt: JwtSettings | None = None
    server: ServerSettings = field(default_factory=lambda: ServerSettings(port=0))
    clock: Clock | None = None
    telemetry: TelemetrySettings = field(default_factory=lambda: TelemetrySettings(log_format="json"))


def caller(
    key: str, *, tenants: tuple[str, ...], scopes: tuple[Any, ...] = ("agents:read",)
) -> CallerSettings:
    """A caller with this key."""
    return CallerSettings(key_sha256=KeyDigest.of(key), tenants=tenants, scopes=scopes)


def settings_for(tenants: Mapping[str, str], *, plan: Plan, tokens: Mapping[str, str]) -> Settings:
    """Settings with these base URLs; the caller KEY may do everything everywhere, READER_KEY only read."""
    everything = caller(KEY, tenants=("*",), scopes=("agents:read", "agents:write"))
    return Settings(
        server=plan.server,
        tenants={
            name: TenantSettings(base_url=base_url, token=ApiToken(tokens[name]))
            for name, base_url in tenants.items()
        },
        callers={"board": everything, "reader": caller(READER_KEY, tenants=("*",)), **plan.callers},
        jwt=plan.jwt,
        cache=plan.cache,
        limits=plan.limits,
        subscriptions=plan.subscriptions,
        telemetry=plan.telemetry,
    )


@asynccontextmanager
async def serving_gateway(settings: Settings, *, clock: Clock | None = None) -> AsyncIterator[Served]:
    """Run the gateway on a socket of its own."""
    logs = io.StringIO()
    telemetry = Telemetry.start(
        "test",
        otlp_endpoint=settings.telemetry.otlp_endpoint or "",
        sample_ratio=settings.telemetry.sample_ratio,
        log_format="json",
        log_level="debug",
        log_stream=logs,
    )
    gateway = Gateway(settings, telemetry=telemetry, environ={}, clock=clock)
    options = {**uvicorn_options(settings), "loop": "none", "timeout_graceful_shutdown": 1}
    server = uvicorn.Server(uvicorn.Config(gateway.app(), **options))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        if serving.done():
            await serving
        await asyncio.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    limits = httpx.Limits(max_connections=64)  # httpx is slow beyond, and the test would measure it
    try:
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}",
            trust_env=False,
            timeout=60,
            limits=limits,
            verify=False,  # noqa: S501 - plain HTTP on the loopback
        ) as client:
            yield Served(gateway=gateway, client=client, logs=logs)
    finally:
        server.should_exit = True
        await serving


@asynccontextmanager
async def serving(
    worlds: Mapping[str, World] | World, *, plan: Plan | None = None, latency_seconds: float = 0.0
) -> AsyncIterator[tuple[Served, dict[str, RunningSimulator]]]:
    """Run a simulator for each world (a single one is the tenant "acme") and the gateway in front of all."""
    plan = plan or Plan()
    named = {"acme": worlds} if isinstance(worlds, World) else dict(worlds)
    async with AsyncExitStack() as stack:
        simulators = {
            name: await stack.enter_async_context(running(world, latency_seconds=latency_seconds))
            for name, world in named.items()
        }
        settings = settings_for(
            {name: simulator.base_url for name, simulator in simulators.items()},
            plan=plan,
            tokens={name: token_of(name) for name in named},
        )
        served = await stack.enter_async_context(serving_gateway(settings, clock=plan.clock))
        yield served, simulators


def token_of(tenant: str) -> str:
    """The token that the simulator of a tenant accepts."""
    return f"planted-token-of-{tenant}"


def digest_of(text: str) -> str:
    """Hex sha256."""
    return hashlib.sha256(text.encode()).hexdigest()
