"""Traces as a real receiver gets them: whole from the caller to each page, quiet about what is nobody's."""

import asyncio
import json
from typing import Any

import httpx
import msgspec
import pytest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.cache import listings
from gateway.cache.flights import Flight
from gateway.domain.listings import Reading
from gateway.settings import CacheSettings, LimitSettings, TelemetrySettings
from gateway.simulator.world import World
from tests.otlp import CALLER_SPAN, CALLER_TRACE, TRACEPARENT, Received, Tree, attributes_of, receiving, until
from tests.served import KEY, Plan, serving, token_of
from tests.streams import subscribed

BOARD = "query Board { agents(first: 1) { totalCount nodes { id } } }"
WITH_QUEUES = "{ agents(first: 30) { nodes { id queues { name } } } }"
APART = "{ queues { id } agents(first: 1) { totalCount } }"
LEAVE = "mutation($id: ID!) { logoffAgent(input: {agentId: $id}) { agent { state } } }"
PAGE = "GET /api/v1/agents"
OK, ERROR = 0, 2
SERVER, CLIENT = 2, 3


def crowd(agents: int) -> World:
    return World.seeded(agents, token=token_of("acme"))


def traced(received: Received, *, cache: CacheSettings | None = None, **limits: float) -> Plan:
    """Everything is sent that a caller wants traced, and nothing else."""
    telemetry = TelemetrySettings(log_format="json", otlp_endpoint=received.endpoint, sample_ratio=0.0)
    return Plan(telemetry=telemetry, cache=cache or CacheSettings(), limits=LimitSettings(**limits))  # type: ignore[arg-type]  # names and values of settings


async def test_a_cold_query_is_one_tree_from_the_callers_traceparent_to_every_page() -> None:
    async with receiving() as received:
        async with serving(crowd(130), plan=traced(received)) as (served, _):
            await served.ask(BOARD, headers=TRACEPARENT)
            lines = served.log_lines()
        await until(lambda: len(received.of()) >= 8)

    pages: Tree = {f"{PAGE} *3": {}}
    listing = {"read agents": {"walk agents": pages}}
    assert received.tree() == {"POST /graphql": {"query": {"resolve Query.agents": listing}}}
    assert len(received.spans) == 8
    [server], [operation] = received.named("POST /graphql"), received.named("query")
    [reading], [walk] = received.named("read agents"), received.named("walk agents")
    assert (server.kind, server.parent_span_id.hex()) == (SERVER, CALLER_SPAN)
    assert attributes_of(server) == {
        "http.request.method": "POST",
        "http.route": "/graphql",
        "url.scheme": "http",
        "http.response.status_code": 200,
        "gateway.tenant": "acme",
    }
    told = attributes_of(operation)
    assert len(told.pop("gateway.document.hash")) == 64
    assert told == {
        "graphql.operation.type": "query",
        "graphql.operation.name": "Board",
        "gateway.tenant": "acme",
    }
    read = attributes_of(reading)
    assert 0 < read.pop("gateway.listing.age_seconds") < 20
    assert read == {
        "gateway.tenant": "acme",
        "gateway.listing": "agents",
        "gateway.listing.outcome": "miss",
    }
    assert attributes_of(walk)["gateway.walk.outcome"] == "complete"
    assert attributes_of(walk)["gateway.walk.rows"] > 120
    attempts = [attributes_of(span) for span in received.named(PAGE)]
    assert sorted(one["gateway.page"] for one in attempts) == [1, 2, 3]
    assert {one["gateway.attempt"] for one in attempts} == {1}
    assert {one["gateway.breaker.state"] for one in attempts} == {"closed"}
    assert {one["http.response.status_code"] for one in attempts} == {200}
    assert {span.kind for span in received.named(PAGE)} == {CLIENT}
    assert {span.status.code for span in received.spans} == {OK}
    [access] = [line for line in lines if line["event"] == "http.access"]
    assert access["trace_id"] == CALLER_TRACE
    assert BOARD not in json.dumps([str(span) for span in received.spans])


@pytest.mark.parametrize("query", [WITH_QUEUES, APART], ids=["one below the other", "two roots"])
async def test_two_listings_of_one_query_are_read_each_in_its_own_span(query: str) -> None:
    async with receiving() as received:
        plan = traced(received, cache=CacheSettings(fresh_seconds=0, stale_seconds=0))
        async with serving(crowd(40), plan=plan) as (served, _):
            await served.ask(query, headers=TRACEPARENT)
        await until(lambda: bool(received.named("POST /graphql") and received.named("read queues")))

    for listing, page in (("agents", PAGE), ("queues", "GET /api/v1/queues")):
        [reading], [walk] = received.named(f"read {listing}"), received.named(f"walk {listing}")
        above = next(span for span in received.of() if span.span_id == reading.parent_span_id)
        assert above.name in {"query", "resolve Query.agents", "resolve Query.queues"}
        assert received.tree(root=reading.span_id.hex()) == {f"walk {listing}": {page: {}}}
        assert walk.parent_span_id == reading.span_id


