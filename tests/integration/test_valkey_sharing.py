"""Replicas share listings and writes through a real Valkey."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.cache import valkey_writes
from gateway.cache.freshness import FreshnessPolicy
from gateway.cache.store import ListingKind
from gateway.domain.errors import UpstreamUnavailable
from gateway.domain.ids import TenantId
from gateway.domain.listings import FreshnessBound, Reading, ReadSource, Snapshot
from tests.replicas import ACME, PATIENT, Evolux, replicas, running_valkey, until

NO_CACHE = FreshnessBound(max_age_seconds=0)


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(valkey_writes, "ACKNOWLEDGEMENT_SECONDS", PATIENT)


@pytest.fixture
def url() -> Iterator[str]:
    with running_valkey() as running:
        yield running.url


async def test_one_walk_serves_the_callers_of_four_replicas(url: str) -> None:
    evolux = Evolux()
    async with replicas(*[url] * 4, evolux=evolux) as all_four:
        evolux.hold()
        asking = [asyncio.create_task(each.read()) for each in all_four for _ in range(25)]
        await evolux.begun.wait()
        await asyncio.sleep(0.1)
        evolux.may_end.set()
        readings = await asyncio.gather(*asking)

        assert evolux.walks == 1
        assert len({reading.snapshot.version for reading in readings}) == 1
        assert [reading.source for reading in readings].count(ReadSource.WALKED) == 1
        assert [reading.source for reading in readings].count(ReadSource.COALESCED) == 99


async def test_a_listing_of_another_replica_comes_with_its_age(url: str) -> None:
    async with replicas(url, url, evolux=Evolux()) as (one, other):
        began_at = time.monotonic()
        mine = await one.read()
        await until(lambda: not one.walks._ending)
        await asyncio.sleep(0.05)
        others = await other.read()
        took_seconds = time.monotonic() - began_at

        assert one.evolux.walks == 1
        assert others.source is ReadSource.COALESCED
        assert others.snapshot.fetched_at == mine.snapshot.fetched_at
        assert 0.05 <= others.age_seconds <= took_seconds + 0.1
        assert not others.stale


async def test_a_write_is_known_to_every_replica_when_it_is_answered(url: str) -> None:
    evolux = Evolux()
    async with replicas(*[url] * 3, evolux=evolux) as (one, second, third):
        assert {await each.state() for each in (one, second, third)} == {"before"}
        walks = evolux.walks

        await one.write("after")

        assert second.told == [ACME.counter]
        assert third.told == [ACME.counter]
        assert one.told == []
        assert [await each.state() for each in (third, second, one)] == ["after"] * 3
        assert evolux.walks == walks + 1


async def test_a_write_is_known_everywhere_within_a_tenth_of_a_second(url: str) -> None:
    async with replicas(*[url] * 4, evolux=Evolux()) as (one, *others):
        took_seconds = []
        for number in range(5):
            began_at = time.monotonic()
            await one.write(f"state {number}")
            took_seconds.append(time.monotonic() - began_at)

        assert [each.told for each in others] == [[ACME.counter] * 5] * 3
        assert min(took_seconds) < 0.1


async def test_a_hundred_writes_by_turns_are_each_read_by_the_others(url: str) -> None:
    async with replicas(url, url, evolux=Evolux()) as pair:
        for number in range(100):
            writer, reader = pair[number % 2], pair[(number + 1) % 2]
            await writer.write(f"state {number}")
            assert await reader.state() == f"state {number}"


async def test_a_walk_that_another_replicas_write_overtook_is_neither_kept_nor_shared(url: str) -> None:
    evolux = Evolux()
    async with replicas(url, url, url, evolux=evolux) as (walker, writer, reader):
        evolux.hold()
        walking = asyncio.create_task(walker.read())
        await evolux.begun.wait()
        evolux.begun.clear()
        await writer.write("after")
        waiting = asyncio.create_task(reader.state())
        await evolux.begun.wait()
        evolux.may_end.set()
        await walking

        assert await waiting == "after"
        assert await walker.state() == "after"
        assert await writer.state() == "after"
        assert evolux.walks == 2


async def test_a_write_of_one_kind_or_tenant_leaves_the_others(url: str) -> None:
    evolux = Evolux()
    queues = ACME._replace(kind=ListingKind.QUEUES)
    other_tenant = ACME._replace(tenant_id=TenantId("outra"))
    async with replicas(url, url, evolux=evolux) as (one, other):
        for key in (ACME, other_tenant):
            await other.read(key)
        await one.write("after", key=queues)

        assert other.told == ["acme/queues"]
        assert await other.state(ACME) == "before"
        assert await other.state(other_tenant) == "before"
        assert evolux.walks == 2


async def test_nothing_passes_between_tenants_credentials_or_agents(url: str) -> None:
    evolux = Evolux()
    keys = [
        ACME,
        ACME._replace(tenant_id=TenantId("outra")),
        ACME._replace(credential="another"),
        ACME._replace(of_id=1),
        ACME._replace(of_id=2),
    ]
    async with replicas(url, url, evolux=evolux) as (one, other):
        for number, key in enumerate(keys):
            evolux.state = f"state {number}"
            await one.read(key)
        await until(lambda: not one.walks._ending)

        assert [await other.state(key) for key in keys] == [f"state {number}" for number in range(5)]
        assert evolux.walks == 5


async def test_a_caller_who_takes_no_cache_gets_no_older_walk_of_another_replica(url: str) -> None:
    evolux = Evolux()
    async with replicas(url, url, evolux=evolux) as (one, other):
        await one.read()
        evolux.state = "changed behind our back"

        reading = await other.read(bound=NO_CACHE)

        assert reading.snapshot.rows[0].name == "changed behind our back"
        assert reading.source is ReadSource.WALKED
        assert evolux.walks == 2


async def test_a_stale_listing_of_another_replica_is_served_at_once_and_marked(url: str) -> None:
    policy = FreshnessPolicy(fresh_seconds=0.02, stale_seconds=60)
    evolux = Evolux()
    async with replicas(url, url, evolux=evolux, policy=policy) as (one, other):
        await one.read()
        await until(lambda: not one.walks._ending)
        await asyncio.sleep(0.05)
        evolux.hold()

        reading = await other.read()
        assert (reading.source, reading.stale) == (ReadSource.COALESCED, True)
        assert (await other.read()).source is ReadSource.STALE
        await evolux.begun.wait()
        assert evolux.walks == 2
        evolux.may_end.set()


async def test_a_replica_with_nothing_serves_the_last_good_listing_while_evolux_fails(url: str) -> None:
    policy = FreshnessPolicy(fresh_seconds=0.02, stale_seconds=0, stale_if_error_seconds=60)
    evolux = Evolux()
    async with replicas(url, url, evolux=evolux, policy=policy) as (one, cold):
        await one.read()
        await until(lambda: not one.walks._ending)
        await asyncio.sleep(0.05)
        evolux.failure = UpstreamUnavailable("down")

        reading = await cold.read()

        assert (reading.source, reading.stale) == (ReadSource.STALE_IF_ERROR, True)
        assert reading.snapshot.rows[0].name == "before"
        with pytest.raises(UpstreamUnavailable):
            await cold.read(bound=NO_CACHE)


async def test_an_incomplete_listing_is_not_shared(url: str) -> None:
    evolux = Evolux()
    async with replicas(url, url, evolux=evolux) as (one, other):
        whole = (await evolux()).snapshot

        async def part_of_it() -> Reading[Any]:
            rest = Snapshot(whole.rows, fetched_at=whole.fetched_at, missing="page 2")
            return Reading(rest, ReadSource.WALKED)

        await one.listings.read(ACME, part_of_it)
        await until(lambda: not one.walks._ending)

        assert await other.shared.fetch(ACME, max_age_seconds=60) is None


async def test_many_writes_at_once_are_all_told(url: str) -> None:
    async with replicas(url, url, evolux=Evolux()) as (one, other):
        await asyncio.gather(*(one.write(f"state {number}") for number in range(50)))

        assert other.told == [ACME.counter] * 50
        assert one.log.names == []
