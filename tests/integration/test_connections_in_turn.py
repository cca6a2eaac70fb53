"""One connection, several requests: what comes late, twice, or in halves gets its own answer and no other."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from gateway.settings import CacheSettings, LimitSettings, ServerSettings
from tests.integration.test_recognition import world
from tests.raw_http import request
from tests.served import KEY, Plan, serving

HEAD = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
COUNT = request(headers=HEAD, body=b'{"query": "{ agents { totalCount } }"}')
NAME = request(headers=HEAD, body=b'{"query": "{ viewer { name } }"}')
COUNTED = b'{"data":{"agents":{"totalCount":5}}}'
NAMED = b'{"data":{"viewer":{"name":"board"}}}'
NOBODY = request(headers={**HEAD, "Authorization": "Bearer nobody", "Content-Length": "400"})
HALF = b"POST /graphql HTTP/1.1\r\nHost: gate"
OVER = b"X-Long: " + b"x" * 60_000

Dial = Callable[[], Awaitable["Wire"]]


class Wire:
    """One connection by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, *parts: bytes) -> None:
        """Send each part in a packet of its own."""
        for part in parts:
            self._writer.write(part)
            await self._writer.drain()
            await asyncio.sleep(0.05)

    async def answer(self) -> tuple[int, bytes]:
        """The next answer's status and body."""
        head = await self.until(b"\r\n\r\n")
        async with asyncio.timeout(10):
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            return int(head.split()[1]), await self._reader.readexactly(length)

    async def until(self, end: bytes) -> bytes:
        """What comes up to these bytes."""
        async with asyncio.timeout(10):
            return await self._reader.readuntil(end)

    async def rest(self) -> bytes:
        """What comes until the gateway closes the connection, or breaks it off."""
        parts: list[bytes] = []
        try:
            async with asyncio.timeout(10):
                while part := await self._reader.read(65_536):
                    parts.append(part)
        except ConnectionResetError:
            pass
        return b"".join(parts)

    @property
    def is_open(self) -> bool:
        """Whether the gateway has not closed it."""
        return not self._reader.at_eof()

    def close(self) -> None:
        self._writer.transport.abort()


@asynccontextmanager
async def dialling(*, head_seconds: float = 10.0, keep_alive_seconds: int = 1) -> AsyncIterator[Dial]:
    """A gateway, and connections to it."""
    plan = Plan(
        cache=CacheSettings(fresh_seconds=600),
        limits=LimitSettings(head_seconds=head_seconds, max_header_bytes=2_000, max_body_bytes=2_000),
        server=ServerSettings(port=0, keep_alive_seconds=keep_alive_seconds),
    )
    wires: list[Wire] = []
    async with serving(world(), plan=plan) as (served, _):

        async def dial() -> Wire:
            wire = Wire(*await asyncio.open_connection("127.0.0.1", served.client.base_url.port))
            wires.append(wire)
            return wire

        try:
            yield dial
        finally:
            for wire in wires:
                wire.close()


async def test_requests_in_one_packet_are_answered_in_turn() -> None:
    async with dialling() as dial:
        wire = await dial()
        for _ in range(4):  # the long way twice, then the short one
            await wire.send(COUNT + NAME + COUNT)
            answers = [await wire.answer() for _ in range(3)]
            assert answers == [(200, COUNTED), (200, NAMED), (200, COUNTED)]


@pytest.mark.parametrize("head_seconds", [0.3, 10.0])
async def test_a_body_that_comes_after_its_refusal_gets_no_answer_of_its_own(head_seconds: float) -> None:
    async with dialling(head_seconds=head_seconds) as dial:
        wire = await dial()
        await wire.send(NOBODY, b"x" * 200, b"x" * 200)
        assert (await wire.answer())[0] == 401
        assert await wire.rest() == b"", "it was kept alive, and closed in silence"


async def test_after_a_body_that_came_late_the_connection_serves_on() -> None:
    async with dialling() as dial:
        wire = await dial()
        await wire.send(NOBODY, b"x" * 200, b"x" * 200 + COUNT)
        assert (await wire.answer())[0] == 401
        assert await wire.answer() == (200, COUNTED)


async def test_a_long_body_that_comes_after_its_refusal_is_no_head() -> None:
    async with dialling() as dial:
        wire = await dial()
        refused = request(headers={**HEAD, "Authorization": "Bearer nobody", "Content-Length": "60000"})
        await wire.send(refused, b"x" * 30_000, b"x" * 30_000, NAME)
        assert (await wire.answer())[0] == 401
        assert await wire.answer() == (200, NAMED)


async def test_a_body_that_never_ends_after_its_refusal_is_cut_off_in_silence() -> None:
    async with dialling(head_seconds=0.3, keep_alive_seconds=60) as dial:
        wire = await dial()
        await wire.send(NOBODY, b"x" * 200)
        assert (await wire.answer())[0] == 401
        assert await wire.rest() == b""


async def test_half_a_head_behind_a_request_has_the_time_of_a_head() -> None:
    async with dialling(head_seconds=0.3, keep_alive_seconds=60) as dial:
        wire = await dial()
        await wire.send(COUNT + HALF)
        assert await wire.answer() == (200, COUNTED)
        assert (await wire.answer())[0] == 408
        assert await wire.rest() == b""


async def test_a_slow_head_after_a_quick_one_is_cut_off() -> None:
    async with dialling(head_seconds=0.3, keep_alive_seconds=60) as dial:
        wire = await dial()
        await wire.send(COUNT)
        assert await wire.answer() == (200, COUNTED)
        await wire.send(HALF)
        assert (await wire.answer())[0] == 408


async def test_an_empty_line_is_no_head_and_is_not_waited_for_for_ever() -> None:
    async with dialling(head_seconds=0.3, keep_alive_seconds=60) as dial:
        wire = await dial()
        await wire.send(COUNT, b"\r\n", NAME)
        assert [await wire.answer() for _ in range(2)] == [(200, COUNTED), (200, NAMED)]
        await wire.send(b"\r\n")
        assert await wire.rest() == b""


async def test_a_head_behind_a_stream_does_not_break_into_it_and_may_not_go_on_without_end() -> None:
    follow = b'{"query": "subscription { agentChanged { __typename } }"}'
    async with dialling(head_seconds=0.1) as dial:
        wire = await dial()
        await wire.send(request(headers={**HEAD, "Accept": "text/event-stream"}, body=follow))
        assert (await wire.until(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        await wire.send(HALF)
        await asyncio.sleep(0.3)  # three times what a head may take
        assert wire.is_open
        await wire.send(OVER)
        assert b"HTTP/1.1" not in await wire.rest()
