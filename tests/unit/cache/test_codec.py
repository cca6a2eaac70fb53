"""Snapshots travel between replicas whole, and what is not one is not there."""

import asyncio
import zlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.cache import codec
from gateway.cache.codec import CHUNK_ROWS, pack, schema_version, unpack
from gateway.cache.store import ListingKind
from gateway.domain.agents import Agent
from gateway.domain.listings import Snapshot
from tests.builders import (
    NOON,
    a_login,
    a_queue,
    a_snapshot,
    an_agent,
    an_agent_pause,
    an_allowed_pause,
    queue_ids,
)
from tests.unit.domain.populations import POOL

BRASILIA = timezone(timedelta(hours=-3))


def the_same(left: Snapshot[Any] | None, right: Snapshot[Any]) -> bool:
    return left is not None and (
        left.rows,
        left.fetched_at,
        left.version,
        left.encoded_bytes,
        left.page_rows,
        left.missing,
        left.complete,
    ) == (
        right.rows,
        right.fetched_at,
        right.version,
        right.encoded_bytes,
        right.page_rows,
        None,
        True,
    )


async def travel(snapshot: Snapshot[Any], *, kind: ListingKind) -> Snapshot[Any] | None:
    packed = await pack(snapshot, kind=kind)
    assert packed is not None
    return await unpack(packed, kind=kind)


@pytest.mark.parametrize(
    ("kind", "rows"),
    [
        (
            ListingKind.AGENTS,
            [
                an_agent(
                    1,
                    name="Conceição 🎧",
                    extension="sip/3012",
                    queue_ids=queue_ids(3, 4),
                    current_pause=an_agent_pause(max_duration_seconds=600),
                    last_pause=an_agent_pause(known=False, ended_at=NOON.astimezone(BRASILIA)),
                    last_login=a_login(),
                ),
                an_agent(2, enabled=False, archived=True, outbound_queue_name="Vendas"),
            ],
        ),
        (ListingKind.QUEUES, [a_queue(3), a_queue(4, name=None, slug=None, number=None)]),
        (ListingKind.AGENT_PAUSES, [an_allowed_pause(queue_id=3, limit_duration_seconds=60)]),
    ],
)
async def test_every_kind_of_row_arrives_as_it_left(kind: ListingKind, rows: Iterable[Any]) -> None:
    sent = a_snapshot(rows, page_rows=2)

    assert the_same(await travel(sent, kind=kind), sent)


@given(st.lists(st.sampled_from(POOL), max_size=8))
@settings(max_examples=50, deadline=None)
def test_any_population_arrives_as_it_left(agents: list[Agent]) -> None:
    sent = a_snapshot(agents)

    assert the_same(asyncio.run(travel(sent, kind=ListingKind.AGENTS)), sent)


@pytest.mark.parametrize("count", [0, 1, CHUNK_ROWS, CHUNK_ROWS + 1, 3 * CHUNK_ROWS])
async def test_listings_of_any_length_arrive_whole(count: int) -> None:
    sent = a_snapshot(an_agent(number) for number in range(1, count + 1))

    assert the_same(await travel(sent, kind=ListingKind.AGENTS), sent)


async def test_packing_and_unpacking_let_others_run_between_chunks() -> None:
    sent = a_snapshot(an_agent(number) for number in range(1, 10 * CHUNK_ROWS + 1))
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count_turns())
    packed = await pack(sent, kind=ListingKind.AGENTS)
    packing_turns = turns
    assert packed is not None
    await unpack(packed, kind=ListingKind.AGENTS)
    counting.cancel()

    assert packing_turns >= 10
    assert turns - packing_turns >= 10


async def test_a_packed_listing_is_a_fraction_of_the_encoded_one() -> None:
    sent = a_snapshot(
        an_agent(number, last_login=a_login(id=number), current_pause=an_agent_pause(id=number))
        for number in range(1, 1001)
    )
    packed = await pack(sent, kind=ListingKind.AGENTS)

    assert packed is not None
    assert len(packed) < sent.encoded_bytes / 4


async def test_rows_of_another_kind_or_another_schema_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = await pack(a_snapshot([an_agent()]), kind=ListingKind.AGENTS)
    assert packed is not None
    assert await unpack(packed, kind=ListingKind.QUEUES) is None

    monkeypatch.setattr(codec, "schema_version", lambda _kind: "of-another-release")
    assert await unpack(packed, kind=ListingKind.AGENTS) is None


