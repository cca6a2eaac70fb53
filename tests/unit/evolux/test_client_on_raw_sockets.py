"""The client against sockets that misbehave: what was sent, how often, and what became of it."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.domain.errors import (
    AgentNotFound,
    GatewayError,
    OutcomeUnknown,
    Overloaded,
    UpstreamCredentialsRejected,
    UpstreamInvalidResponse,
    UpstreamRateLimited,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from gateway.domain.ids import AgentId
from gateway.evolux.connection import ConnectionLimits
from gateway.evolux.operations import Operation
from gateway.evolux.requests import Request
from gateway.evolux.retries import Retries
from tests.unit.evolux.raw_evolux import (
    TOKEN,
    Reply,
    Sleeps,
    Tokens,
    Watcher,
    a_client,
    bytes_reply,
    drip_reply,
    hang_up_reply,
    json_reply,
    page_body,
    raw_evolux,
    reset_reply,
    silent_reply,
    truncated_reply,
)

READ = Request(operation=Operation.LIST_AGENTS, page=1)
POST = Request(operation=Operation.PAUSE_AGENT, agent_id=AgentId(7), body=b'{"pause_id":49}')
PUT = Request(operation=Operation.UPDATE_AGENT, agent_id=AgentId(7), body=b'{"name":"A"}')
CREATE = Request(operation=Operation.CREATE_AGENT, body=b"{}", secrets=("planted-key-of-ana",))
OK = {"meta": {"status": 200, "message": "OK"}}
IMPATIENT = ConnectionLimits(connect_seconds=0.2, read_seconds=0.1, attempt_seconds=0.3)


async def failure_of(request: Request, reply: Reply, **options: object) -> tuple[GatewayError, list[str]]:
    """The error of one request answered by this reply, and the request lines that Evolux saw."""
    async with raw_evolux(reply) as evolux, a_client(evolux.base_url, **options) as client:
        with pytest.raises(GatewayError) as raised:
            await (client.write(request) if request.operation.is_write else client.read(request))
        return raised.value, evolux.lines


@asynccontextmanager
async def closed_port() -> AsyncIterator[str]:
    """An address that refuses connections: the port is bound and nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"


@pytest.mark.parametrize("request_", [POST, PUT], ids=["POST", "PUT"])
@pytest.mark.parametrize("reply", [reset_reply, hang_up_reply], ids=["reset", "hang-up"])
async def test_a_write_whose_connection_ends_is_unknown_and_not_sent_again(
    request_: Request, reply: Reply
) -> None:
    error, lines = await failure_of(request_, reply, retries=Retries(attempts=3))
    assert type(error) is OutcomeUnknown
    assert error.retryable is False
    assert len(lines) == 1


async def test_a_put_on_a_dead_kept_alive_connection_is_not_sent_again_by_the_library() -> None:
    async with (
        raw_evolux(json_reply(body=OK), hang_up_reply) as evolux,
        a_client(evolux.base_url) as client,
    ):
        await client.write(PUT)
        with pytest.raises(OutcomeUnknown):
            await client.write(PUT)
        assert len(evolux.lines) == 2
        assert evolux.connections == 1


async def test_a_write_without_an_answer_in_time_is_unknown() -> None:
    error, lines = await failure_of(POST, silent_reply, limits=IMPATIENT)
    assert type(error) is OutcomeUnknown
    assert lines == ["POST /api/v1/agents/7/pause HTTP/1.1"]


@pytest.mark.parametrize(
    ("reply", "upstream_status"),
    [
        (truncated_reply(200, body=b'{"meta": {"sta'), 200),
        (bytes_reply(200, body=b'{"meta": {"sta'), 200),
        (bytes_reply(200, body=b"<html>Bem-vindo</html>"), 200),
        (bytes_reply(200, body=b'["OK"]'), 200),
        (json_reply(500, body={"meta": {"status": 500, "message": "boom"}}), 500),
        (bytes_reply(502, body=b"<html>"), 502),
        (json_reply(200, body={"meta": {"status": 503}}), 503),
        (bytes_reply(302, headers=["Location: http://127.0.0.1:1/login"]), 302),
    ],
    ids=["cut", "half", "html", "array", "500", "502", "meta-503", "redirect"],
)
async def test_a_write_answered_by_nothing_of_evolux_is_unknown(reply: Reply, upstream_status: int) -> None:
    error, lines = await failure_of(POST, reply)
    assert (type(error), error.upstream_status) == (OutcomeUnknown, upstream_status)
    assert len(lines) == 1


