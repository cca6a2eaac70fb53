"""Two replicas behind a balancer, restarted one after the other under load: nobody sees it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from gateway.simulator.server import RunningSimulator, running
from gateway.simulator.world import World
from tests.processes import KEY, GatewayProcess, free_port, gateway_process, until_ready, write_config
from tests.tools import require_tool

TOKEN = "planted-token"
READERS, WRITERS = 4, 3
PACE_SECONDS = 0.01
SERVERS_AND_BACKEND = 3
READ = "{ agents(first: 5) { nodes { id state } totalCount } }"
FIND = "{ agents(first: 500, filter: {states: [LOGGED_IN]}) { nodes { id allowedPauses { pause { id } } } } }"
PAUSE = """mutation ($agent: ID!, $pause: ID!) {
  pauseAgent(input: {agentId: $agent, pauseId: $pause}) { agent { state } errors { code } } }"""
UNPAUSE = """mutation ($agent: ID!) {
  unpauseAgent(input: {agentId: $agent}) { agent { state } errors { code } } }"""

# No retry, no redispatch: a request that meets a closed door fails, and the test sees it.
BALANCER = """
global
  maxconn 500
defaults
  mode http
  timeout connect 2s
  timeout client 30s
  timeout server 30s
  timeout check 5s
  retries 0
  http-reuse always
frontend callers
  bind 127.0.0.1:{port}
  stats enable
  stats uri /balancer
  default_backend gateway
backend gateway
  balance roundrobin
  option httpchk GET /readyz
  http-check expect status 200
  default-server check inter 100ms fastinter 100ms downinter 100ms fall 1 rise 2
  server a 127.0.0.1:{a}
  server b 127.0.0.1:{b}
"""

Start = Callable[[], Awaitable[GatewayProcess]]


@dataclass(kw_only=True)
class Load:
    """What was asked and what went wrong."""

    client: httpx.AsyncClient
    over: asyncio.Event = field(default_factory=asyncio.Event)
    answered: Counter[str] = field(default_factory=Counter)
    writes: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    progress: asyncio.Event = field(default_factory=asyncio.Event)

    async def ask(self, name: str, query: str, **variables: object) -> dict[str, Any]:
        """One operation; anything but a clean answer is noted as a failure."""
        try:
            answer = await self.client.post("/graphql", json={"query": query, "variables": variables})
        except httpx.HTTPError as error:
            self.failures.append(f"{name}: {error!r}")
            return {}
        told: dict[str, Any] = answer.json() if answer.status_code == httpx.codes.OK else {"errors": []}
        if "errors" in told:
            self.failures.append(f"{name}: {answer.status_code} {answer.text[:300]}")
        self.answered[name] += 1
        self.progress.set()
        data: dict[str, Any] = told.get("data") or {}
        return data

    async def read(self) -> None:
        """Read until it is over."""
        while not self.over.is_set():
            page = await self.ask("read", READ)
            if len(page.get("agents", {}).get("nodes", ())) != 5:
                self.failures.append(f"read: {page}")
            await asyncio.sleep(PACE_SECONDS)

    async def write(self, found: dict[str, Any]) -> None:
        """Pause and unpause one agent until it is over; each write must do what it says, once."""
        agent, pause = found["id"], found["allowedPauses"][0]["pause"]["id"]
        while not self.over.is_set():
            self.writes[f"/api/v1/agents/{agent}/pause"] += 1
            paused = await self.ask("pause", PAUSE, agent=agent, pause=pause)
            self.writes[f"/api/v1/agents/{agent}/unpause"] += 1
            unpaused = await self.ask("unpause", UNPAUSE, agent=agent)
            for payload, state in (
                (paused.get("pauseAgent"), "PAUSED"),
                (unpaused.get("unpauseAgent"), "LOGGED_IN"),
            ):
                if payload != {"agent": {"state": state}, "errors": []}:
                    self.failures.append(f"{state}: {payload}")
            await asyncio.sleep(PACE_SECONDS)

    async def goes_on(self, *, answers: int) -> None:
        """Return once so many more answers have come."""
        wanted = self.answered.total() + answers
        while self.answered.total() < wanted:
            self.progress.clear()
            await asyncio.wait_for(self.progress.wait(), 30)


@asynccontextmanager
async def balancer(folder: Path, *, replicas: tuple[int, int]) -> AsyncIterator[str]:
    """Debian's haproxy in front of both ports, ended with the test."""
    port = free_port()
    config = folder / "haproxy.cfg"
    config.write_text(BALANCER.format(port=port, a=replicas[0], b=replicas[1]), encoding="utf-8")
    with (folder / "haproxy.log").open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            require_tool("haproxy"), "-db", "-f", str(config), stdout=output, stderr=output
        )
    base_url = f"http://127.0.0.1:{port}"
    try:
        await until_ready(base_url, process=process, log=folder / "haproxy.log")
        yield base_url
    finally:
        process.kill()
        await process.wait()


