"""Valkey's clock is the machine's wall clock: whoever sets it back makes no listing younger."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from gateway.cache.valkey_clock import ServerClock
from gateway.domain.ids import AgentId, TenantId
from gateway.domain.listings import ReadSource
from tests.integration.told_replicas import HostClock, ToldReplica, ToldValkey, calm, told_valkey
from tests.replicas import running_valkey
from tests.unit.cache.staged import HandClock
from tests.unit.cache.told_evolux import ToldEvolux

ACME, ANA = TenantId("acme"), AgentId(1)


class Stage:
    """Replicas that begin when told, over one Evolux."""

    def __init__(self, valkey: ToldValkey) -> None:
        self.hand = HandClock()
        self.valkey = valkey
        self.evolux = ToldEvolux(ACME, clock=self.hand)
        self.replicas: list[ToldReplica] = []
        self.stack = AsyncExitStack()
        valkey.set_clock(self.hand)

    async def begin_replica(self) -> ToldReplica:
        clock = HostClock(self.hand, ahead_seconds=500.0 * len(self.replicas))
        replica = ToldReplica(self.valkey.server.url, evolux={ACME: self.evolux}, clock=clock)
        self.replicas.append(replica)
        self.stack.push_async_callback(replica.close)
        await replica.shared.start()
        return replica

    def pass_time(self, seconds: float, *, set_back_seconds: float = 0.0) -> None:
        self.hand.advance(seconds)
        self.valkey.jumped_seconds -= set_back_seconds
        self.valkey.set_clock(self.hand)


@pytest.fixture
async def stage(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    with running_valkey() as server, told_valkey(server, monkeypatch) as valkey:
        stage = Stage(valkey)
        async with stage.stack:
            yield stage


@pytest.mark.parametrize("set_back_seconds", [0, 10, 86_400])
async def test_a_listing_is_as_old_as_it_is_though_valkeys_clock_was_set_back(
    stage: Stage, set_back_seconds: float
) -> None:
    one, other = await stage.begin_replica(), await stage.begin_replica()
    await one.tenants[ACME].agents()
    await calm(stage.replicas)
    stage.pass_time(20, set_back_seconds=set_back_seconds)

    reading = await other.tenants[ACME].agents()

    assert (reading.source, reading.stale) == (ReadSource.COALESCED, True)
    assert reading.age_seconds == pytest.approx(20)
    assert stage.evolux.walks == 1


async def test_a_replica_that_begins_after_it_goes_by_what_the_others_know(stage: Stage) -> None:
    one = await stage.begin_replica()
    await one.tenants[ACME].agents()
    await calm(stage.replicas)
    stage.pass_time(20, set_back_seconds=19)
    await one.tenants[ACME].queues()
    late = await stage.begin_replica()

    reading = await late.tenants[ACME].agents()

    assert reading.source is ReadSource.COALESCED
    assert reading.age_seconds == pytest.approx(20)
    assert stage.evolux.walks == 1


async def test_after_it_was_set_back_listings_are_shared_as_before(stage: Stage) -> None:
    one, other = await stage.begin_replica(), await stage.begin_replica()
    await one.tenants[ACME].agents()
    stage.pass_time(100, set_back_seconds=3_600)
    for reader, taker in ((other, one), (one, other)):
        read = await reader.tenants[ACME].agents()
        await calm(stage.replicas)
        stage.pass_time(1)
        taken = await taker.tenants[ACME].agents()
        assert (read.source, taken.source) == (ReadSource.WALKED, ReadSource.COALESCED)
        assert taken.age_seconds == pytest.approx(1)
        stage.pass_time(100)


def test_another_life_of_the_server_has_a_clock_of_its_own() -> None:
    hand = HandClock()
    clock = ServerClock(monotonic=hand.monotonic)
    assert clock.least_us(life="first") == 0
    clock.heard(5_000_000, life="first")
    hand.advance(2)

    assert clock.least_us(life="first") == 7_000_000
    assert clock.least_us(life="second") == 0
