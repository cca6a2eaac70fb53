"""A recognized query is answered without a task of its own: said, counted and written down like any other.

What has to wait, or what an outer layer has a say in, makes one, and is answered the same.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.engine.executor import Executor
from gateway.settings import (
    CacheSettings,
    LimitSettings,
    ServerSettings,
    SubscriptionSettings,
    TelemetrySettings,
)
from gateway.simulator.world import World
from gateway.web.connections import GuardedConnection
from gateway.web.lane import QueryLane
from tests.integration.test_connections_in_turn import (
    COUNT,
    COUNTED,
    HALF,
    HEAD,
    NAME,
    NAMED,
    Dial,
    Wire,
)
from tests.integration.test_recognition import world
from tests.otlp import TRACEPARENT, attributes_of, receiving, until
from tests.raw_http import RawAnswer, exchange, request
from tests.served import Plan, Served, serving, token_of
from tests.sockets import PROTOCOL, socket_of

ASKED = b'{"query": "{ agents { totalCount } }"}'
FOLLOW = b'{"query": "subscription { agentChanged { __typename } }"}'
UPDATE = b'{"query": "mutation { updateAgent(input: { id: \\"1\\", name: \\"Ana\\" }) { errors { code } } }"}'
LONG = b'{"query": "{ agents(first: 500) { nodes { id name login state stateSince } } }"}'
TENANTS_RATE = "This tenant is sent over 0.01 requests per second."
CALLERS_RATE = "You send over 0.01 requests per second."


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The requests that a task was made for."""
    made: list[str] = []
    begin = HttpToolsProtocol._start_asgi_task

    def watched(self: HttpToolsProtocol, cycle: Any, app: Any) -> None:
        if isinstance(self, GuardedConnection):  # and not a simulator's
            made.append(f"{cycle.scope['method']} {cycle.scope['path']}")
        begin(self, cycle, app)

    monkeypatch.setattr(HttpToolsProtocol, "_start_asgi_task", watched)
    return made


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[GuardedConnection]:
    """The gateway's side of each connection, in the order of their coming."""
    made: list[GuardedConnection] = []
    begin = GuardedConnection.connection_made

    def watched(self: GuardedConnection, transport: Any) -> None:
        made.append(self)
        begin(self, transport)

    monkeypatch.setattr(GuardedConnection, "connection_made", watched)
    return made