@pytest.mark.parametrize(
    "changed",
    [
        msgspec.defstruct("Queue", [("id", int), ("name", str)]),
        msgspec.defstruct("Queue", [("id", int), ("title", str | None)]),
        msgspec.defstruct("Queue", [("id", str), ("name", str | None)]),
        msgspec.defstruct("Queue", [("id", int), ("name", str | None), ("slug", str | None, None)]),
        msgspec.defstruct("Queue", [("id", int), ("name", list[str | None])]),
        msgspec.defstruct("Line", [("id", int), ("name", str | None)]),
    ],
)
def test_any_change_of_a_field_is_another_schema(monkeypatch: pytest.MonkeyPatch, changed: type) -> None:
    def version_of(row: type) -> str:
        monkeypatch.setattr(codec, "_ROWS", {ListingKind.QUEUES: tuple[row, ...]})  # type: ignore[valid-type]
        return schema_version.__wrapped__(ListingKind.QUEUES)

    as_it_was = msgspec.defstruct("Queue", [("id", int), ("name", str | None)])
    again = msgspec.defstruct("Queue", [("id", int), ("name", str | None)])

    assert version_of(as_it_was) == version_of(again)
    assert version_of(changed) != version_of(as_it_was)


def repacked(packed: bytes, *, at: int, value: object) -> bytes:
    parts = msgspec.msgpack.decode(packed)
    parts[at] = value
    return msgspec.msgpack.encode(parts)


SCHEMA, FETCHED_AT, PAGE_ROWS, CONTENT, ROWS, CHUNKS = range(6)


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (SCHEMA, 7),
        (SCHEMA, "another"),
        (FETCHED_AT, "2026-03-10T15:00:00"),
        (FETCHED_AT, "yesterday"),
        (PAGE_ROWS, 0),
        (CONTENT, ["only a version"]),
        (ROWS, 2),
        (CHUNKS, []),
        (CHUNKS, [b"not compressed"]),
        (CHUNKS, [zlib.compress(b"not msgpack")]),
        (CHUNKS, [zlib.compress(msgspec.msgpack.encode([{"id": 1}]))]),
        (CHUNKS, [zlib.compress(msgspec.msgpack.encode([an_agent()]))[:-4]]),
        (CHUNKS, [zlib.compress(b"\x91" * 100_000)]),
        (CHUNKS, [zlib.compress(bytes(5 * 2**20))]),
    ],
)
async def test_a_damaged_value_is_not_there(at: int, value: object) -> None:
    packed = await pack(a_snapshot([an_agent()]), kind=ListingKind.AGENTS)
    assert packed is not None

    assert await unpack(repacked(packed, at=at, value=value), kind=ListingKind.AGENTS) is None


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_garbage_is_not_there(garbage: bytes) -> None:
    assert asyncio.run(unpack(garbage, kind=ListingKind.AGENTS)) is None


async def test_every_truncation_is_not_there() -> None:
    packed = await pack(a_snapshot([an_agent()]), kind=ListingKind.AGENTS)
    assert packed is not None

    for length in range(len(packed)):
        assert await unpack(packed[:length], kind=ListingKind.AGENTS) is None


async def test_a_listing_too_large_to_exchange_is_not_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    small = a_snapshot([an_agent(name="a")])
    packed = await pack(small, kind=ListingKind.AGENTS)
    assert packed is not None
    monkeypatch.setattr(codec, "MAX_PACKED_BYTES", len(packed))
    assert await pack(small, kind=ListingKind.AGENTS) == packed

    monkeypatch.setattr(codec, "MAX_PACKED_BYTES", len(packed) - 1)
    assert await pack(small, kind=ListingKind.AGENTS) is None
    assert await unpack(packed, kind=ListingKind.AGENTS) is None


async def test_a_chunk_too_large_to_inflate_is_not_packed() -> None:
    huge = a_snapshot([an_agent(name="a" * 5 * 2**20)])

    assert await pack(huge, kind=ListingKind.AGENTS) is None


async def test_instants_of_another_offset_arrive_as_the_same_instants() -> None:
    at = datetime(2026, 3, 10, 12, 0, tzinfo=BRASILIA)
    arrived = await travel(a_snapshot([an_agent(last_login=a_login(started_at=at))]), kind=ListingKind.AGENTS)

    assert arrived is not None
    [agent] = arrived.rows
    assert agent.last_login.started_at == at
    assert agent.last_login.started_at.tzinfo is UTC
