"""Who asks for another protocol than HTTP/1.1 is answered in this one, and the connection serves on."""

import asyncio

import pytest

from tests.integration.test_connections_in_turn import COUNT, COUNTED, HEAD, NAMED, Wire, dialling
from tests.raw_http import request

H2C = {
    "Connection": "Upgrade, HTTP2-Settings",
    "Upgrade": "h2c",
    "HTTP2-Settings": "AAMAAABkAAQAoAAAAAIAAAAA",
}
"""As Java's client asks with its first request to an `http` URL."""
BODY = b'{"query": "{ viewer { name } }"}'
NAME = request(headers={**HEAD, **H2C}, body=BODY)
HEAD_BYTES = NAME.index(b"\r\n\r\n") + 4
CHUNKED = request(
    headers={**HEAD, **H2C, "Transfer-Encoding": "chunked"}, body=b"20\r\n%b\r\n0\r\n\r\n" % BODY
)
BY_GET = request("GET", "/graphql?query=%7Bviewer%7Bname%7D%7D", headers={**HEAD, **H2C})


@pytest.mark.parametrize("at", [None, 5, HEAD_BYTES - 2, HEAD_BYTES, HEAD_BYTES + 7])
async def test_a_body_behind_an_upgrade_is_read_however_it_comes(at: int | None) -> None:
    assert len(BODY) == 0x20
    async with dialling() as dial:
        wire = await dial()
        for asked in (NAME, CHUNKED, BY_GET) * 3:  # the long way twice, then the short one
            await wire.send(*((asked,) if at is None else (asked[:at], asked[at:])))
            assert await wire.answer() == (200, NAMED)
            await wire.send(COUNT)
            assert await wire.answer() == (200, COUNTED)


async def test_upgrades_in_one_packet_with_others_are_answered_in_turn() -> None:
    async with dialling() as dial:
        wire = await dial()
        for _ in range(3):
            await wire.send(COUNT + NAME + BY_GET + CHUNKED + COUNT)
            assert [await wire.answer() for _ in range(5)] == [
                (200, COUNTED),
                *[(200, NAMED)] * 3,
                (200, COUNTED),
            ]


async def test_hundreds_of_upgrades_in_one_packet_are_no_deep_recursion() -> None:
    async with dialling() as dial:
        wire = await dial()
        await asyncio.gather(wire.send(BY_GET * 600), _take(wire, 600))
        await wire.send(COUNT)
        assert await wire.answer() == (200, COUNTED)


async def _take(wire: Wire, count: int) -> None:
    assert [await wire.answer() for _ in range(count)] == [(200, NAMED)] * count


@pytest.mark.parametrize(
    ("options", "stays"),
    [
        ("upgrade", True),
        ("Upgrade , keep-alive", True),
        ("close, upgrade", False),
        ("upgrade\r\nConnection: keep-alive", True),
        ("upgrade\r\nConnection: close", False),
    ],
)
async def test_what_else_is_said_of_the_connection_holds(options: str, *, stays: bool) -> None:
    async with dialling() as dial:
        wire = await dial()
        await wire.send(request(headers={**HEAD, "Connection": options, "Upgrade": "TLS/1.2"}, body=BODY))
        assert await wire.answer() == (200, NAMED)
        if stays:
            await wire.send(COUNT)
            assert await wire.answer() == (200, COUNTED)
        else:
            assert await wire.rest() == b""


async def test_a_head_too_long_is_refused_with_an_upgrade_too() -> None:
    async with dialling() as dial:
        wire = await dial()
        await wire.send(request(headers={**HEAD, **H2C, "X-Long": "x" * 3_000}, body=BODY))
        assert (await wire.answer())[0] == 431


async def test_a_declined_upgrade_does_not_reach_the_application_or_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with dialling() as dial:
        wire = await dial()
        await wire.send(NAME)
        assert await wire.answer() == (200, NAMED)
    assert "upgrade" not in caplog.text.lower()