@dataclass(kw_only=True)
class Gate:
    """A gateway that knows the query COUNT, and connections to it."""

    served: Served
    dial: Dial

    async def ask(self, sent: bytes, *, shut: bool = False) -> RawAnswer:
        """Send it on a connection of its own."""
        port = self.served.client.base_url.port
        assert port is not None
        answer = await exchange(port, sent, shut=shut)
        assert answer is not None
        return answer

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The access lines so far."""
        return [line for line in self.served.log_lines() if line["event"] == "http.access"]


@asynccontextmanager
async def gate(crowd: World | None = None, *, knows: bytes = ASKED, **plan: Any) -> AsyncIterator[Gate]:
    planned = Plan(**{"cache": CacheSettings(fresh_seconds=600), **plan})
    wires: list[Wire] = []
    async with serving(crowd or world(), plan=planned) as (served, _):

        async def dial() -> Wire:
            wire = Wire(*await asyncio.open_connection("127.0.0.1", served.client.base_url.port))
            wires.append(wire)
            return wire

        made = Gate(served=served, dial=dial)
        try:
            for _ in range(2):
                await made.ask(request(headers=HEAD, body=knows))
            yield made
        finally:
            for wire in wires:
                wire.close()


def is_idling(connection: GuardedConnection) -> bool:
    """Whether it will be closed unless something comes."""
    return connection.timeout_keep_alive_task is not None


def apart(answer: RawAnswer) -> dict[str, str]:
    """The headers but for what differs in any two answers."""
    return {
        name: value for name, value in answer.headers.items() if name not in {"age", "date", "x-request-id"}
    }


async def test_a_query_that_is_recognized_makes_no_task_and_is_written_down_like_any_other(
    tasks: list[str],
) -> None:
    async with gate() as gateway:
        before = await gateway.ask(request(headers={**HEAD, "Origin": "http://page"}, body=ASKED))
        assert tasks == ["POST /graphql"] * 3
        answers = [await gateway.ask(COUNT) for _ in range(4)]
        assert tasks == ["POST /graphql"] * 3
        told = (await gateway.served.client.get("/metrics")).text.splitlines()
        lines = gateway.lines
    assert all((answer.status, answer.body) == (200, COUNTED) for answer in answers)
    assert all(apart(answer) == apart(before) for answer in answers)
    ids = [answer.headers["x-request-id"] for answer in answers]
    assert len(set(ids)) == 4
    assert [line["request_id"] for line in lines[3:]] == ids
    usual, *at_once = [
        {name: value for name, value in line.items() if not name.endswith("_id")} | {"duration_ms": 0}
        for line in lines[2:]
    ]
    for line in (usual, *at_once):
        del line["timestamp"]
    assert at_once == [usual] * 4
    assert 'gateway_http_requests_total{route="/graphql",status="200"} 7.0' in told
    assert 'gateway_request_duration_seconds_count{code="OK",kind="query"} 7.0' in told


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (request("GET", "/graphql?query={agents{totalCount}}", headers=HEAD), 200),
        (request("PUT", headers=HEAD, body=ASKED), 405),
        (request(headers=HEAD, path="/graphql?", body=ASKED), 200),
        (request(headers={**HEAD, "Connection": "close"}, body=ASKED), 200),
        (request(headers={**HEAD, "Origin": "http://page"}, body=ASKED), 200),
        (request(headers={**HEAD, "Sec-Fetch-Site": "cross-site"}, body=ASKED), 403),
        (request(headers={**HEAD, "X-Much": "x" * 16_400}, body=ASKED), 431),
        (request(headers={**HEAD, "Cache-Control": "no-cache"}, body=ASKED), 200),
        (request(headers={**HEAD, "Authorization": "Bearer nobody"}, body=ASKED), 401),
        (request(headers={**HEAD, "Content-Encoding": "gzip"}, body=ASKED), 415),
        (request(headers={**HEAD, "Content-Length": "0"}), 400),
        (request(headers=HEAD, body=b"[" + ASKED + b"]"), 400),
        (request(headers=HEAD, body=b"\xff" + ASKED), 400),
        (request(headers=HEAD, body=UPDATE), 200),
        (COUNT.replace(b"HTTP/1.1", b"HTTP/1.0"), 200),
        (COUNT.replace(b"HTTP/1.1", b"HTTP/1.0").replace(b"Host:", b"Connection: keep-alive\r\nHost:"), 200),
    ],
    ids=lambda value: value[-60:].decode("latin-1") if isinstance(value, bytes) else None,
)
async def test_what_is_not_simply_a_recognized_query_makes_a_task(
    tasks: list[str], sent: bytes, status: int
) -> None:
    async with gate() as gateway:
        answer = await gateway.ask(sent)
        assert answer.status == status
        assert len(tasks) == 3
        assert [line["status"] for line in gateway.lines] == [200, 200, status]
        assert gateway.lines[2]["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize(
    "head",
    [{"Expect": "x"}, {"traceparent": "00-zz"}, {"X-Request-Id": "a b"}, {"Connection": "keep-alive"}],
    ids=str,
)
async def test_what_says_nothing_to_the_gateway_makes_none(tasks: list[str], head: dict[str, str]) -> None:
    async with gate() as gateway:
        answer = await gateway.ask(request(headers={**HEAD, **head}, body=ASKED))
        assert (answer.status, answer.body, len(tasks)) == (200, COUNTED, 2)
        assert len(answer.headers["x-request-id"]) == 32


async def test_a_body_in_chunks_or_in_packets_is_the_same_query(tasks: list[str]) -> None:
    chunked = request(headers={**HEAD, "Transfer-Encoding": "chunked"})
    parts = [b"%x\r\n%b\r\n" % (len(part), part) for part in (ASKED[:9], ASKED[9:], b"")]
    async with gate() as gateway:
        wire = await gateway.dial()
        await wire.send(chunked + b"".join(parts))
        assert await wire.answer() == (200, COUNTED)
        assert len(tasks) == 2
        await wire.send(chunked, *parts)
        assert await wire.answer() == (200, COUNTED)
        await wire.send(COUNT[:-5], COUNT[-5:])
        assert await wire.answer() == (200, COUNTED)
        assert len(tasks) == 4
        assert (await gateway.ask(COUNT, shut=True)).body == COUNTED


async def test_of_requests_that_come_together_one_is_answered_at_once_and_all_are_in_turn(
    tasks: list[str],
) -> None:
    update = request(headers=HEAD, body=UPDATE)
    async with gate() as gateway:
        wire = await gateway.dial()
        await wire.send(COUNT + COUNT + NAME + update + COUNT + COUNT)
        assert [(await wire.answer())[1] for _ in range(3)] == [COUNTED, COUNTED, NAMED]
        assert (await wire.answer())[1] == b'{"data":{"updateAgent":{"errors":[]}}}'
        assert [(await wire.answer())[1] for _ in range(2)] == [COUNTED, COUNTED]
        assert len(tasks) == 2 + 5
        await wire.send(COUNT)
        assert await wire.answer() == (200, COUNTED)
        assert len(tasks) == 2 + 5


async def test_what_comes_behind_an_answer_at_once_has_no_idle_time_running(
    connections: list[GuardedConnection],
) -> None:
    stream = request(headers={**HEAD, "Accept": "text/event-stream"}, body=FOLLOW)
    async with gate() as gateway:
        wire = await gateway.dial()
        await wire.send(COUNT)
        assert await wire.answer() == (200, COUNTED)
        assert is_idling(connections[-1])
        await wire.send(COUNT + stream)
        assert await wire.answer() == (200, COUNTED)
        assert b"text/event-stream" in await wire.until(b"\r\n\r\n")
        assert not is_idling(connections[-1]), "it would end the stream"
        await wire.send(COUNT)
        assert len(gateway.lines) == 4, "an answer would break into the stream"


@pytest.mark.parametrize("options", ["Upgrade", "keep-alive, Upgrade", "Upgrade\r\nConnection: keep-alive"])
async def test_a_socket_outlives_the_idle_time_of_the_connection_that_it_was(options: str) -> None:
    upgrade = {
        "Connection": options,
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Protocol": PROTOCOL,
    }
    server = ServerSettings(port=0, keep_alive_seconds=1)
    async with gate(server=server, subscriptions=SubscriptionSettings(init_seconds=60)) as gateway:
        wire = await gateway.dial()
        await wire.send(COUNT + request("GET", headers=upgrade))
        assert await wire.answer() == (200, COUNTED)
        assert (await wire.until(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        async with socket_of(gateway.served) as socket:
            await socket.begin()
            await asyncio.sleep(1.2)
            await socket.say({"type": "ping"})
            assert (await socket.hear())["type"] == "pong"
        assert wire.is_open


async def test_half_a_head_behind_many_requests_is_not_as_long_as_all_of_them() -> None:
    limits = LimitSettings(max_header_bytes=1_000, max_body_bytes=1_000)
    async with gate(limits=limits) as gateway:
        wire = await gateway.dial()
        await wire.send(COUNT * 20 + HALF, COUNT[len(HALF) :])
        assert [await wire.answer() for _ in range(21)] == [(200, COUNTED)] * 21


async def test_a_body_that_breaks_off_wrongly_is_refused_and_nothing_is_asked(tasks: list[str]) -> None:
    broken = request(headers={**HEAD, "Transfer-Encoding": "chunked"}) + b"5\r\n" + ASKED
    async with gate() as gateway:
        wire = await gateway.dial()
        await wire.send(COUNT + broken)
        assert await wire.answer() == (200, COUNTED)
        rest = await wire.rest()
        assert rest.startswith(b"HTTP/1.1 400 ")
        assert rest.count(b"HTTP/1.1") == 1
        assert [line["status"] for line in gateway.lines] == [200, 200, 200]
        [unread] = [line for line in gateway.served.log_lines() if line["event"] == "http.unread"]
        assert unread["request_id"] not in {line["request_id"] for line in gateway.lines}
    assert not unread.keys() & {"tenant", "caller", "trace_id"}, "the request before it is over"


async def test_a_call_is_counted_once_whoever_says_that_it_is_one_too_many() -> None:
    limits = LimitSettings(
        caller_requests_per_second=0.01,
        caller_burst=9,
        tenant_requests_per_second=0.01,
        tenant_burst=4,
    )
    async with gate(limits=limits) as gateway:
        answers = [await gateway.ask(COUNT) for _ in range(8)]
        told = (await gateway.served.client.get("/metrics")).text
        lines = gateway.lines
    assert [answer.status for answer in answers] == [200, 200] + [429] * 6
    messages = [answer.json["errors"][0]["message"] for answer in answers[2:]]
    assert messages == [TENANTS_RATE] * 5 + [CALLERS_RATE]
    assert [line["status"] for line in lines] == [200] * 4 + [429] * 6
    assert 'gateway_request_duration_seconds_count{code="RATE_LIMITED",kind="query"} 6.0' in told
    assert 'gateway_listing_reads_total{listing="agents",outcome="hit",tenant="acme"} 3.0' in told


async def test_what_had_to_wait_for_other_variables_is_not_begun_in_vain_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun: list[bool] = []
    run_at_once = Executor.run_at_once

    def watched(self: Executor, *run: Any, **more: Any) -> bytes | None:
        answer = run_at_once(self, *run, **more)
        begun.append(answer is not None)
        return answer

    monkeypatch.setattr(Executor, "run_at_once", watched)
    asked = "query($ids: [ID!]) { agents(filter: { ids: $ids }) { nodes { allowedPauses { __typename } } } }"
    async with gate() as gateway:
        for number in (96, 97, 98):  # nobody, who has no pauses to wait for
            assert await gateway.served.ask(asked, ids=[str(number)]) == {"agents": {"nodes": []}}
        assert begun == [True]
        for number in (1, 2, 3):
            told = await gateway.served.ask(asked, ids=[str(number)])
            assert told == {"agents": {"nodes": [{"allowedPauses": []}]}}
        assert begun == [True, False]


async def test_what_needs_both_listings_is_answered_at_once_with_other_variables(tasks: list[str]) -> None:
    asked = "query($id: ID!) { agent(id: $id) { id queues { name } } }"
    crowd = World.seeded(20, token=token_of("acme"))
    async with gate(crowd) as gateway:
        for number in (1, 2, 3, 4):
            body = msgspec.json.encode({"query": asked, "variables": {"id": str(number)}})
            answer = await gateway.ask(request(headers=HEAD, body=body))
            assert answer.json["data"]["agent"]["queues"]
        assert tasks == ["POST /graphql"] * (2 + 2)
        told = (await gateway.served.client.get("/metrics")).text
    assert 'gateway_listing_reads_total{listing="agents",outcome="hit",tenant="acme"} 5.0' in told
    assert 'gateway_listing_reads_total{listing="queues",outcome="hit",tenant="acme"} 4.0' in told


async def test_a_read_counts_once_though_the_run_at_once_that_took_it_came_to_an_error() -> None:
    asked = "query($id: ID!) { queue(id: $id) { id } }"
    async with gate(World.seeded(20, token=token_of("acme"))) as gateway:
        [first, second, *_] = (await gateway.served.ask("{ queues { id } }"))["queues"]
        bodies = [
            msgspec.json.encode({"query": asked, "variables": {"id": given}})
            for given in (first["id"], second["id"], "999")
        ]
        answers = [await gateway.ask(request(headers=HEAD, body=body)) for body in bodies]
        assert answers[-1].json["errors"][0]["extensions"]["code"] == "QUEUE_NOT_FOUND"
        told = (await gateway.served.client.get("/metrics")).text
    assert 'gateway_listing_reads_total{listing="queues",outcome="hit",tenant="acme"} 4.0' in told
    assert 'gateway_listing_reads_total{listing="agents",outcome="hit",tenant="acme"} 2.0' in told


async def test_of_a_listing_that_lacks_a_page_no_run_at_once_is_begun(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun: list[Any] = []
    run_at_once = Executor.run_at_once

    def watched(self: Executor, *run: Any, **more: Any) -> bytes | None:
        begun.append(run)
        return run_at_once(self, *run, **more)

    monkeypatch.setattr(Executor, "run_at_once", watched)
    asked = "query($first: Int) { agents(first: $first) { nodes { id } } }"
    plan = Plan(cache=CacheSettings(fresh_seconds=600), limits=LimitSettings(read_attempts=1))
    async with serving(World.seeded(120, token=token_of("acme")), plan=plan) as (served, simulators):
        simulators["acme"].faults.answer(503, path="/api/v1/agents", page=2, count=None)
        for first in (1, 2, 3, 4):
            answer = (await served.post(asked, first=first)).json()
            assert len(answer["data"]["agents"]["nodes"]) == first
            assert [error["path"] for error in answer["errors"]] == [["agents"]]
    assert begun == []


async def test_a_traced_query_has_one_span_with_what_trusted_proxies_say(tasks: list[str]) -> None:
    headers = {**HEAD, **TRACEPARENT, "X-Forwarded-Proto": "https"}
    async with receiving() as received:
        telemetry = TelemetrySettings(otlp_endpoint=received.endpoint, sample_ratio=0)
        server = ServerSettings(port=0, trusted_proxies=("127.0.0.1",))
        async with gate(telemetry=telemetry, server=server) as gateway:
            unsampled = {**headers, "traceparent": TRACEPARENT["traceparent"][:-1] + "0"}
            assert (await gateway.ask(request(headers=unsampled, body=ASKED))).body == COUNTED
            assert len(tasks) == 2
            assert (await gateway.ask(request(headers=headers, body=ASKED))).body == COUNTED
            assert {line["trace_id"] for line in gateway.lines[2:]} == {TRACEPARENT["traceparent"][3:35]}
        await until(lambda: len(received.spans) >= 3)
    assert received.tree() == {"POST /graphql": {"query": {"read agents": {}}}}
    [server_span] = received.named("POST /graphql")
    assert attributes_of(server_span)["url.scheme"] == "https"


async def test_who_may_not_ask_any_more_and_what_was_changed_is_not_answered_at_once(
    tasks: list[str],
) -> None:
    async with gate() as gateway:
        wire = await gateway.dial()
        await wire.send(request(headers=HEAD, body=UPDATE))
        assert (await wire.answer())[0] == 200
        for made in (4, 4):  # the listing is read anew, once
            await wire.send(COUNT)
            assert await wire.answer() == (200, COUNTED)
            assert len(tasks) == made
        settings = gateway.served.gateway._settings
        left = {name: one for name, one in settings.callers.items() if name != "board"}
        gateway.served.gateway.apply(msgspec.structs.replace(settings, callers=left))
        await wire.send(COUNT)
        assert (await wire.answer())[0] == 401
        assert len(tasks) == 5


async def test_while_draining_an_answer_ends_its_connection(tasks: list[str]) -> None:
    async with gate() as gateway:
        wire = await gateway.dial()
        await wire.send(COUNT)
        assert await wire.answer() == (200, COUNTED)
        assert len(tasks) == 2
        gateway.served.gateway.stop.is_draining = True
        await wire.send(COUNT)
        assert b"connection: close" in await wire.until(b"\r\n\r\n")
        assert await wire.rest() == COUNTED
        assert len(tasks) == 3


async def test_what_fails_at_once_is_answered_the_usual_way(
    tasks: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with gate() as gateway:
        with monkeypatch.context() as broken:

            def fail(*_: Any, **__: Any) -> None:
                broken.undo()
                raise RuntimeError

            broken.setattr(QueryLane, "at_once", fail)
            assert (await gateway.ask(COUNT)).body == COUNTED
        assert len(gateway.lines) == len(tasks) == 3
        [told] = [line for line in gateway.served.log_lines() if line["event"] == "http.at_once_failed"]
        assert told["exception"].endswith("RuntimeError")
        assert len([line for line in gateway.served.log_lines() if line["event"] == "internal_error"]) == 0


async def test_an_answer_at_once_is_compressed_like_any_other(tasks: list[str]) -> None:
    crowd = World.seeded(60, token=token_of("acme"))
    headers = {**HEAD, "Accept-Encoding": "gzip"}
    async with gate(crowd, knows=LONG) as gateway:
        plain = await gateway.ask(request(headers=HEAD, body=LONG))
        at_once = await gateway.ask(request(headers=headers, body=LONG))
        assert len(tasks) == 2
        usual = await gateway.ask(request(headers={**headers, "Origin": "http://page"}, body=LONG))
        assert len(tasks) == 3
    assert at_once.headers["content-encoding"] == "gzip"
    assert zlib.decompress(at_once.body, wbits=31) == plain.body
    assert (apart(at_once), at_once.body) == (apart(usual), usual.body)


async def test_who_does_not_read_is_answered_no_more_at_once(
    tasks: list[str], connections: list[GuardedConnection]
) -> None:
    asked = request(headers=HEAD, body=LONG)
    async with gate(World.seeded(600, token=token_of("acme")), knows=LONG) as gateway:
        long = len((await gateway.ask(asked)).body)
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", gateway.served.client.base_url.port, limit=1_000
        )
        sent = 0
        while len(tasks) == 2:
            assert sent < 1_000
            writer.write(asked)
            sent += 1
            already = len(gateway.lines) + len(tasks)
            await until(lambda before=already: len(gateway.lines) + len(tasks) > before)  # type: ignore[misc]
        assert connections[-1].transport.get_write_buffer_size() < long + 65_536
        answered = 0
        async with asyncio.timeout(20):
            for _ in range(sent):
                head = await reader.readuntil(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 200")
                assert len(await reader.readexactly(long)) == long
                answered += 1
        assert answered == sent
        writer.transport.abort()
