"""Answers are compressed as the caller asks, and a GET whose answer the caller holds is answered by 304."""

import gzip
import json
from collections.abc import AsyncIterator, Callable, Mapping

import brotli
import httpx
import pytest
import zstandard

from gateway.settings import CacheSettings, ServerSettings
from gateway.simulator.world import World
from gateway.web import compression
from gateway.web.compression import choose_encoding
from tests.served import KEY, Plan, Served, serving, token_of

LONG = "{ agents(first: 200) { nodes { id name login state } } }"
SHORT = "{ viewer { name } }"
READ: Mapping[str, Callable[[bytes], bytes]] = {
    "zstd": lambda body: zstandard.ZstdDecompressor().decompress(body),
    "br": brotli.decompress,
    "gzip": gzip.decompress,
}


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        (b"gzip, deflate, br, zstd", "zstd"),
        (b"gzip, br", "br"),
        (b"gzip", "gzip"),
        (b"GZIP;q=1.0, br;q=0.5", "gzip"),
        (b"*", "zstd"),
        (b"zstd;q=0, *;q=0.1", "br"),
        (b"identity", None),
        (b"deflate", None),
        (b"gzip;q=0", None),
        (b"gzip;q=none", None),
        (b"", None),
    ],
)
def test_the_encoding_is_the_best_that_the_caller_takes(accepted: bytes, chosen: str | None) -> None:
    assert choose_encoding(accepted) == chosen


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async with serving(_world(), plan=Plan(cache=CacheSettings(fresh_seconds=600))) as (served, _):
        yield served


def _world() -> World:
    world = World(token=token_of("acme"))
    for number in range(200):
        world.add_agent(f"Conceição {number}", login=f"agent.{number}")
    return world


async def raw(served: Served, query: str, *, accepted: str) -> tuple[httpx.Response, bytes]:
    """An answer as it was sent."""
    headers = {"Authorization": f"Bearer {KEY}", "Accept-Encoding": accepted}
    async with served.client.stream("POST", "/graphql", json={"query": query}, headers=headers) as response:
        return response, b"".join([part async for part in response.aiter_raw()])


@pytest.mark.parametrize("encoding", ["zstd", "br", "gzip"])
async def test_a_long_answer_is_the_same_answer_compressed(served: Served, encoding: str) -> None:
    plain, body = await raw(served, LONG, accepted="identity")
    assert "content-encoding" not in plain.headers
    for _ in range(4):
        response, sent = await raw(served, LONG, accepted=encoding)
        assert response.headers["content-encoding"] == encoding
        assert int(response.headers["content-length"]) == len(sent) < len(body) / 3
        assert response.headers["vary"] == "Accept, Accept-Encoding"
        assert READ[encoding](sent) == body


async def test_a_short_answer_is_sent_as_it_is(served: Served) -> None:
    response, sent = await raw(served, SHORT, accepted="gzip")
    assert "content-encoding" not in response.headers
    assert json.loads(sent) == {"data": {"viewer": {"name": "board"}}}


async def test_the_same_bytes_are_compressed_once_for_all_from_the_second_time_on(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    compress = compression._ENCODINGS["gzip"]

    def watched(body: bytes) -> bytes:
        made.append(len(body))
        return compress(body)

    monkeypatch.setitem(compression._ENCODINGS, "gzip", watched)
    answers = {(await raw(served, LONG, accepted="gzip"))[1] for _ in range(6)}
    assert len(answers) == 1
    assert len(made) == 2


async def test_a_switch_turns_it_off() -> None:
    plan = Plan(server=ServerSettings(port=0, compression=False))
    async with serving(_world(), plan=plan) as (served, _):
        response, sent = await raw(served, LONG, accepted="gzip")
    assert "content-encoding" not in response.headers
    assert sent.startswith(b'{"data":')


async def test_rest_is_compressed_with_a_weak_etag_that_still_matches(served: Served) -> None:
    headers = {"Authorization": f"Bearer {KEY}", "Accept-Encoding": "gzip"}
    first = await served.client.get("/v1/agents?first=200", headers=headers)
    assert first.headers["content-encoding"] == "gzip"
    etag = first.headers["etag"]
    assert etag.startswith('W/"')
    again = await served.client.get("/v1/agents?first=200", headers={**headers, "If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")
    assert "Accept-Encoding" in again.headers["vary"]


async def test_a_query_by_get_is_answered_304_while_its_answer_is_the_same(served: Served) -> None:
    headers = {"Authorization": f"Bearer {KEY}", "Accept": "application/json"}

    async def get(**more: str) -> httpx.Response:
        return await served.client.get("/graphql", params={"query": LONG}, headers={**headers, **more})

    first = await get()
    for _ in range(4):  # the long way twice, then the short one
        first = await get()
        assert first.headers["cache-control"] == "private, no-cache"
        assert first.headers["vary"] == "Authorization, X-Tenant, Accept, Accept-Encoding"
        again = await get(**{"If-None-Match": f'"other", {first.headers["etag"]}'})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["vary"] == first.headers["vary"]
        assert again.headers["cache-status"] == "evolux-gateway; hit"
        assert again.headers["etag"].removeprefix("W/") == first.headers["etag"].removeprefix("W/")
    write = 'mutation { updateAgent(input: { id: "1", name: "Aline" }) { errors { code } } }'
    await served.ask(write)
    changed = await get(**{"If-None-Match": first.headers["etag"]})
    assert changed.status_code == 200
    assert changed.headers["etag"] != first.headers["etag"]


async def test_what_is_refused_has_no_etag(served: Served) -> None:
    headers = {"Authorization": f"Bearer {KEY}", "Accept": "application/json"}
    asked = {"query": '{ agent(id: "999") { id } }'}
    refused = await served.client.get("/graphql", params=asked, headers={**headers, "If-None-Match": "*"})
    assert refused.status_code == 200
    assert refused.json()["errors"][0]["extensions"]["code"] == "AGENT_NOT_FOUND"
    assert "etag" not in refused.headers
