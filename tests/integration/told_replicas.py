"""Two replicas of the gateway on a real Valkey, in a time that passes only when told."""

import asyncio
import time
from collections.abc import Awaitable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

import pytest
from valkey import Valkey

from gateway.cache import valkey, valkey_link, valkey_writes
from gateway.cache.call_center import CachedCallCenter
from gateway.cache.generations import LocalGenerations
from gateway.cache.sharing import Lease, SharedHeld, SharedWalks, WalkElsewhere
from gateway.cache.store import ListingKey, ListingKind, ListingStore
from gateway.cache.valkey import ValkeyListings
from gateway.domain.call_center import CallCenter
from gateway.domain.ids import TenantId
from gateway.domain.listings import Snapshot
from gateway.domain.secrets import SecretUrl
from gateway.telemetry import events
from gateway.telemetry.incidents import IncidentLog
from tests.replicas import PATIENT, Lines, RunningValkey
from tests.unit.cache.staged import POLICY, HandClock, settle

T = TypeVar("T")

ACKNOWLEDGEMENT_SECONDS: Final = 0.25
HANDS: Final = "the hands of the clock"
"""The key of Valkey that its scripts take for its clock here, in microseconds."""


class HostClock:
    """A replica's clocks: they go as the hand does, from an origin of their own; its wall clock may jump."""

    def __init__(self, hand: HandClock, *, ahead_seconds: float) -> None:
        self._hand = hand
        self._ahead_seconds = ahead_seconds
        self.jumped_seconds = 0.0

    def monotonic(self) -> float:
        return self._hand.monotonic() + self._ahead_seconds

    def now(self) -> datetime:
        return self._hand.now() + timedelta(seconds=self.jumped_seconds)


class ToldValkey:
    """A Valkey that keeps its data when it is killed, and whose clock goes as the hand does."""

    def __init__(self, server: RunningValkey) -> None:
        self.server = server
        self.is_up = True
        self.jumped_seconds = 0.0
        self._client = Valkey(host="127.0.0.1", port=server.port)

    def set_clock(self, hand: HandClock) -> None:
        """Have Valkey's clock show what the hand does."""
        if self.is_up:
            self._client.set(HANDS, round((hand.monotonic() + self.jumped_seconds) * 1e6))

    def empty(self) -> None:
        """Begin with nothing."""
        self.jumped_seconds = 0.0
        self._client.flushall()

    def kill(self) -> None:
        """End it without a word to anybody."""
        self.is_up = False
        self._client.close()  # type: ignore[no-untyped-call]  # the package leaves it untyped
        self.server.kill()

    def start(self, hand: HandClock) -> None:
        """Start it again, with the data that it had."""
        self.server.start()
        self.is_up = True
        self.set_clock(hand)

    def close(self) -> None:
        self._client.close()  # type: ignore[no-untyped-call]  # the package leaves it untyped


@contextmanager
def told_valkey(server: RunningValkey, monkeypatch: pytest.MonkeyPatch) -> Iterator[ToldValkey]:
    """Let the scripts read the told clock, and nobody rest for long."""
    for name in ("BEGIN", "LOOK", "PUBLISH"):
        script: str = getattr(valkey, name)
        assert "redis.call('TIME')" in script
        monkeypatch.setattr(
            valkey, name, script.replace("redis.call('TIME')", f"{{0, redis.call('GET', '{HANDS}')}}")
        )
    monkeypatch.setattr(valkey_link, "_REST_SECONDS", 0.005)
    monkeypatch.setattr(valkey_link, "_MAX_REST_SECONDS", 0.05)
    monkeypatch.setattr(valkey_writes, "ACKNOWLEDGEMENT_SECONDS", ACKNOWLEDGEMENT_SECONDS)
    told = ToldValkey(server)
    try:
        yield told
    finally:
        told.close()


class CountedListings(ValkeyListings):
    """Shared listings that count their calls under way, and the writes not acknowledged in time."""

    calls = 0
    unacknowledged = 0

    async def fetch(self, key: ListingKey, *, max_age_seconds: float) -> SharedHeld | None:
        return await self._count(super().fetch(key, max_age_seconds=max_age_seconds))

    async def begin_walk(
        self, key: ListingKey, *, max_age_seconds: float
    ) -> SharedHeld | Lease | WalkElsewhere | None:
        return await self._count(super().begin_walk(key, max_age_seconds=max_age_seconds))

    async def release(self, lease: Lease) -> None:
        await self._count(super().release(lease))

    async def publish(self, lease: Lease, snapshot: Snapshot[Any]) -> bool:
        return await self._count(super().publish(lease, snapshot))

    async def advance(self, counters: Sequence[str]) -> None:
        began_at = time.monotonic()
        await self._count(super().advance(counters))
        self.unacknowledged += time.monotonic() - began_at >= ACKNOWLEDGEMENT_SECONDS

    async def _count(self, call: Awaitable[T]) -> T:
        self.calls += 1
        try:
            return await call
        finally:
            self.calls -= 1


class ToldReplica:
    """One gateway for some tenants, composed as the service composes it, with one credential for all."""

    def __init__(self, url: str, *, evolux: Mapping[TenantId, CallCenter], clock: HostClock) -> None:
        self.clock = clock
        self.log = Lines()
        self._generations = LocalGenerations()
        self._counters = [ListingKey(tenant, "", kind).counter for tenant in evolux for kind in ListingKind]
        self.shared = CountedListings(
            SecretUrl(url),
            keep_seconds=dict.fromkeys(ListingKind, POLICY.fresh_seconds + POLICY.stale_if_error_seconds),
            on_write=self._generations.advance,
            on_sync_lost=self._overtake_everything,
            incidents=IncidentLog(
                self.log,  # type: ignore[arg-type]  # as much of a log as is used
                failed=events.SHARING_FAILED,
                recovered=events.SHARING_RECOVERED,
                monotonic=clock.monotonic,
            ),
            call_seconds=PATIENT,
            monotonic=clock.monotonic,
        )
        self._walks = SharedWalks(self.shared, clock=clock)
        store = ListingStore()
        self.tenants = {
            tenant: CachedCallCenter(
                upstream,
                tenant_id=tenant,
                credential=lambda: "the same for all",
                store=store,
                generations=self._generations,
                clock=clock,
                policies=dict.fromkeys(ListingKind, POLICY),
                walks=self._walks,
            )
            for tenant, upstream in evolux.items()
        }

    async def close(self) -> None:
        for cached in self.tenants.values():
            await cached.close()
        await self._walks.close()
        await self.shared.close()

    def _overtake_everything(self) -> None:
        for counter in self._counters:
            self._generations.advance(counter)


async def all_told(replicas: Iterable[ToldReplica]) -> None:
    """Return once every replica that hears has taken in all that was told so far."""
    for replica in replicas:
        unacknowledged = -1
        while unacknowledged != replica.shared.unacknowledged:
            unacknowledged = replica.shared.unacknowledged
            await replica.shared.advance(["nobody/agents"])


async def calm(replicas: Sequence[ToldReplica]) -> None:
    """Let everything that can go on without time go on, to Valkey and back."""
    async with asyncio.timeout(4 * PATIENT):
        await settle()
        while any(replica.shared.calls for replica in replicas):
            await asyncio.sleep(0.0005)
            await settle()
