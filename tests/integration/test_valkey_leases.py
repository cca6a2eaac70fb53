"""One replica walks by a lease: kept while it lives, given up where it fails, run out where it dies."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from gateway.cache import sharing, valkey
from gateway.cache.sharing import Lease
from gateway.domain.errors import UpstreamUnavailable
from gateway.domain.listings import ReadSource
from tests.replicas import ACME, Evolux, replicas, running_valkey, until


@pytest.fixture
def url() -> Iterator[str]:
    with running_valkey() as running:
        yield running.url


@pytest.fixture
def short_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "LEASE_SECONDS", 0.3)
    monkeypatch.setattr(valkey, "_LEASE_MS", 300)


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
        assert 0.25 <= time.monotonic() - began_at < 2


async def test_a_long_walk_keeps_its_lease(url: str, short_leases: None) -> None:
    evolux = Evolux()
    async with replicas(url, url, evolux=evolux) as (one, other):
        evolux.hold()
        asking = [asyncio.create_task(each.read()) for each in (one, other)]
        await asyncio.sleep(1.0)
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