@asynccontextmanager
async def under_load(base_url: str) -> AsyncIterator[Load]:
    """Readers and writers at work; when it is over each has finished what it was at."""
    async with httpx.AsyncClient(
        base_url=base_url,
        trust_env=False,
        timeout=30,
        headers={"Authorization": f"Bearer {KEY}"},
    ) as client:
        load = Load(client=client)
        found = await load.ask("find", FIND)
        agents = [agent for agent in found["agents"]["nodes"] if agent["allowedPauses"]][:WRITERS]
        assert len(agents) == WRITERS
        tasks = [asyncio.create_task(load.read()) for _ in range(READERS)]
        tasks += [asyncio.create_task(load.write(agent)) for agent in agents]
        try:
            yield load
        finally:
            load.over.set()
            await asyncio.gather(*tasks)


async def test_a_rolling_restart_under_load_fails_no_request_and_writes_nothing_twice(tmp_path: Path) -> None:
    ports = (free_port(), free_port())
    async with (
        running(World.seeded(62, token=TOKEN), latency_seconds=0.02) as simulator,
        AsyncExitStack() as replicas,
    ):
        starts = [starting(tmp_path, simulator, port=port, stack=replicas) for port in ports]
        old = [await start() for start in starts]
        async with balancer(tmp_path, replicas=ports) as base_url, under_load(base_url) as load:
            await load.goes_on(answers=50)
            for replica, start in zip(old, starts, strict=True):
                assert await replica.stop() == 0
                await start()
                await both_take_requests(base_url)
                await load.goes_on(answers=50)

        assert load.failures == []
        assert load.answered["pause"] >= WRITERS
        assert load.answered["read"] > load.answered["pause"]
        await simulator.requests.idle()
        came = {path: simulator.requests.count(path, method="POST") for path in load.writes}
        assert came == dict(load.writes)


async def both_take_requests(base_url: str) -> None:
    """As a Deployment does, go on only when the balancer has seen the new replica ready."""
    async with asyncio.timeout(30), httpx.AsyncClient(base_url=base_url, trust_env=False) as client:
        while (await client.get("/balancer;csv")).text.count(",UP,") < SERVERS_AND_BACKEND:  # noqa: ASYNC110 - it is not ours to tell
            await asyncio.sleep(PACE_SECONDS)


def starting(folder: Path, simulator: RunningSimulator, *, port: int, stack: AsyncExitStack) -> Start:
    """How the replica on this port is started, the first time and again."""
    home = folder / str(port)
    home.mkdir()
    config = write_config(
        home,
        base_url=simulator.base_url,
        token=TOKEN,
        server={"drain_seconds": 2.0, "shutdown_seconds": 10.0},
    )

    async def start() -> GatewayProcess:
        return await stack.enter_async_context(gateway_process(config, port=port))

    return start
