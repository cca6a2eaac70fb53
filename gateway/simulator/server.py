"""The simulator on a socket: inside a running event loop for tests, or blocking for the command line."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass

import uvloop
from starlette.applications import Starlette
from uvicorn import Config
from uvicorn.server import ServerState

from gateway.simulator.app import build_app
from gateway.simulator.faults import Faults
from gateway.simulator.live import live
from gateway.simulator.requests import RequestLog
from gateway.simulator.wire import CuttableProtocol
from gateway.simulator.world import World

_GRACE_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningSimulator:
    """A simulator that answers at `base_url` ("http://127.0.0.1:port", no slash at its end)."""

    base_url: str
    port: int
    world: World
    faults: Faults
    requests: RequestLog


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorSettings:
    """What `gateway simulate` takes."""

    host: str = "127.0.0.1"
    port: int = 8001
    agents: int = 62
    token: str = "simulator-token"  # noqa: S105  a stand-in's token, made up and printed on purpose
    latency_ms: int = 0
    live: bool = False
    seed: int = 1


@contextlib.asynccontextmanager
async def running(
    world: World,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    faults: Faults | None = None,
    latency_seconds: float = 0.0,
) -> AsyncIterator[RunningSimulator]:
    """Serve a world from the current event loop; on leaving, every connection is cut and every task ended."""
    faults = Faults() if faults is None else faults
    app = build_app(world, faults=faults, latency_seconds=latency_seconds)
    state = ServerState()
    server = await _listen(app, host=host, port=port, state=state)
    bound_port: int = server.sockets[0].getsockname()[1]
    try:
        yield RunningSimulator(
            base_url=f"http://{host}:{bound_port}",
            port=bound_port,
            world=world,
            faults=faults,
            requests=app.state.requests,
        )
    finally:
        server.close()
        await _hang_up(state)
        await server.wait_closed()


def serve(settings: SimulatorSettings) -> None:
    """Serve a seeded world until interrupted, printing one line when ready. OSError: the port is taken."""
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(_serve(settings))


async def _serve(settings: SimulatorSettings) -> None:
    world = World.seeded(settings.agents, seed=settings.seed, token=settings.token)
    latency_seconds = settings.latency_ms / 1000
    stopped = asyncio.Event()
    async with (
        running(world, host=settings.host, port=settings.port, latency_seconds=latency_seconds) as simulator,
        asyncio.TaskGroup() as tasks,
    ):
        moving = tasks.create_task(live(world)) if settings.live else None
        _stop_on_signals(stopped)
        print(_ready_line(simulator, settings=settings), flush=True)  # noqa: T201  what the command is for
        await stopped.wait()
        if moving is not None:
            moving.cancel()


def _ready_line(simulator: RunningSimulator, *, settings: SimulatorSettings) -> str:
    return (
        f"Evolux simulator ready on {simulator.base_url} with {len(simulator.world.agents)} agents; "
        f"try: curl -H 'token: {settings.token}' '{simulator.base_url}/api/v1/agents?page=1&limit=2'"
    )


def _stop_on_signals(stopped: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # not on Windows, where Ctrl+C interrupts the loop
            loop.add_signal_handler(number, stopped.set)


async def _listen(app: Starlette, *, host: str, port: int, state: ServerState) -> asyncio.Server:
    config = Config(app, lifespan="off", log_config=None, ws="none", proxy_headers=False)
    config.load()

    def connection() -> CuttableProtocol:
        return CuttableProtocol(config=config, server_state=state, app_state={})

    return await asyncio.get_running_loop().create_server(connection, host, port)


async def _hang_up(state: ServerState) -> None:
    """Cut every connection: what waits for its client sees it leave, what still works has a moment."""
    for connection in tuple(state.connections):
        connection.transport.abort()
    await asyncio.sleep(0)
    if state.tasks:
        _, working = await asyncio.wait(tuple(state.tasks), timeout=_GRACE_SECONDS)
        for task in working:
            task.cancel()