async def test_a_hit_is_told_and_asks_nothing() -> None:
    async with receiving() as received:
        async with serving(crowd(40), plan=traced(received)) as (served, _):
            await served.ask(BOARD)
            await served.ask(BOARD, headers=TRACEPARENT)
        await until(lambda: len(received.of()) >= 3)

    assert received.tree() == {"POST /graphql": {"query": {"read agents": {}}}}
    [reading] = received.named("read agents")
    assert attributes_of(reading)["gateway.listing.outcome"] == "hit"
    assert len(received.spans) == 3


async def test_callers_who_shared_a_walk_link_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    other, joined, join = "1af7651916cd43dd8448eb211c80319c", asyncio.Event(), Flight.join

    async def tell_and_join(flight: Flight) -> Reading[Any]:
        joined.set()
        return await join(flight)

    monkeypatch.setattr(Flight, "join", tell_and_join)
    async with receiving() as received:
        async with serving(crowd(40), plan=traced(received)) as (served, simulators):
            armed = simulators["acme"].faults.hang(path="/api/v1/agents", count=1)
            first = asyncio.create_task(served.ask(BOARD, headers=TRACEPARENT))
            await armed.met()
            other_parent = {"traceparent": f"00-{other}-{CALLER_SPAN}-01"}
            second = asyncio.create_task(served.ask(BOARD, headers=other_parent))
            await joined.wait()
            simulators["acme"].faults.clear()
            await asyncio.gather(first, second)
        await until(lambda: len(received.of()) >= 5 and len(received.of(other)) >= 3)

    [walk] = received.named("walk agents")
    [began], [shared] = received.named("read agents"), received.named("read agents", trace_id=other)
    assert attributes_of(began)["gateway.listing.outcome"] == "miss"
    assert list(began.links) == []
    assert attributes_of(shared)["gateway.listing.outcome"] == "coalesced"
    [link] = shared.links
    assert (link.trace_id, link.span_id) == (walk.trace_id, walk.span_id)
    assert received.tree(other) == {"POST /graphql": {"query": {"resolve Query.agents": {"read agents": {}}}}}


async def test_a_repeated_attempt_is_a_span_of_its_own_and_only_what_failed_is_an_error() -> None:
    async with receiving() as received:
        async with serving(crowd(40), plan=traced(received, retry_wait_seconds=0.01)) as (served, simulators):
            simulators["acme"].faults.answer(503, path="/api/v1/agents", count=1)
            await served.ask(BOARD, headers=TRACEPARENT)
        await until(lambda: len(received.of()) >= 6)

    failed, repeated = received.named(PAGE)
    assert (attributes_of(failed)["gateway.attempt"], failed.status.code) == (1, ERROR)
    assert attributes_of(failed)["error.type"] == "UPSTREAM_UNAVAILABLE"
    assert attributes_of(failed)["http.response.status_code"] == 503
    assert (attributes_of(repeated)["gateway.attempt"], repeated.status.code) == (2, OK)
    assert attributes_of(repeated)["http.request.resend_count"] == 1
    assert {span.status.code for span in received.of() if span.name != PAGE} == {OK}


async def test_a_failure_marks_every_span_that_it_went_through_with_its_code() -> None:
    async with receiving() as received:
        async with serving(crowd(40), plan=traced(received, read_attempts=1)) as (served, simulators):
            simulators["acme"].faults.answer(503, path="/api/v1/agents", count=None)
            await served.fail(BOARD, headers=TRACEPARENT)
        await until(lambda: len(received.of()) >= 5)

    for name in ("query", "read agents", "walk agents", PAGE):
        [span] = received.named(name)
        assert (span.status.code, attributes_of(span)["error.type"]) == (ERROR, "UPSTREAM_UNAVAILABLE"), name
        assert list(span.events) == []
    [walk], [reading] = received.named("walk agents"), received.named("read agents")
    assert attributes_of(walk)["gateway.walk.outcome"] == "failed"
    assert attributes_of(reading)["gateway.listing.outcome"] == "error"


async def test_a_mutation_is_a_resolver_span_and_a_refusal_no_error() -> None:
    async with receiving() as received:
        async with serving(crowd(40), plan=traced(received)) as (served, simulators):
            world = simulators["acme"].world
            out = next(agent for agent in world.agents.values() if not agent.logged_in)
            await served.post(LEAVE, headers=TRACEPARENT, id=str(out.id))
        await until(lambda: bool(received.named("POST /graphql")))

    [resolver] = received.named("resolve Mutation.logoffAgent")
    assert attributes_of(resolver)["gateway.resolver"] == "Mutation.logoffAgent"
    assert all(str(out.id) != str(value) for span in received.of() for value in attributes_of(span).values())
    [operation] = received.named("mutation")
    assert attributes_of(operation)["gateway.refusal"] == "AGENT_NOT_LOGGED_IN"
    assert operation.status.code == OK


