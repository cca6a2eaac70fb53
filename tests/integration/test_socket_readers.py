"""Sockets whose client reads nothing: they are cut off, and leave nothing behind."""

import asyncio
from typing import Any

import msgspec
import pytest
from websockets.client import ClientProtocol
from websockets.protocol import OPEN
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from gateway.main import edge
from gateway.main.serving import uvicorn_options
from gateway.settings import Settings
from gateway.web.connections import ConnectionLimits
from tests.integration.test_event_streams import serving_three
from tests.integration.test_stream_lives import open_streams
from tests.replicas import until
from tests.served import KEY, Served
from tests.sockets import PROTOCOL, socket_of
from tests.streams import AGENTS

LARGE = AGENTS.replace("name state", "name state " + " ".join(f"p{number}: name" for number in range(30)))


async def deaf(served: Served, query: str) -> asyncio.StreamWriter:
    """Subscribe, and read nothing from then on, with a connection that is all right."""
    port = served.client.base_url.port
    client = ClientProtocol(parse_uri(f"ws://127.0.0.1:{port}/graphql"), subprotocols=[Subprotocol(PROTOCOL)])
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**12)
    client.send_request(client.connect())
    writer.write(b"".join(client.data_to_send()))
    await reader.readuntil(b"\r\n\r\n")
    client.state = OPEN
    for message in (
        {"type": "connection_init", "payload": {"Authorization": f"Bearer {KEY}"}},
        {"type": "subscribe", "id": "1", "payload": {"query": query}},
    ):
        client.send_text(msgspec.json.encode(message))
    writer.write(b"".join(client.data_to_send()))
    return writer


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ping often, and wait a moment only."""

    def quick_options(settings: Settings) -> dict[str, Any]:
        return {**uvicorn_options(settings), "ws_ping_interval": 0.2, "ws_ping_timeout": 0.2}

    monkeypatch.setattr("tests.served.uvicorn_options", quick_options)
    monkeypatch.setattr(edge, "_connection_limits", lambda _limits: ConnectionLimits(write_seconds=0.3))


@pytest.mark.parametrize("query", [LARGE, AGENTS], ids=["more than the system holds", "little"])
async def test_a_client_who_reads_nothing_is_cut_off(query: str) -> None:
    async with serving_three() as (served, simulator):
        for number in range(300 if query is LARGE else 0):  # an event of 18 MB
            simulator.world.add_agent(f"Agente {number} " + "x" * 2_000, login=f"agente.{number}")
        before = len(asyncio.all_tasks())
        writer = await deaf(served, query)
        await until(lambda: open_streams(served) == 1)
        await until(lambda: open_streams(served) == 0)
        await until(lambda: len(asyncio.all_tasks()) <= before + 1)  # who waits for the end of the process
        writer.close()
    assert "Traceback" not in served.logs.getvalue()
    [closed] = [line for line in served.log_lines() if line["event"] == "socket.closed"]
    assert closed["tenant"] == "acme"


async def test_a_client_who_answers_pings_stays_however_little_there_is_to_tell() -> None:
    async with serving_three() as (served, _simulator), socket_of(served) as socket:
        await socket.begin()
        await socket.ask("1", AGENTS)
        await asyncio.sleep(1)
        await socket.say({"type": "ping"})
        assert await socket.hear() == {"type": "pong"}
