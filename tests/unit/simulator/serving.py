"""A small world with a clock that stands still, and clients that speak to it over a socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx

from gateway.simulator.records import Pause, Queue
from gateway.simulator.server import RunningSimulator, running
from gateway.simulator.world import World

TOKEN = "made-up-token"
NOON = datetime(2026, 11, 20, 15, 0, 0, tzinfo=UTC)


@dataclass(slots=True)
class Clock:
    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def small_world(*, agents: int = 3) -> World:
    """Agents 1 to n, all logged off; queue 1 open and queue 3 archived; pauses 49 and 50, 50 in no queue."""
    world = World(token=TOKEN, clock=Clock())
    world.add_queue(
        Queue(id=1, name="Cobrança", slug="cobranca", number="3001", public_number="+558433330001")
    )
    world.add_queue(Queue(id=3, name="Natal", slug="natal", number="3003", archived=True))
    world.add_pause(Pause(id=49, description="10 minutos/NR17", type="nr17rest10", productive=True))
    world.add_pause(Pause(id=50, description="Almoço", productive=True))
    world.allow_pause(49, queue_id=1, limit_seconds=600)
    for number in range(1, agents + 1):
        world.add_agent(f"Agent {number}", login=f"agent.{number}", queue_ids=(1,))
    return world


@asynccontextmanager
async def serving(world: World) -> AsyncIterator[tuple[RunningSimulator, httpx.AsyncClient]]:
    """The world on a socket, and a client that holds its token and follows nothing."""
    async with running(world) as simulator, client_of(simulator) as client:
        yield simulator, client


def client_of(simulator: RunningSimulator) -> httpx.AsyncClient:
    """A client that holds the token; making its TLS context would take longer than most tests."""
    return httpx.AsyncClient(
        base_url=simulator.base_url,
        headers={"token": TOKEN},
        trust_env=False,
        timeout=5,
        verify=False,  # noqa: S501  plain HTTP on the loopback
    )


async def raw_exchange(simulator: RunningSimulator, *, request: bytes) -> bytes:
    """Send bytes, and read until the other side closes. ConnectionResetError: it reset instead."""
    reader, writer = await asyncio.open_connection("127.0.0.1", simulator.port)
    try:
        writer.write(request)
        return await asyncio.wait_for(reader.read(), timeout=5)
    finally:
        writer.close()


def get_request(path: str) -> bytes:
    """A GET that asks for the connection to be closed after it."""
    return f"GET {path} HTTP/1.1\r\nHost: simulator\r\ntoken: {TOKEN}\r\nConnection: close\r\n\r\n".encode()


def post_request(path: str) -> bytes:
    """A POST without a body."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: simulator\r\ntoken: {TOKEN}\r\nContent-Length: 0\r\n"
        "Connection: close\r\n\r\n"
    ).encode()
