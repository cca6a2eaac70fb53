"""Many who follow one tenant: what a change costs, how soon it is everywhere, and what each of them takes.

`python -m benchmarks.subscriptions [--sse 1000] [--sockets 1000] [--agents 500] [--changes 20]`

The gateway is a process of its own, the simulator and all subscribers share this one: on two cores the
delivery that is measured has the subscribers' own reading in it.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import uvloop

from gateway.simulator.server import RunningSimulator, running
from gateway.simulator.world import World
from tests.processes import KEY, GatewayProcess, gateway_process, write_config

TOKEN = "planted-token"  # noqa: S105 - of a simulator
POLL_SECONDS = 2.0
PING = b"\x89\x04"
"""A ping of uvicorn's, with four bytes to be given back."""
END = b'"}}}'
"""How a `next` message of this subscription ends, and nothing within it."""
QUERY = "subscription { agentChanged { initial agents { id name state } left totalCount } }"
SETTINGS = f"""
[subscriptions]
poll_seconds = {POLL_SECONDS}
refresh_seconds = 3600.0
[cache]
fresh_seconds = {POLL_SECONDS}
"""


@dataclass(kw_only=True)
class Crowd:
    """All who follow: how many have begun, and when each heard of which name."""

    begun: int = 0
    heard: dict[str, list[float]] = field(default_factory=dict)

    def take(self, text: bytes) -> None:
        """One event."""
        now = time.perf_counter()
        if b'"initial":true' in text:
            self.begun += 1
            return
        for name, at in self.heard.items():
            if name.encode() in text:
                at.append(now)


async def follow_events(port: int, crowd: Crowd) -> None:
    """By Server-Sent Events, on a bare socket: the subscribers must not cost more than the gateway."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = json.dumps({"query": QUERY}).encode()
    writer.write(
        b"POST /graphql HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n"
        b"Content-Type: application/json\r\n"
        b"Authorization: Bearer %b\r\nContent-Length: %d\r\n\r\n%b" % (KEY.encode(), len(body), body)
    )
    rest = b""
    while chunk := await reader.read(2**16):
        rest += chunk
        while b"\n\n" in rest:
            event, _, rest = rest.partition(b"\n\n")
            if b"event: next" in event:
                crowd.take(event)


async def follow_messages(port: int, crowd: Crowd) -> None:
    """By WebSocket, on a bare socket too: what the server sends is not masked and can be read as it comes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"GET /graphql HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        b"Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
    )
    await reader.readuntil(b"\r\n\r\n")
    writer.write(frame({"type": "connection_init", "payload": {"Authorization": f"Bearer {KEY}"}}))
    await reader.readuntil(b'"connection_ack"}')
    writer.write(frame({"type": "subscribe", "id": "1", "payload": {"query": QUERY}}))
    rest = b""
    while chunk := await reader.read(2**16):
        rest += chunk
        ping, found, payload = chunk.rpartition(PING)
        if found and len(ping) + len(PING) + 4 == len(chunk):
            writer.write(b"\x8a\x84" + bytes(4) + payload)
        while END in rest:
            event, _, rest = rest.partition(END)
            crowd.take(event)


def frame(message: Mapping[str, object]) -> bytes:
    """A text frame of a client, masked with zeros."""
    text = json.dumps(message).encode()
    return b"\x81" + bytes([0x80 | 126]) + len(text).to_bytes(2) + bytes(4) + text


def resident_bytes(process: GatewayProcess) -> int:
    """The memory of the gateway's process that is in RAM."""
    status = Path(f"/proc/{process.process.pid}/status").read_text(encoding="utf-8")
    [line] = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) * 1024


async def until(is_so: Callable[[], bool], *, seconds: float = 120.0) -> None:
    """Wait until it is so."""
    deadline = time.perf_counter() + seconds
    while not is_so():
        if time.perf_counter() > deadline:
            raise TimeoutError
        await asyncio.sleep(0.01)