@pytest.mark.parametrize("request_", [POST, PUT, READ], ids=["POST", "PUT", "GET"])
async def test_what_could_not_be_sent_is_unavailable_and_retryable(request_: Request) -> None:
    async with closed_port() as base_url, a_client(base_url) as client:
        with pytest.raises(UpstreamUnavailable) as raised:
            await (client.write(request_) if request_.operation.is_write else client.read(request_))
    assert raised.value.retryable
    assert raised.value.upstream_status is None


async def test_a_write_that_waits_in_vain_for_a_free_connection_was_not_sent() -> None:
    limits = ConnectionLimits(connections=1, read_seconds=0.6, attempt_seconds=5.0)
    async with (
        raw_evolux(silent_reply) as evolux,
        a_client(evolux.base_url, limits=limits) as client,
    ):
        first = asyncio.create_task(client.write(POST))
        await evolux.asked.wait()
        client._deadline_seconds = 0.1
        with pytest.raises(UpstreamUnavailable):
            await client.write(PUT)
        with pytest.raises(OutcomeUnknown):
            await first
        assert evolux.lines == ["POST /api/v1/agents/7/pause HTTP/1.1"]


async def test_a_tls_handshake_that_fails_means_not_sent() -> None:
    async with raw_evolux(json_reply(body=OK)) as evolux:
        secure = evolux.base_url.replace("http://", "https://")
        async with a_client(secure, verify=ssl.create_default_context()) as client:
            with pytest.raises(UpstreamUnavailable):
                await client.write(POST)
        assert evolux.requests == []


async def test_a_refusal_counts_though_its_body_is_cut() -> None:
    error, _ = await failure_of(POST, truncated_reply(422, body=b'{"meta": {"message": "Agent already paus'))
    assert (type(error), error.upstream_status) == (UpstreamRefused, 422)


@pytest.mark.parametrize(
    ("reply", "kind", "upstream_status"),
    [
        (reset_reply, UpstreamUnavailable, None),
        (hang_up_reply, UpstreamUnavailable, None),
        (silent_reply, UpstreamTimeout, None),
        (drip_reply(pause_seconds=0.02), UpstreamTimeout, 200),
        (truncated_reply(200, body=b"{"), UpstreamUnavailable, 200),
        (bytes_reply(200, body=b"<html>"), UpstreamInvalidResponse, 200),
        (bytes_reply(200), UpstreamInvalidResponse, 200),
        (json_reply(200, body=OK), UpstreamInvalidResponse, 200),
        (json_reply(503, body=OK), UpstreamUnavailable, 503),
        (json_reply(504, body=OK), UpstreamTimeout, 504),
        (json_reply(200, body={"meta": {"status": 500}}), UpstreamUnavailable, 500),
        (bytes_reply(301, headers=["Location: http://127.0.0.1:1/"]), UpstreamInvalidResponse, 301),
        (json_reply(405, body=OK), UpstreamInvalidResponse, 405),
    ],
    ids=[
        *("reset", "hang-up", "silence", "drip", "cut", "html", "empty", "no-data"),
        *("503", "504", "meta-500", "redirect", "405"),
    ],
)
async def test_a_read_that_fails_says_how(
    reply: Reply, kind: type[GatewayError], upstream_status: int | None
) -> None:
    error, lines = await failure_of(READ, reply, limits=IMPATIENT)
    assert (type(error), error.upstream_status) == (kind, upstream_status)
    assert lines == ["GET /api/v1/agents?page=1&limit=50 HTTP/1.1"]


