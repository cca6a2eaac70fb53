"""Behind a proxy: whose X-Forwarded-* headers are believed, what they change, and who closes first."""

import asyncio
import time

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from gateway.settings import LimitSettings, ServerSettings, Settings, TelemetrySettings
from gateway.simulator.world import World
from tests.otlp import TRACEPARENT, attributes_of, receiving, until
from tests.raw_http import request
from tests.served import KEY, Plan, Served, serving, token_of
from tests.sockets import PROTOCOL

COUNT = "{ agents(first: 1) { totalCount } }"
SECURE = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9"}
TRUSTED = [("127.0.0.1",), ("10.0.0.0/8", "127.0.0.0/8")]
UNTRUSTED = [(), ("10.0.0.0/8",), ("127.0.0.2", "::1")]
BALANCERS_IDLE_SECONDS = 60
"""After so long most balancers drop an idle connection: docs/operations.md names it."""


def crowd() -> World:
    return World.seeded(5, token=token_of("acme"))


async def scheme_told(trusted: tuple[str, ...]) -> tuple[str, str]:
    """The scheme in the span of a request that says it came by HTTPS, and everything that was logged."""
    async with receiving() as received:
        plan = Plan(
            server=ServerSettings(port=0, trusted_proxies=trusted),
            telemetry=TelemetrySettings(otlp_endpoint=received.endpoint, sample_ratio=0),
        )
        async with serving(crowd(), plan=plan) as (served, _):
            await served.ask(COUNT, headers={**TRACEPARENT, **SECURE})
            logs = served.logs.getvalue()
        await until(lambda: bool(received.named("POST /graphql")))
    [server] = received.named("POST /graphql")
    return str(attributes_of(server)["url.scheme"]), logs


@pytest.mark.parametrize(
    ("trusted", "scheme"), [*((one, "https") for one in TRUSTED), *((one, "http") for one in UNTRUSTED)]
)
async def test_the_scheme_is_believed_of_a_trusted_proxy_alone(trusted: tuple[str, ...], scheme: str) -> None:
    told, logs = await scheme_told(trusted)
    assert told == scheme
    assert "203.0.113.9" not in logs, "no address is kept, believed or not"


async def status_of_own_page(served: Served, *, origin: str) -> int:
    """What a page of this origin gets that opens a socket through a proxy which ends TLS."""
    port = served.client.base_url.port
    headers = {"Origin": origin, **SECURE}
    try:
        async with connect(
            "ws://gateway.example.com/graphql",
            host="127.0.0.1",
            port=port,
            subprotocols=[Subprotocol(PROTOCOL)],
            additional_headers=headers,
            proxy=None,
        ) as connection:
            assert connection.response is not None
            return connection.response.status_code
    except InvalidStatus as refused:
        return refused.response.status_code


@pytest.mark.parametrize(("trusted", "status"), [(TRUSTED[0], 101), (UNTRUSTED[0], 403), (UNTRUSTED[1], 403)])
async def test_a_page_of_the_gateways_own_https_origin_may_open_a_socket_where_the_proxy_is_trusted(
    trusted: tuple[str, ...], status: int
) -> None:
    plan = Plan(server=ServerSettings(port=0, trusted_proxies=trusted))
    async with serving(crowd(), plan=plan) as (served, _):
        assert await status_of_own_page(served, origin="https://gateway.example.com") == status
        assert await status_of_own_page(served, origin="https://elsewhere.example.com") == 403


async def test_strangers_are_counted_together_whatever_address_they_claim() -> None:
    limits = LimitSettings(stranger_requests_per_second=0.01, stranger_burst=2)
    plan = Plan(server=ServerSettings(port=0, trusted_proxies=("127.0.0.1",)), limits=limits)
    async with serving(crowd(), plan=plan) as (served, _):
        statuses = [
            (
                await served.post(
                    COUNT, key="planted-key-of-nobody", headers={"X-Forwarded-For": f"203.0.113.{n}"}
                )
            ).status_code
            for n in range(4)
        ]
        assert statuses == [401, 401, 429, 429]
        assert (await served.post(COUNT)).status_code == 200


async def test_an_idle_connection_serves_on_until_its_time_is_over() -> None:
    plan = Plan(server=ServerSettings(port=0, keep_alive_seconds=2))
    told = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    ask = request(headers=told, body=b'{"query": "{ viewer { name } }"}')
    async with serving(crowd(), plan=plan) as (served, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", served.client.base_url.port)
        answered_at = 0.0
        for pause_seconds in (1.2, 0):
            writer.write(ask)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 ")
            await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]))
            answered_at = time.monotonic()
            await asyncio.sleep(pause_seconds)
        async with asyncio.timeout(10):
            assert await reader.read() == b""
        assert 1.8 < time.monotonic() - answered_at < 6
        writer.close()


def test_a_balancer_gives_an_idle_connection_up_before_the_gateway_does() -> None:
    assert Settings().server.keep_alive_seconds > BALANCERS_IDLE_SECONDS
