"""Subscriptions over Server-Sent Events, on a socket."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from gateway.settings import SubscriptionSettings
from gateway.simulator.server import RunningSimulator
from gateway.simulator.world import World
from tests.served import Plan, Served, serving, token_of
from tests.streams import AGENTS, subscribed

RENAME = 'mutation { updateAgent(input: {id: "1", name: "Ana Maria"}) { agent { name } errors { code } } }'
SLOW = SubscriptionSettings(poll_seconds=600, refresh_seconds=3000, keep_alive_seconds=60)
"""Nothing comes of itself: what is seen was caused by the test."""


@asynccontextmanager
async def serving_three(
    settings: SubscriptionSettings = SLOW, **plan: object
) -> AsyncIterator[tuple[Served, RunningSimulator]]:
    world = World(token=token_of("acme"))
    for name in ("Ana", "Bruno", "Carla"):
        world.add_agent(name, login=name.lower())
    async with serving(world, plan=Plan(subscriptions=settings, **plan)) as (served, simulators):  # type: ignore[arg-type]
        yield served, simulators["acme"]


async def test_the_first_event_is_the_state_and_a_write_through_the_gateway_follows_at_once() -> None:
    async with serving_three() as (served, simulator), subscribed(served.client) as reader:
        first = await reader.next()
        walks = simulator.requests.count("/api/v1/agents")
        await served.ask(RENAME)
        second = await reader.next()
    assert reader.response.status_code == httpx.codes.OK
    assert reader.response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert reader.response.headers["cache-control"] == "no-store"
    assert reader.response.headers["x-accel-buffering"] == "no"
    assert first.changes == {
        "initial": True,
        "agents": [
            {"id": str(number), "name": name, "state": "LOGGED_OUT"}
            for number, name in enumerate(("Ana", "Bruno", "Carla"), 1)
        ],
        "left": [],
        "totalCount": 3,
        "freshness": {"stale": False, "complete": True},
    }
    assert second.changes["initial"] is False
    assert second.changes["agents"] == [{"id": "1", "name": "Ana Maria", "state": "LOGGED_OUT"}]
    assert (second.changes["left"], second.changes["totalCount"]) == ([], 3)
    assert first.id != second.id == second.result["extensions"]["eventId"]
    assert (
        simulator.requests.count("/api/v1/agents") <= walks + 1
    )  # the write's own look, no walk for readers


async def test_a_subscription_by_get_streams_and_without_the_accept_header_is_refused_in_words() -> None:
    async with serving_three() as (served, _simulator):
        headers = {"Authorization": "Bearer planted-key-of-the-board"}
        asked = {"query": AGENTS}
        refused = await served.client.get("/graphql", params=asked, headers={**headers, "Accept": "*/*"})
        accepting = {**headers, "Accept": "application/json, text/event-stream"}
        async with served.client.stream("GET", "/graphql", params=asked, headers=accepting) as response:
            assert response.status_code == httpx.codes.OK
    [error] = refused.json()["errors"]
    assert refused.status_code == httpx.codes.NOT_ACCEPTABLE
    assert "text/event-stream" in error["message"]
    assert error["extensions"]["code"] == "BAD_REQUEST"


async def test_a_query_is_an_ordinary_answer_unless_nothing_but_a_stream_is_acceptable() -> None:
    query = "{ agents { totalCount } }"
    async with serving_three() as (served, _simulator):
        both = await served.post(query, headers={"Accept": "application/json, text/event-stream"})
        alone = await served.post(query, headers={"Accept": "text/event-stream"})
        wrong = await served.post("{ nothing }", headers={"Accept": "text/event-stream"})
    assert both.json() == {"data": {"agents": {"totalCount": 3}}}
    assert alone.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert alone.text == (
        'event: next\ndata: {"data":{"agents":{"totalCount":3}}}\n\nevent: complete\ndata: \n\n'
    )
    assert wrong.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert wrong.json()["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


async def test_several_lines_of_accept_are_one_list() -> None:
    async with serving_three() as (served, _simulator):
        url, key = f"{served.client.base_url}/graphql", ("Authorization", "Bearer planted-key-of-the-board")

        async def ask(query: str, *accepted: str) -> httpx.Response:
            lines = [key, ("Content-Type", "application/json"), *(("Accept", each) for each in accepted)]
            request = httpx.Request("POST", url, headers=lines, json={"query": query})
            response = await served.client.send(request, stream=True)
            if "event-stream" not in response.headers["content-type"]:
                await response.aread()
            await response.aclose()
            return response

        answers = [
            await ask("{ agents { totalCount } }", "text/html", "application/graphql-response+json")
            for _ in range(4)  # the short way, too
        ]
        streamed = await ask(AGENTS, "application/json", "text/event-stream")
        neither = await ask("{ agents { totalCount } }", "text/html", "image/png")
    for answer in answers:
        assert answer.headers["content-type"] == "application/graphql-response+json; charset=utf-8"
        assert answer.json() == {"data": {"agents": {"totalCount": 3}}}
    assert (streamed.status_code, neither.status_code) == (httpx.codes.OK, httpx.codes.NOT_ACCEPTABLE)