async def test_a_rest_operation_is_a_span_by_its_name_above_what_it_reads() -> None:
    async with receiving() as received:
        plan = traced(received, cache=CacheSettings(fresh_seconds=0, stale_seconds=0))
        async with serving(crowd(40), plan=plan) as (served, simulators):
            asked = {"Authorization": f"Bearer {KEY}", **TRACEPARENT}
            out = next(agent for agent in simulators["acme"].world.agents.values() if not agent.logged_in)
            found = await served.client.get(f"/v1/agents/{out.id}", headers=asked)
            refused = await served.client.post(f"/v1/agents/{out.id}/logoff", headers=asked)
        await until(lambda: len(received.named("POST /v1/agents/{id}/logoff")) == 1)

    assert (found.status_code, refused.status_code) == (200, 409)
    [operation], [server] = received.named("getAgent"), received.named("GET /v1/agents/{id}")
    assert operation.parent_span_id == server.span_id
    below = received.tree(root=operation.span_id.hex())
    assert below["read agents"] == {"walk agents": {PAGE: {}}}
    assert below.keys() == {"read agents", "read queues"}
    assert attributes_of(operation) == {"gateway.operation": "getAgent", "gateway.tenant": "acme"}
    [write] = received.named("logoffAgent")
    assert attributes_of(write) == {
        "gateway.operation": "logoffAgent",
        "gateway.tenant": "acme",
        "gateway.refusal": "AGENT_NOT_LOGGED_IN",
    }
    assert {operation.status.code, write.status.code} == {OK}
    assert str(out.id) not in {str(value) for span in received.of() for value in attributes_of(span).values()}


async def test_a_failed_rest_operation_is_marked_with_its_code() -> None:
    async with receiving() as received:
        async with serving(crowd(40), plan=traced(received, read_attempts=1)) as (served, simulators):
            simulators["acme"].faults.answer(503, path="/api/v1/agents", count=None)
            await served.client.get("/v1/agents", headers={"Authorization": f"Bearer {KEY}", **TRACEPARENT})
        await until(lambda: bool(received.named("GET /v1/agents")))

    [operation] = received.named("listAgents")
    assert (operation.status.code, attributes_of(operation)["error.type"]) == (ERROR, "UPSTREAM_UNAVAILABLE")
    assert list(operation.events) == []


async def test_an_export_is_a_span_as_long_as_its_sending() -> None:
    async with receiving() as received:
        async with serving(crowd(40), plan=traced(received)) as (served, _):
            asked = {"Authorization": f"Bearer {KEY}", **TRACEPARENT}
            answer = await served.client.get("/v1/exports/agents?format=csv", headers=asked)
        await until(lambda: bool(received.named("GET /v1/exports/agents")))

    [operation], [sending] = received.named("exportAgents"), received.named("export csv")
    assert received.tree()["GET /v1/exports/agents"].keys() == {"exportAgents", "export csv"}
    assert sending.start_time_unix_nano >= operation.end_time_unix_nano
    assert attributes_of(sending) == {
        "gateway.tenant": "acme",
        "gateway.export.format": "csv",
        "gateway.export.outcome": "whole",
        "gateway.export.bytes": len(answer.content),
    }
    assert sending.status.code == OK


async def test_an_export_that_is_left_is_no_error() -> None:
    async with receiving() as received:
        plan = traced(received, upstream_requests_per_second=10_000, upstream_burst=10_000)
        async with serving(crowd(12_000), plan=plan) as (served, _):
            asked = {"Authorization": f"Bearer {KEY}", **TRACEPARENT}
            url = "/v1/exports/agents?format=ndjson"
            async with served.client.stream("GET", url, headers=asked) as answer:
                await anext(answer.aiter_raw())
            await until(lambda: any(line["event"] == "audit.export" for line in served.log_lines()))
        await until(lambda: bool(received.named("export ndjson")))

    [sending] = received.named("export ndjson")
    told = attributes_of(sending)
    assert (told["gateway.export.outcome"], told["gateway.cancelled"]) == ("left", True)
    assert (sending.status.code, "error.type" in told) == (OK, False)


