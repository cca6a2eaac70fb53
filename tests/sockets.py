"""A client of graphql-transport-ws, one message at a time; anything may be said, well or not."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.served import KEY, Served

Json = dict[str, Any]
PROTOCOL = "graphql-transport-ws"
SECONDS = 20.0


class Socket:
    """What a client says and hears."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def say(self, message: Json | str | bytes) -> None:
        await self.connection.send(json.dumps(message) if isinstance(message, dict) else message)

    async def hear(self) -> Json:
        async with asyncio.timeout(SECONDS):
            told: Json = json.loads(await self.connection.recv())
        return told

    async def begin(self, key: str = KEY, **payload: Any) -> Json:
        """Introduce oneself."""
        await self.say({"type": "connection_init", "payload": {"Authorization": f"Bearer {key}", **payload}})
        return await self.hear()

    async def subscribe(self, operation_id: str, query: str, **payload: Any) -> None:
        await self.say({"type": "subscribe", "id": operation_id, "payload": {"query": query, **payload}})

    async def ask(self, operation_id: str, query: str, **payload: Any) -> Json:
        """Subscribe, and hear the first answer to it."""
        await self.subscribe(operation_id, query, **payload)
        told = await self.hear()
        assert told["id"] == operation_id, told
        return told

    async def closed(self) -> tuple[int, str]:
        """Hear to the end: code and reason of the other side's close."""
        with suppress(ConnectionClosed):
            while True:
                await self.hear()
        assert self.connection.close_code is not None
        return self.connection.close_code, self.connection.close_reason or ""


@asynccontextmanager
async def socket_of(
    served: Served, *, protocol: str = PROTOCOL, headers: Mapping[str, str] | None = None
) -> AsyncIterator[Socket]:
    """Open a socket to the gateway."""
    url = f"{str(served.client.base_url).replace('http', 'ws', 1)}/graphql"
    async with connect(
        url, subprotocols=[Subprotocol(protocol)], additional_headers=headers, proxy=None, close_timeout=5
    ) as connection:
        yield Socket(connection)