@asynccontextmanager
async def gateway_of(simulator: RunningSimulator) -> AsyncIterator[GatewayProcess]:
    """The gateway in front of it."""
    with tempfile.TemporaryDirectory() as folder:
        config = write_config(Path(folder), base_url=simulator.base_url, token=TOKEN, server={})
        config.write_text(config.read_text(encoding="utf-8") + SETTINGS, encoding="utf-8")
        async with gateway_process(config) as gateway:
            yield gateway


async def warm(gateway: GatewayProcess, crowd: Crowd, *, readers: int = 20) -> None:
    """Have a few come and go, so that what everybody shares is there before memory is looked at."""
    tasks = [
        asyncio.create_task(follow(gateway.port, crowd))
        for follow in (follow_events, follow_messages)
        for _ in range(readers)
    ]
    await until(lambda: crowd.begun == len(tasks))
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(1)
    crowd.begun = 0


async def measure(*, sse: int, sockets: int, agents: int, changes: int) -> None:
    """Run it all once and print the figures."""
    world = World.seeded(agents, token=TOKEN)
    async with running(world) as simulator, gateway_of(simulator) as gateway:
        crowd = Crowd()
        await warm(gateway, crowd)
        tasks: list[asyncio.Task[None]] = []
        base = before = resident_bytes(gateway)
        for name, follow, count in (("SSE", follow_events, sse), ("WebSocket", follow_messages, sockets)):
            for _ in range(count):
                tasks.append(asyncio.create_task(follow(gateway.port, crowd)))
                if len(tasks) % 50 == 0:
                    await until(lambda: crowd.begun == len(tasks))
            await until(lambda: crowd.begun == len(tasks))
            now = resident_bytes(gateway)
            print(f"{name}: {count} subscribers, {(now - before) / count / 1024:.1f} KB each")
            before = now
        await report_changes(crowd, world, simulator=simulator, everybody=len(tasks), changes=changes)
        grown = (resident_bytes(gateway) - base) / len(tasks) / 1024
        print(f"after {changes} changes: {grown:.1f} KB each")
        await report_metrics(gateway)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def report_changes(
    crowd: Crowd, world: World, *, simulator: RunningSimulator, everybody: int, changes: int
) -> None:
    """Change an agent in Evolux now and then; how long after the walk each subscriber hears of it."""
    agent_id = next(iter(world.agents))
    pages = max(simulator.requests.pages("/api/v1/agents"))
    delays: list[float] = []
    began_at, walks_before = time.perf_counter(), simulator.requests.count("/api/v1/agents", page=1)
    for number in range(changes):
        name = f"Changed {number:04d}."
        crowd.heard = {name: []}
        world.rename_agent(agent_id, name=name)
        asked = simulator.requests.count("/api/v1/agents")
        await until(lambda asked=asked: simulator.requests.count("/api/v1/agents") >= asked + pages)  # type: ignore[misc]
        await simulator.requests.idle()
        walked_at = time.perf_counter()
        await until(lambda name=name: len(crowd.heard[name]) == everybody)  # type: ignore[misc]
        delays += [at - walked_at for at in crowd.heard[name]]
    walks = simulator.requests.count("/api/v1/agents", page=1) - walks_before
    polls = (time.perf_counter() - began_at) / POLL_SECONDS
    cut = statistics.quantiles(delays, n=100)
    p50, p95, p99 = (round(cut[at] * 1000) for at in (49, 94, 98))
    print(f"change to delivery after the walk: p50 {p50} ms, p95 {p95} ms, p99 {p99} ms", end=", ")
    print(f"max {max(delays) * 1000:.0f} ms ({len(delays)} deliveries)")
    print(f"walks: {walks} in {polls:.1f} polls")


async def report_metrics(gateway: GatewayProcess) -> None:
    """What the gateway itself says."""
    async with httpx.AsyncClient(trust_env=False) as client:
        page = (await client.get(f"{gateway.base_url}/metrics")).text
    wanted = ("gateway_subscriptions_open", "gateway_subscriptions_polls", "gateway_subscriptions_events")
    for line in page.splitlines():
        if line.startswith(wanted):
            print(line)


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("sse", 1000), ("sockets", 1000), ("agents", 500), ("changes", 20)):
        parser.add_argument(f"--{name}", type=int, default=default)
    uvloop.run(measure(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
