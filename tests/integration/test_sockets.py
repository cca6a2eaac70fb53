"""Subscriptions, and whatever else may be asked, over WebSocket by graphql-transport-ws."""

import json
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gateway.settings import LimitSettings, ServerSettings, SubscriptionSettings
from tests.integration.test_event_streams import RENAME, SLOW, serving_three
from tests.replicas import until
from tests.served import KEY, READER_KEY
from tests.sockets import Socket, socket_of
from tests.streams import AGENTS

ACK = {"type": "connection_ack"}
FRESH = SubscriptionSettings(poll_seconds=600, init_seconds=0.2, max_per_connection=2)


async def test_a_subscription_a_query_and_a_mutation_share_one_socket() -> None:
    async with serving_three() as (served, _simulator), socket_of(served) as socket:
        assert await socket.begin() == ACK
        first = await socket.ask("live", AGENTS)
        query = await socket.ask("once", "{ viewer { name } }")
        query_end = await socket.hear()
        await socket.subscribe("write", RENAME)
        heard = [await socket.hear() for _ in range(3)]
        await socket.say({"type": "complete", "id": "live"})
        again = await socket.ask("live", "{ agents { totalCount } }")
    assert first["payload"]["data"]["agentChanged"]["totalCount"] == 3
    assert query == {"id": "once", "type": "next", "payload": {"data": {"viewer": {"name": "board"}}}}
    assert query_end == {"id": "once", "type": "complete"}
    of_live = [each for each in heard if each["id"] == "live"]
    of_write = [each for each in heard if each["id"] == "write"]
    changed = of_live[0]["payload"]["data"]["agentChanged"]
    assert (changed["initial"], [agent["name"] for agent in changed["agents"]]) == (False, ["Ana Maria"])
    assert [each["type"] for each in of_write] == ["next", "complete"]
    assert again["payload"] == {"data": {"agents": {"totalCount": 3}}}