async def test_a_reading_for_subscribers_is_a_trace_of_its_own() -> None:
    async with receiving() as received:
        plan = traced(received)
        plan.telemetry = msgspec.structs.replace(plan.telemetry, sample_ratio=1.0)
        async with serving(crowd(40), plan=plan) as (served, _):
            async with subscribed(served.client, headers=TRACEPARENT) as reader:
                await reader.next()
            await until(lambda: bool(received.named("POST /graphql")))
        await until(lambda: any(span.name == "poll agents" for span in received.spans))

    [server], [operation] = received.named("POST /graphql"), received.named("subscription")
    polls = [span for span in received.spans if span.name == "poll agents"]
    first = polls[0]
    assert received.tree() == {"POST /graphql": {"subscription": {}}}
    assert server.end_time_unix_nano > operation.end_time_unix_nano
    assert (first.parent_span_id, first.trace_id.hex() == CALLER_TRACE) == (b"", False)
    walked: Tree = {"read agents": {"walk agents": {PAGE: {}}}}
    assert received.tree(first.trace_id.hex(), root=first.span_id.hex()) == walked
    assert attributes_of(first) == {"gateway.tenant": "acme", "gateway.listing": "agents"}


async def test_a_request_that_is_broken_off_is_no_error() -> None:
    async with receiving() as received:
        async with serving(crowd(40), plan=traced(received)) as (served, simulators):
            armed = simulators["acme"].faults.hang(path="/api/v1/agents", count=1)
            transport = httpx.ASGITransport(served.gateway.app())
            async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
                headers = {**TRACEPARENT, "Authorization": f"Bearer {KEY}"}
                asking = asyncio.create_task(client.post("/graphql", json={"query": BOARD}, headers=headers))
                await armed.met()
                asking.cancel()
                await asyncio.wait([asking])
            simulators["acme"].faults.clear()
            lines = served.log_lines()
        await until(lambda: bool(received.named("POST /graphql")))

    assert [line["route"] for line in lines if line["event"] == "http.caller_hung_up"] == ["/graphql"]
    assert not [line for line in lines if line["level"] == "error"]
    for name in ("POST /graphql", "query", "read agents"):
        [span] = received.named(name)
        assert (attributes_of(span)["gateway.cancelled"], span.status.code) == (True, OK), name
        assert "error.type" not in attributes_of(span)


async def test_what_no_caller_wants_traced_is_not_sent() -> None:
    async with receiving() as received:
        async with serving(crowd(40), plan=traced(received)) as (served, _):
            await served.ask(BOARD)
            lines = served.log_lines()
        assert received.spans == []
    [access] = [line for line in lines if line["event"] == "http.access"]
    assert len(access["trace_id"]) == 32
    assert KEY not in json.dumps(lines)


@pytest.mark.parametrize("is_fresh", [True, False], ids=["at once", "after all not"])
async def test_a_recognized_query_has_the_same_tree_whether_it_is_answered_at_once_or_not(
    is_fresh: bool,  # noqa: FBT001 - a parameter of the test
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start, tasks = HttpToolsProtocol._start_asgi_task, [0]

    def started(connection: HttpToolsProtocol, *parts: Any) -> None:
        tasks[0] += 1
        start(connection, *parts)

    monkeypatch.setattr(HttpToolsProtocol, "_start_asgi_task", started)
    monkeypatch.setattr(listings, "JUDGED_SECONDS", 600.0)
    cache = (
        CacheSettings(fresh_seconds=600) if is_fresh else CacheSettings(fresh_seconds=0, stale_seconds=600)
    )
    async with receiving() as received:
        async with serving(crowd(40), plan=traced(received, cache=cache)) as (served, _):
            for _ in range(4):
                await served.ask(BOARD)
            tasks[0] = 0
            await served.ask(BOARD, headers=TRACEPARENT)
            asked = tasks[0]
            lines = served.log_lines()
        await until(lambda: bool(received.named("POST /graphql")))

    [server], [operation], [reading] = map(received.named, ("POST /graphql", "query", "read agents"))
    assert server.parent_span_id.hex() == CALLER_SPAN
    assert operation.parent_span_id == server.span_id
    assert reading.parent_span_id == operation.span_id
    assert attributes_of(server) == {
        "http.request.method": "POST",
        "http.route": "/graphql",
        "url.scheme": "http",
        "http.response.status_code": 200,
        "gateway.tenant": "acme",
    }
    assert attributes_of(operation)["graphql.operation.name"] == "Board"
    assert (asked == 0) is is_fresh
    told = attributes_of(reading)
    assert told.pop("gateway.listing.age_seconds") >= 0
    assert told == {
        "gateway.tenant": "acme",
        "gateway.listing": "agents",
        "gateway.listing.outcome": "hit" if is_fresh else "stale",
    }
    assert {span.status.code for span in received.spans} == {OK}
    traced_lines = [
        line for line in lines if line["event"] == "http.access" and line["trace_id"] == CALLER_TRACE
    ]
    assert len(traced_lines) == 1
    assert len([line for line in lines if line["event"] == "http.access"]) == 5
