"""Open streams over a rolling restart: each is told to come again, and loses no change."""

import asyncio
import json
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from gateway.simulator.server import running
from gateway.simulator.world import World
from tests.integration.test_rolling_restart import TOKEN, balancer, both_take_requests, starting
from tests.processes import KEY, free_port
from tests.sockets import PROTOCOL
from tests.streams import Reader

QUERY = "subscription { agentChanged { initial agents { id name } left totalCount } }"
READERS = 3
SECONDS = 60.0
SUBSCRIPTIONS = "\n[subscriptions]\npoll_seconds = 0.3\nkeep_alive_seconds = 1.0\n"


class Follower:
    """Keeps what it is told, comes again when it is told to, with the last id; notes all that is not so."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.names: dict[str, str] = {}
        self.seen: Counter[str] = Counter()
        self.failures: list[str] = []
        self.told_again = 0
        self._last_id: str | None = None
        self._changed = asyncio.Event()

    async def follow_events(self) -> None:
        """By Server-Sent Events."""
        while True:
            try:
                async with httpx.AsyncClient(base_url=self.base_url, trust_env=False, timeout=30) as client:
                    await self._read_events(client)
            except httpx.HTTPError as error:
                self.failures.append(f"sse: {error!r}")
            await asyncio.sleep(0.05)

    async def _read_events(self, client: httpx.AsyncClient) -> None:
        headers = {"Authorization": f"Bearer {KEY}", "Accept": "text/event-stream"}
        if self._last_id is not None:
            headers["Last-Event-ID"] = self._last_id
        async with client.stream("POST", "/graphql", json={"query": QUERY}, headers=headers) as response:
            reader = Reader(response)
            is_told = False
            while (block := await reader.block()) is not None:
                is_told = any("come again" in comment for comment in block.comments)
                if block.kind == "complete":
                    self.failures.append("sse: complete")
                elif block.kind:
                    self._take(block.result)
            self._part(is_told, "sse")

    async def follow_messages(self) -> None:
        """By WebSocket."""
        url = f"{self.base_url.replace('http', 'ws', 1)}/graphql"
        while True:
            async with connect(url, subprotocols=[Subprotocol(PROTOCOL)], proxy=None) as socket:
                await socket.send(
                    json.dumps({"type": "connection_init", "payload": {"Authorization": f"Bearer {KEY}"}})
                )
                extensions = {"lastEventId": self._last_id} if self._last_id else {}
                asked = {"query": QUERY, "extensions": extensions}
                await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": asked}))
                try:
                    while True:
                        message = json.loads(await socket.recv())
                        if message["type"] == "next":
                            self._take(message["payload"])
                except ConnectionClosed as end:
                    self._part(end.rcvd is not None and end.rcvd.code == 1012, "websocket")
            await asyncio.sleep(0.05)

    async def until_named(self, agent_id: str, name: str) -> None:
        """Wait until this is what it holds."""
        async with asyncio.timeout(SECONDS):
            while self.names.get(agent_id) != name:
                self._changed.clear()
                await self._changed.wait()

    def _part(self, is_told: bool, transport: str) -> None:  # noqa: FBT001 - a test's own
        self.told_again += is_told
        if not is_told:
            self.failures.append(f"{transport}: it ended without a word")

    def _take(self, result: dict[str, Any]) -> None:
        changes = result["data"]["agentChanged"]
        self.seen["initial" if changes["initial"] else "changes"] += 1
        if changes["initial"]:
            self.names = {}
        for agent in changes["agents"]:
            self.names[agent["id"]] = agent["name"]
        for agent_id in changes["left"]:
            del self.names[agent_id]
        if len(self.names) != changes["totalCount"]:
            self.failures.append(f"holds {len(self.names)} of {changes['totalCount']}")
        self._last_id = result["extensions"]["eventId"]
        self._changed.set()


async def test_over_a_rolling_restart_every_stream_is_told_to_come_again_and_loses_no_change(
    tmp_path: Path,
) -> None:
    ports = (free_port(), free_port())
    world = World.seeded(20, token=TOKEN)
    async with running(world) as simulator, AsyncExitStack() as stack:
        starts = [starting(tmp_path, simulator, port=port, stack=stack) for port in ports]
        for port in ports:
            config = tmp_path / str(port) / "gateway.toml"
            config.write_text(config.read_text(encoding="utf-8") + SUBSCRIPTIONS, encoding="utf-8")
        old = [await start() for start in starts]
        async with balancer(tmp_path, replicas=ports) as base_url:
            followers = [Follower(base_url) for _ in range(2 * READERS)]
            works = [
                follower.follow_events() if number % 2 else follower.follow_messages()
                for number, follower in enumerate(followers)
            ]
            tasks = [asyncio.create_task(work) for work in works]

            async def rename(name: str) -> None:
                async with httpx.AsyncClient(base_url=base_url, trust_env=False, timeout=30) as client:
                    mutation = f'mutation {{ updateAgent(input: {{id: "1", name: "{name}"}}) {{ changed }} }}'
                    headers = {"Authorization": f"Bearer {KEY}"}
                    answer = await client.post("/graphql", json={"query": mutation}, headers=headers)
                    assert answer.json() == {"data": {"updateAgent": {"changed": True}}}

            async def all_hear(name: str) -> None:
                await rename(name)
                await asyncio.gather(*(follower.until_named("1", name) for follower in followers))

            await all_hear("before")
            for number, (replica, start) in enumerate(zip(old, starts, strict=True)):
                stopping = asyncio.create_task(replica.stop())
                await all_hear(f"while {number} stops")
                assert await stopping == 0
                await all_hear(f"without {number}")
                await start()
                await both_take_requests(base_url)
            await all_hear("after")
            truth = [follower.names for follower in followers]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    assert [follower.failures for follower in followers] == [[]] * len(followers)
    assert all(names == truth[0] for names in truth)
    assert sum(follower.told_again for follower in followers) >= len(followers)
