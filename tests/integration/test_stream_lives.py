"""How streams end and what they cost: callers who leave, who are let in no more, or who do not read."""

import asyncio
import time
from typing import Any

import msgspec

from gateway.settings import JwtSettings, LimitSettings, SubscriptionSettings
from gateway.simulator.server import RunningSimulator
from tests.integration.test_event_streams import RENAME, SLOW, serving_three
from tests.issuer import AUDIENCE, ISSUER, claims, issuing, signed
from tests.replicas import until
from tests.served import KEY, READER_KEY, Plan, Served, settings_for, token_of
from tests.sockets import socket_of
from tests.streams import AGENTS, STATES, subscribed

QUICK = SubscriptionSettings(poll_seconds=0.2, refresh_seconds=600, keep_alive_seconds=1)
AGENTS_PATH = "/api/v1/agents"


def metric(served: Served, name: str) -> dict[str, float]:
    """Values of one name on /metrics by their labels as written."""
    body, _ = served.gateway._telemetry.metrics.render()
    lines = [line.rpartition(" ") for line in body.decode().splitlines() if line.startswith(f"{name}{{")]
    return {labels.removeprefix(name): float(value) for labels, _, value in lines}


def open_streams(served: Served) -> float:
    return sum(metric(served, "gateway_subscriptions_open").values())


def settings_without(
    served: Served, simulator: RunningSimulator, *, caller: str = "", tenant: str = "acme", **plan: Any
) -> None:
    """Take a configuration up that lacks a caller, or has another tenant."""
    settings = settings_for(
        {tenant: simulator.base_url}, plan=Plan(**plan), tokens={tenant: token_of("acme")}
    )
    kept = {name: known for name, known in settings.callers.items() if name != caller}
    served.gateway.apply(msgspec.structs.replace(settings, callers=kept))


def awaits_the_end(task: asyncio.Task[Any]) -> bool:
    """Whether it is the one task for all streams, which lasts as long as the gateway."""
    return getattr(task.get_coro(), "__qualname__", "") == "StreamDesk._await_end"


async def test_a_caller_who_hangs_up_leaves_nothing_behind_and_the_last_one_ends_the_polling() -> None:
    async with serving_three(QUICK) as (served, simulator):
        before = asyncio.all_tasks()
        async with subscribed(served.client) as one, socket_of(served) as two:
            await one.next()
            await two.begin()
            assert (await two.ask("1", STATES))["type"] == "next"
            assert metric(served, "gateway_subscriptions_open") == {
                '{tenant="acme",transport="sse"}': 1,
                '{tenant="acme",transport="websocket"}': 1,
            }
        await until(lambda: open_streams(served) == 0)
        left = {task for task in asyncio.all_tasks() - before if not awaits_the_end(task)}
        if left:
            await asyncio.wait(left, timeout=20)
        assert [task for task in left if not task.done()] == []
        walks = simulator.requests.count(AGENTS_PATH)
        await asyncio.sleep(4 * QUICK.poll_seconds)
        assert simulator.requests.count(AGENTS_PATH) == walks
        assert served.gateway._live.feeds.listening == 0
        access = [line for line in served.log_lines() if line["event"] == "http.access"]
    assert [line["operation_kind"] for line in access] == ["subscription"] * 2
    assert "internal_error" not in served.logs.getvalue()


async def test_a_stream_ends_for_a_caller_who_is_gone_from_the_configuration_and_goes_on_for_others() -> None:
    async with (
        serving_three(QUICK) as (served, simulator),
        subscribed(served.client, key=READER_KEY) as reader,
        subscribed(served.client) as other,
        socket_of(served) as socket,
    ):
        await reader.next()
        await other.next()
        await socket.begin(READER_KEY)
        await socket.ask("1", AGENTS)
        settings_without(served, simulator, caller="reader", subscriptions=QUICK)
        refused, complete = await reader.next(), await reader.next()
        assert await reader.block() is None
        closed = await socket.closed()
        await served.ask(RENAME)
        assert (await other.next()).changes["agents"][0]["name"] == "Ana Maria"
    assert (refused.code, complete.kind) == ("UNAUTHENTICATED", "complete")
    assert closed[0] == 4403
    assert closed[1].startswith("UNAUTHENTICATED")


async def test_a_stream_ends_when_the_token_that_opened_it_expires() -> None:
    async with issuing() as issuer:
        jwt = JwtSettings(issuer=ISSUER, audience=AUDIENCE, jwks_url=issuer.url, leeway_seconds=0)
        async with serving_three(QUICK, jwt=jwt) as (served, _simulator):
            token = signed(claims(exp=time.time() + 1.5))
            async with subscribed(served.client, key=token) as reader, socket_of(served) as socket:
                assert (await reader.next()).changes["initial"] is True
                await socket.begin(token)
                ended, complete = await reader.next(), await reader.next()
                assert (await socket.closed())[0] == 4403
    assert (ended.code, complete.kind) == ("UNAUTHENTICATED", "complete")


async def test_a_stream_ends_with_its_tenant() -> None:
    async with (
        serving_three(QUICK) as (served, simulator),
        subscribed(served.client) as reader,
    ):
        await reader.next()
        settings_without(served, simulator, tenant="other", subscriptions=QUICK)
        ended = await reader.next()
        assert (await reader.next()).kind == "complete"
    assert ended.code in {"UNKNOWN_TENANT", "UNAUTHENTICATED"}