async def test_what_cannot_be_run_is_an_error_of_its_operation_and_the_socket_goes_on() -> None:
    async with serving_three() as (served, _simulator), socket_of(served) as socket:
        await socket.begin(READER_KEY)
        invalid = await socket.ask("1", "subscription { nothing }")
        wrong_variable = await socket.ask("2", AGENTS, variables={"filter": {"states": ["GONE"]}})
        assert await socket.hear() == {"id": "2", "type": "complete"}
        forbidden = await socket.ask("3", RENAME)
        await socket.say({"type": "ping", "payload": {"at": 1}})
        heard = [await socket.hear() for _ in range(2)]
    assert invalid["type"] == "error"
    assert invalid["payload"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert wrong_variable["payload"]["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert "data" not in wrong_variable["payload"]
    assert forbidden["payload"]["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert {"type": "pong", "payload": {"at": 1}} in heard


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        (["not json"], 4400),
        (["[]"], 4400),
        ([b"\x00"], 4400),
        ([{"type": "start", "id": "1"}], 4400),
        ([{"type": "connection_init", "payload": {"Authorization": 7}}], 4400),
        ([{"type": "connection_init", "payload": {"Authorization": "x", "authorization": "y"}}], 4400),
        (["INIT", {"type": "subscribe", "payload": {"query": AGENTS}}], 4400),
        (["INIT", {"type": "subscribe", "id": "1"}], 4400),
        (["INIT", {"type": "subscribe", "id": "1" * 201, "payload": {"query": AGENTS}}], 4400),
        ([{"type": "subscribe", "id": "1", "payload": {"query": AGENTS}}], 4401),
        ([{"type": "connection_init"}], 4403),
        ([{"type": "connection_init", "payload": {"Authorization": "Bearer unknown"}}], 4403),
        (["INIT", *[{"type": "subscribe", "id": "1", "payload": {"query": AGENTS}}] * 2], 4409),
        (["INIT", "INIT"], 4429),
        ([], 4408),
    ],
)
async def test_whoever_breaks_the_protocol_is_told_so_by_the_code_of_the_close(
    messages: list[Any], code: int
) -> None:
    init = {"type": "connection_init", "payload": {"Authorization": f"Bearer {KEY}"}}
    async with serving_three(FRESH) as (served, _simulator), socket_of(served) as socket:
        for message in messages:
            await socket.say(init if message == "INIT" else message)
        assert (await socket.closed())[0] == code
        await until(lambda: "socket.closed" in served.logs.getvalue())
    [line] = [line for line in served.log_lines() if line["event"] == "socket.closed"]
    assert line["close_code"] == code


async def test_another_sub_protocol_is_not_spoken() -> None:
    async with serving_three() as (served, _simulator), socket_of(served, protocol="graphql-ws") as socket:
        assert await socket.closed() == (4406, "Speak graphql-transport-ws.")


async def test_headers_of_the_upgrade_are_a_credential_too_for_those_who_can_send_them() -> None:
    headers = {"Authorization": f"Bearer {READER_KEY}", "X-Tenant": "acme"}
    async with serving_three() as (served, _simulator), socket_of(served, headers=headers) as socket:
        await socket.say({"type": "connection_init"})
        assert await socket.hear() == ACK
        told = await socket.ask("1", "{ viewer { name tenant } }")
    assert told["payload"]["data"]["viewer"] == {"name": "reader", "tenant": "acme"}


async def test_a_page_of_another_origin_opens_no_socket_unless_it_is_named() -> None:
    server = ServerSettings(port=0, cors_origins=("https://board.example.com",))
    async with serving_three(server=server) as (served, _simulator):
        own = str(served.client.base_url).rstrip("/")
        for origin in (own, "https://board.example.com"):
            async with socket_of(served, headers={"Origin": origin}) as socket:
                assert await socket.begin() == ACK
        for origin in ("https://evil.example.com", "null", own.replace("127.0.0.1", "localhost")):
            with pytest.raises(InvalidStatus) as refused:
                async with socket_of(served, headers={"Origin": origin}):
                    pass
            assert refused.value.response.status_code == 403
            [error] = json.loads(refused.value.response.body)["errors"]
            assert error["extensions"]["code"] == "FORBIDDEN"
        assert "error" not in {line["level"] for line in served.log_lines()}


async def test_a_socket_takes_so_many_operations_at_a_time_and_messages_no_longer_than_a_body() -> None:
    limits = LimitSettings(max_body_bytes=3_000)
    async with serving_three(FRESH, limits=limits) as (served, _simulator), socket_of(served) as socket:
        await socket.begin()
        for number in "12":
            assert (await socket.ask(number, AGENTS))["type"] == "next"
        third = await socket.ask("3", AGENTS)
        assert (third["type"], third["payload"][0]["extensions"]["code"]) == ("error", "OVERLOADED")
        await socket.say({"type": "complete", "id": "1"})
        assert (await socket.ask("4", AGENTS))["type"] == "next"
        await socket.subscribe("5", AGENTS + " " * 5_000)
        assert (await socket.closed())[0] == 1009


async def test_nothing_of_what_a_socket_says_is_logged_at_any_level() -> None:
    async with serving_three(SLOW) as (served, _simulator), socket_of(served) as socket:
        await socket.begin()
        await socket.ask("1", AGENTS)
    logged = served.logs.getvalue()
    own = "\n".join(line for line in logged.splitlines() if '"websockets.client"' not in line)
    assert "connection_init" not in own
    assert KEY not in own
    assert "Bruno" not in own


@pytest.mark.parametrize(
    "message",
    [
        '{"type":"ping","payload":{"a":%s}}',
        '{"type":"subscribe","id":"1","payload":{"query":"{a}","variables":{"a":%s}}}',
    ],
)
async def test_a_message_that_nests_too_deeply_is_none_of_the_protocol_however_deep(message: str) -> None:
    async with serving_three() as (served, _simulator):

        async def told(depth: int) -> str:
            async with socket_of(served) as socket:
                await socket.begin()
                await socket.say(message % ("[" * depth + "]" * depth))
                return await answer_or_close(socket)

        readable, unreadable = 1, 2_000
        while unreadable - readable > 1:
            depth = (readable + unreadable) // 2
            if await told(depth) == "4400 That is no message of the protocol.":
                unreadable = depth
            else:
                readable = depth
        heard = {await told(depth) for depth in range(unreadable - 4, unreadable)}
    assert heard <= {"pong", "error", "4400 That nests too deeply."}
    assert "Traceback" not in served.logs.getvalue()


async def answer_or_close(socket: Socket) -> str:
    """The type of the next message, or with what the socket was closed instead."""
    try:
        return str((await socket.hear())["type"])
    except ConnectionClosed:
        return f"{socket.connection.close_code} {socket.connection.close_reason}"
