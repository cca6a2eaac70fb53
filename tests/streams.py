"""Readers of Server-Sent Events, as plain as the protocol: one event at a time, with all that was sent."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.served import KEY

Json = dict[str, Any]
AGENTS = (
    "subscription ($filter: AgentFilter) { agentChanged(filter: $filter) {"
    " initial agents { id name state } left totalCount freshness { stale complete } } }"
)
STATES = "subscription { agentStatesChanged { total { agents paused } freshness { stale } } }"
SECONDS = 20.0


@dataclass(kw_only=True)
class SseEvent:
    """One event as it came; `retry` and comments stand alone between events."""

    fields: dict[str, str] = field(default_factory=dict)
    comments: list[str] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """`next`, `complete`, or nothing."""
        return self.fields.get("event", "")

    @property
    def id(self) -> str:
        return self.fields["id"]

    @property
    def result(self) -> Json:
        """What a `next` carries."""
        assert self.kind == "next", self
        told: Json = json.loads(self.fields["data"])
        return told

    @property
    def changes(self) -> Json:
        """What `agentChanged` tells."""
        told: Json = self.result["data"]["agentChanged"]
        return told

    @property
    def code(self) -> str:
        """The code of the one error."""
        [error] = self.result["errors"]
        code: str = error["extensions"]["code"]
        return code


class Reader:
    """Takes a response apart into events."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._chunks = response.aiter_raw()
        self._rest = b""

    async def block(self) -> SseEvent | None:
        """The next lines up to an empty one; None where the stream has ended."""
        async with asyncio.timeout(SECONDS):
            while b"\n\n" not in self._rest:
                chunk = await anext(self._chunks, None)
                if chunk is None:
                    assert self._rest == b""
                    return None
                assert b"\r" not in chunk
                self._rest += chunk
        lines, _, self._rest = self._rest.partition(b"\n\n")
        block = SseEvent()
        for line in lines.decode().split("\n"):
            name, _, value = line.partition(":")
            if name:
                block.fields[name] = value.removeprefix(" ")
            else:
                block.comments.append(value.strip())
        return block

    async def next(self) -> SseEvent:
        """The next event; what only keeps the connection alive is passed over."""
        while True:
            block = await self.block()
            assert block is not None, "the stream ended"
            if block.kind:
                return block


@asynccontextmanager
async def subscribed(
    client: httpx.AsyncClient,
    query: str = AGENTS,
    *,
    key: str = KEY,
    headers: Mapping[str, str] | None = None,
    extensions: Json | None = None,
    **variables: Any,
) -> AsyncIterator[Reader]:
    """Subscribe by POST."""
    body = {"query": query, "variables": variables, "extensions": extensions or {}}
    asked = {"Authorization": f"Bearer {key}", "Accept": "text/event-stream", **(headers or {})}
    async with client.stream("POST", "/graphql", json=body, headers=asked) as response:
        yield Reader(response)