async def test_while_evolux_fails_the_stream_goes_on_and_says_so() -> None:
    async with serving_three(QUICK) as (served, simulator), subscribed(served.client) as reader:
        first = await reader.next()
        simulator.faults.answer(503, count=None)
        stale = await reader.next()
        simulator.world.add_agent("Davi", login="davi")
        simulator.faults.clear()
        recovered = await reader.next()
    assert first.changes["freshness"]["stale"] is False
    assert stale.changes == {
        "initial": False,
        "agents": [],
        "left": [],
        "totalCount": 3,
        "freshness": {"stale": True, "complete": True},
    }
    assert [agent["name"] for agent in recovered.changes["agents"]] == ["Davi"]
    assert recovered.changes["freshness"]["stale"] is False


async def test_where_there_is_nothing_to_show_the_reader_is_told_why_and_then_begins() -> None:
    async with serving_three(QUICK) as (served, simulator):
        simulator.faults.answer(503, count=None)
        async with subscribed(served.client) as reader:
            failed = await reader.next()
            simulator.faults.clear()
            event = await reader.next()
            while "data" not in event.result:
                event = await reader.next()
    assert failed.code == "UPSTREAM_UNAVAILABLE"
    assert failed.result["errors"][0]["extensions"]["retryable"] is True
    assert event.changes["initial"] is True


async def test_between_events_there_are_signs_of_life_and_the_age_is_told_now_and_then() -> None:
    settings = SubscriptionSettings(poll_seconds=0.5, refresh_seconds=2.5, keep_alive_seconds=1)
    async with serving_three(settings) as (served, _simulator), subscribed(served.client) as reader:
        opening = await reader.block()
        first = await reader.next()
        signs = [await reader.block()]
        while (told := await reader.block()) is not None and told.kind != "next":
            signs.append(told)
    assert opening is not None
    assert opening.fields == {"retry": "2000"}
    assert [(sign.kind, sign.comments) for sign in signs if sign is not None] == [("", [""])] * len(signs)
    assert told is not None
    assert told.changes["agents"] == []
    assert told.id == first.id


async def test_open_streams_take_no_room_from_requests() -> None:
    limits = LimitSettings(max_concurrent_requests=1)
    async with (
        serving_three(SLOW, limits=limits) as (served, _simulator),
        subscribed(served.client) as one,
        subscribed(served.client) as two,
    ):
        for reader in (one, two):
            await reader.next()
        assert (await served.ask("{ agents { totalCount } }"))["agents"]["totalCount"] == 3


async def refused(served: Served, *, key: str) -> tuple[int, str, str]:
    """Status, code and when to come again, of a subscription that is not opened."""
    async with subscribed(served.client, key=key) as reader:
        [error] = msgspec.json.decode(await reader.response.aread())["errors"]
        response = reader.response
    return response.status_code, error["extensions"]["code"], response.headers["retry-after"]


async def test_one_more_than_a_caller_or_a_tenant_may_have_is_refused_with_when_to_come_again() -> None:
    settings = msgspec.structs.replace(SLOW, max_per_caller=1, max_per_tenant=2)
    async with serving_three(settings) as (served, _simulator):
        async with subscribed(served.client) as one:
            await one.next()
            assert await refused(served, key=KEY) == (429, "RATE_LIMITED", "5")
            async with subscribed(served.client, key=READER_KEY) as two:
                await two.next()
                assert await refused(served, key=KEY) == (503, "OVERLOADED", "5")
        await until(lambda: open_streams(served) == 0)
        async with subscribed(served.client) as again:
            assert (await again.next()).changes["initial"] is True


async def test_a_slow_reader_gets_the_newest_state_in_one_event_and_no_queue() -> None:
    names = "abcdefghij"
    query = AGENTS.replace("name state", "name state " + " ".join(f"p{n}: name" for n in range(30)))
    async with serving_three(SLOW) as (served, simulator):
        for number in range(300):  # an event of 18 MB: more than the system holds for a reader
            simulator.world.add_agent(f"Agente {number} " + "x" * 2_000, login=f"agente.{number}")
        reader, writer = await asyncio.open_connection("127.0.0.1", served.client.base_url.port, limit=2**16)
        body = msgspec.json.encode({"query": query})
        head = (
            f"POST /graphql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n"
            "Accept: text/event-stream\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        await reader.readuntil(b"retry: 2000")
        async with subscribed(served.client) as quick:
            await quick.next()
            for name in names:
                await served.ask(RENAME.replace("Ana Maria", name))
                assert (await quick.next()).changes["agents"][0]["name"] == name
        sent = metric(served, "gateway_subscriptions_events_total")['{tenant="acme",transport="sse"}']
        assert sent == len(names) + 3  # of the slow one's events a second is under way, and no third is made
        whole = bytearray()
        async with asyncio.timeout(30):
            while b'"name":"j"' not in whole[-2_000:]:
                whole += await reader.read(2**16)
        last = whole[whole.rindex(b"event: next") :]
        writer.close()
    assert b'"initial":false' in last
    assert b'"name":"j"' in last
    assert not [name for name in names[1:-1] if b'"name":"%b"' % name.encode() in whole]
