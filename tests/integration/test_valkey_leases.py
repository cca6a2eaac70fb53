"""One replica walks by a lease: kept while it lives, given up where it fails, run out where it dies."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from gateway.cache import sharing, valkey, valkey_writes
from gateway.cache.sharing import Lease, WalkElsewhere
from gateway.domain.errors import UpstreamUnavailable
from gateway.domain.listings import ReadSource
from tests.builders import a_snapshot, an_agent
from tests.replicas import ACME, PATIENT, Evolux, replicas, running_valkey, until


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(valkey_writes, "ACKNOWLEDGEMENT_SECONDS", PATIENT)


@pytest.fixture
def url() -> Iterator[str]:
    with running_valkey() as running:
        yield running.url


@pytest.fixture
def short_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "LEASE_SECONDS", 1.0)
    monkeypatch.setattr(valkey, "_LEASE_MS", 1000)


async def test_the_lease_of_a_replica_that_died_runs_out_and_one_other_walks(
    url: str, short_leases: None
) -> None:
    evolux = Evolux()
    async with replicas(url, url, url, evolux=evolux) as (dead, one, other):
        assert isinstance(await dead.shared.begin_walk(ACME, max_age_seconds=1), Lease)
        began_at = time.monotonic()
        readings = await asyncio.gather(one.read(), other.read())

        assert evolux.walks == 1
        assert {reading.source for reading in readings} == {ReadSource.WALKED, ReadSource.COALESCED}
        assert 0.9 <= time.monotonic() - began_at < 3


async def test_a_long_walk_keeps_its_lease(url: str, short_leases: None) -> None:
    evolux = Evolux()
    async with replicas(url, url, evolux=evolux) as (one, other):
        evolux.hold()
        asking = [asyncio.create_task(each.read()) for each in (one, other)]
        await asyncio.sleep(2.2)
        assert evolux.walks == 1
        evolux.may_end.set()
        await asyncio.gather(*asking)

        assert evolux.walks == 1


async def test_nobody_waits_for_a_slow_replica_beyond_the_bound(url: str) -> None:
    evolux = Evolux()
    async with replicas(url, url, evolux=evolux) as (slow, one):
        one.walks._wait_seconds = 0.2
        evolux.hold()
        walking = asyncio.create_task(slow.read())
        await evolux.begun.wait()
        evolux.begun.clear()
        waiting = asyncio.create_task(one.read())
        await evolux.begun.wait()
        assert evolux.walks == 2
        evolux.may_end.set()
        assert (await waiting).source is ReadSource.WALKED
        await walking
        await until(lambda: not slow.walks._ending and not one.walks._ending)

        assert (await slow.shared.fetch(ACME, max_age_seconds=60)) is not None


async def test_a_walk_that_fails_lets_the_next_replica_try_at_once(url: str) -> None:
    evolux = Evolux()
    async with replicas(url, url, evolux=evolux) as (one, other):
        evolux.hold()
        evolux.failure = UpstreamUnavailable("down")
        failing = asyncio.create_task(one.read())
        await evolux.begun.wait()
        waiting = asyncio.create_task(other.read())
        await asyncio.sleep(0.05)
        began_at = time.monotonic()
        evolux.may_end.set()
        with pytest.raises(UpstreamUnavailable):
            await failing
        with pytest.raises(UpstreamUnavailable):
            await waiting

        assert evolux.walks == 2
        assert time.monotonic() - began_at < 1


async def test_a_lease_from_before_a_write_keeps_nobody_from_walking(url: str) -> None:
    evolux = Evolux()
    async with replicas(url, url, evolux=evolux) as (overtaken, other):
        assert isinstance(await overtaken.shared.begin_walk(ACME, max_age_seconds=1), Lease)
        await other.write("after")
        began_at = time.monotonic()

        assert await other.state() == "after"
        assert time.monotonic() - began_at < 1


async def test_who_waits_for_a_walk_that_a_write_overtook_waits_no_longer(url: str) -> None:
    evolux = Evolux()
    async with replicas(url, url, url, evolux=evolux) as (walker, waiter, writer):
        evolux.hold()
        walking = asyncio.create_task(walker.read())
        await evolux.begun.wait()
        evolux.begun.clear()
        waiting = asyncio.create_task(waiter.read())
        await until(lambda: waiter.shared._watching)
        assert evolux.walks == 1
        await writer.write("after")
        await evolux.begun.wait()
        evolux.may_end.set()

        assert (await waiting).snapshot.rows[0].name == "after"
        assert (await walking).snapshot.rows[0].name == "before"
        assert await walker.state() == "after"


async def test_an_overtaken_walk_does_not_replace_what_a_later_one_shared(url: str) -> None:
    async with replicas(url, url, evolux=Evolux()) as (one, other):
        before = await one.shared.begin_walk(ACME, max_age_seconds=1)
        await other.write("after")
        after = await other.shared.begin_walk(ACME, max_age_seconds=1)
        assert isinstance(before, Lease)
        assert isinstance(after, Lease)

        assert await other.shared.publish(after, a_snapshot([an_agent(name="after")]))
        assert not await one.shared.publish(before, a_snapshot([an_agent(name="before")]))
        held = await one.shared.fetch(ACME, max_age_seconds=60)
        assert held is not None
        assert held.snapshot.rows[0].name == "after"


async def test_a_slow_walk_does_not_replace_what_one_begun_later_shared(url: str) -> None:
    async with replicas(url, url, evolux=Evolux()) as (one, other):
        earlier = await one.shared.begin_walk(ACME, max_age_seconds=1)
        later = await other.shared.begin_walk(ACME, max_age_seconds=1)
        assert isinstance(earlier, Lease)
        assert isinstance(later, WalkElsewhere)

        assert await other.shared.publish(later.unleased, a_snapshot([an_agent(name="later")]))
        assert not await one.shared.publish(earlier, a_snapshot([an_agent(name="earlier")]))
        held = await one.shared.fetch(ACME, max_age_seconds=60)
        assert held is not None
        assert held.snapshot.rows[0].name == "later"


async def test_a_caller_who_hangs_up_leaves_no_lease_and_no_incident(url: str) -> None:
    evolux = Evolux()
    async with replicas(url, url, evolux=evolux) as (one, other):
        evolux.hold()
        asking = asyncio.create_task(one.read())
        await evolux.begun.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        waiting = asyncio.create_task(other.read())
        evolux.may_end.set()

        assert (await waiting).source is ReadSource.COALESCED
        assert evolux.walks == 1
        assert one.log.names == other.log.names == []


async def test_a_replica_that_closes_while_it_walks_gives_its_lease_up(url: str) -> None:
    evolux = Evolux()
    async with replicas(url, evolux=evolux) as (other,):
        async with replicas(url, evolux=evolux) as (one,):
            evolux.hold()
            asking = asyncio.create_task(one.read())
            await evolux.begun.wait()
        with pytest.raises(Exception, match=r"stopping|given up"):
            await asking
        evolux.may_end.set()
        began_at = time.monotonic()

        assert await other.state() == "before"
        assert time.monotonic() - began_at < 1
        assert evolux.walks == 2