async def test_an_answer_that_is_no_http_is_a_lost_connection() -> None:
    async def garbage(writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x00\x01 what\r\n\r\n")
        await writer.drain()
        writer.close()

    assert type((await failure_of(READ, garbage))[0]) is UpstreamUnavailable
    assert type((await failure_of(POST, garbage))[0]) is OutcomeUnknown


async def test_a_body_over_the_limit_is_not_read_on() -> None:
    limits = ConnectionLimits(max_body_bytes=100_000)
    endless = drip_reply(pause_seconds=0)
    error, _ = await failure_of(READ, bytes_reply(200, body=b" " * 200_000), limits=limits)
    assert (type(error), error.message) == (UpstreamInvalidResponse, "Evolux's answer is too long")
    error, _ = await failure_of(POST, endless, limits=ConnectionLimits(max_body_bytes=100))
    assert (type(error), error.upstream_status) == (OutcomeUnknown, 200)


async def test_an_announced_encoding_that_is_none_is_a_lost_answer() -> None:
    liar = bytes_reply(200, body=b"not gzip", headers=["Content-Encoding: gzip"])
    assert type((await failure_of(READ, liar))[0]) is UpstreamUnavailable
    assert type((await failure_of(POST, liar))[0]) is OutcomeUnknown


async def test_a_read_is_tried_again_until_it_succeeds() -> None:
    watcher, sleeps = Watcher(), Sleeps()
    async with (
        raw_evolux(reset_reply, json_reply(503, body=OK), json_reply(body=page_body([]))) as evolux,
        a_client(evolux.base_url, retries=Retries(attempts=3), observer=watcher, sleep=sleeps) as client,
    ):
        envelope = await client.read(READ)
        assert envelope.status == 200
        assert len(evolux.lines) == 3
    assert sleeps.seconds == [0.05, 0.1]
    assert [(report.attempt, report.status) for report in watcher.attempts] == [(1, None), (2, 503), (3, 200)]
    assert watcher.outcomes == ["UPSTREAM_UNAVAILABLE", "UPSTREAM_UNAVAILABLE", "ok"]


async def test_a_read_is_given_up_after_its_attempts_and_a_refused_one_at_once() -> None:
    error, lines = await failure_of(READ, json_reply(500, body=OK), retries=Retries(attempts=3))
    assert (type(error), len(lines)) == (UpstreamUnavailable, 3)
    error, lines = await failure_of(READ, json_reply(404, body=OK), retries=Retries(attempts=3))
    assert (type(error), len(lines)) == (UpstreamInvalidResponse, 1)
    pauses = Request(operation=Operation.LIST_AGENT_PAUSES, agent_id=AgentId(7), page=1)
    error, lines = await failure_of(pauses, json_reply(404, body=OK), retries=Retries(attempts=3))
    assert (type(error), len(lines)) == (AgentNotFound, 1)


async def test_retry_after_is_obeyed_within_the_deadline_and_not_waited_for_beyond_it() -> None:
    limited = json_reply(429, body=OK, headers=["Retry-After: 7"])
    sleeps = Sleeps()
    async with (
        raw_evolux(limited, json_reply(body=page_body([]))) as evolux,
        a_client(evolux.base_url, retries=Retries(attempts=3), sleep=sleeps) as client,
    ):
        await client.read(READ)
        assert sleeps.seconds == [7.0]
    error, lines = await failure_of(READ, limited, retries=Retries(attempts=3), deadline_seconds=5.0)
    assert (type(error), error.retry_after_seconds, error.upstream_status) == (UpstreamRateLimited, 7.0, 429)
    assert len(lines) == 1


async def test_a_rate_limited_write_is_not_sent_again_and_not_unknown() -> None:
    error, lines = await failure_of(POST, json_reply(429, body=OK, headers=["Retry-After: 1"]))
    assert (type(error), error.retry_after_seconds, len(lines)) == (UpstreamRateLimited, 1.0, 1)


@pytest.mark.parametrize(("status", "text"), [(401, "x"), (403, "x"), (400, "Missing token.")])
@pytest.mark.parametrize("request_", [READ, POST], ids=["GET", "POST"])
async def test_a_refused_token_is_read_anew_and_the_request_sent_once_more(
    status: int, text: str, request_: Request
) -> None:
    refused = json_reply(status, body={"meta": {"status": status, "message": text}})
    tokens = Tokens("velho", "novo")
    async with (
        raw_evolux(refused, json_reply(body=page_body([]))) as evolux,
        a_client(evolux.base_url, tokens=tokens) as client,
    ):
        await (client.write(request_) if request_.operation.is_write else client.read(request_))
        sent = [b"token: velho\r\n" in evolux.requests[0], b"token: novo\r\n" in evolux.requests[1]]
        assert sent == [True, True]
        assert tokens.rereads == 1


async def test_a_token_that_stays_refused_is_an_operators_matter_and_not_sent_again() -> None:
    tokens = Tokens()
    error, lines = await failure_of(POST, json_reply(401, body=OK), tokens=tokens)
    assert (type(error), error.upstream_status) == (UpstreamCredentialsRejected, 401)
    assert (len(lines), tokens.rereads) == (1, 1)


async def test_of_many_attempts_refused_at_once_all_follow_the_one_reread() -> None:
    refused = json_reply(401, body=OK)
    replies = [refused, refused, refused, json_reply(body=page_body([]))]
    tokens = Tokens("velho", "novo")
    async with raw_evolux(*replies) as evolux, a_client(evolux.base_url, tokens=tokens) as client:
        await asyncio.gather(*(client.read(READ) for _ in range(3)))
        assert len(evolux.lines) == 6
    assert tokens.rereads == 1


async def test_a_caller_who_leaves_passes_through_and_is_no_failure() -> None:
    watcher = Watcher()
    async with (
        raw_evolux(silent_reply) as evolux,
        a_client(evolux.base_url, observer=watcher) as client,
    ):
        task = asyncio.create_task(client.write(POST))
        await evolux.asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert watcher.outcomes == ["cancelled"]


async def test_no_redirect_is_followed_no_cookie_kept_and_no_proxy_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    cookie = json_reply(body=page_body([]), headers=["Set-Cookie: session=abc; Path=/"])
    async with raw_evolux(cookie) as evolux, a_client(evolux.base_url) as client:
        await client.read(READ)
        await client.read(READ)
        assert evolux.connections == 1
        assert b"cookie" not in evolux.requests[1].lower()
    async with raw_evolux(json_reply(body=page_body([]))) as elsewhere:
        away = bytes_reply(307, headers=[f"Location: {elsewhere.base_url}/api/v1/agents"])
        error, lines = await failure_of(READ, away)
        assert (type(error), len(lines)) == (UpstreamInvalidResponse, 1)
        assert elsewhere.requests == []


async def test_the_token_stands_in_its_header_and_nowhere_else() -> None:
    async with raw_evolux(json_reply(body=page_body([]))) as evolux, a_client(evolux.base_url) as client:
        await client.read(READ)
        head = evolux.requests[0].decode()
        assert head.count(TOKEN) == 1
        assert f"\r\ntoken: {TOKEN}\r\n" in head
        assert TOKEN not in evolux.lines[0]


async def test_no_secret_reaches_the_log_though_evolux_repeats_it() -> None:
    echo = {"meta": {"status": 400, "message": f"planted-key-of-ana {TOKEN} não presta " + "x" * 900}}
    watcher = Watcher()
    error, _ = await failure_of(CREATE, json_reply(400, body=echo), observer=watcher)
    assert type(error) is UpstreamRefused
    assert "presta" not in error.message
    [report] = watcher.attempts
    assert report.said is not None
    [text] = report.said.texts
    assert text.startswith("*** *** não presta")
    assert len(text) == 200
    assert TOKEN not in str(report)
    assert "planted-key-of-ana" not in str(report)
    assert "planted-key-of-ana" not in repr(CREATE)


async def test_what_the_gate_raises_is_never_sent_and_never_tried_again() -> None:
    entered: list[Operation] = []

    @asynccontextmanager
    async def full(operation: Operation) -> AsyncIterator[None]:
        entered.append(operation)
        if entered:
            raise Overloaded("no room")
        yield

    async with (
        raw_evolux(json_reply(body=page_body([]))) as evolux,
        a_client(evolux.base_url, gate=full, retries=Retries(attempts=3)) as client,
    ):
        with pytest.raises(Overloaded):
            await client.read(READ)
        assert evolux.requests == []
    assert entered == [Operation.LIST_AGENTS]


async def test_the_gate_stands_around_each_attempt_and_sees_its_error() -> None:
    seen: list[str] = []

    @asynccontextmanager
    async def watching(_operation: Operation) -> AsyncIterator[None]:
        try:
            yield
        except GatewayError as error:
            seen.append(type(error).__name__)
            raise
        seen.append("ok")

    async with (
        raw_evolux(reset_reply, json_reply(body=page_body([]))) as evolux,
        a_client(evolux.base_url, gate=watching, retries=Retries(attempts=2)) as client,
    ):
        await client.read(READ)
    assert seen == ["UpstreamUnavailable", "ok"]
