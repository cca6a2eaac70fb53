"""Listings shared through Valkey: walked by one replica, taken by the others, overtaken by any write."""

import asyncio
import secrets
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

from gateway.cache import codec
from gateway.cache.sharing import LEASE_SECONDS, Lease, SharedHeld, WalkElsewhere
from gateway.cache.store import ListingKey, ListingKind
from gateway.cache.valkey_clock import ServerClock
from gateway.cache.valkey_link import NotShared, UnexpectedAnswer, ValkeyLink
from gateway.cache.valkey_scripts import (
    BEGIN,
    EXTEND,
    LOOK,
    PUBLISH,
    RELEASE,
    clock_name,
    listing_names,
)
from gateway.cache.valkey_subscription import HEARTBEAT_SECONDS, Channels, Subscription, Write
from gateway.cache.valkey_writes import ValkeyWrites
from gateway.domain.listings import Snapshot
from gateway.domain.secrets import SecretUrl
from gateway.telemetry.incidents import IncidentLog

CALL_SECONDS: Final = 0.25
"""What a slow Valkey may cost a request, once: after it nobody waits until it answers again."""

START_SECONDS: Final = 1.0
_GENERATION_MS: Final = 24 * 3_600_000
_LEASE_MS: Final = round(LEASE_SECONDS * 1000)
_NO_LISTING: Final = -1.0


class ValkeyListings:
    """The `SharedListings` of replicas that use one Valkey.

    `on_write` is told the counters that another replica's write moves on, `on_sync_lost` that any may have
    moved on unheard. Replicas of one `group` move their counters on together without being told.
    """

    def __init__(
        self,
        url: SecretUrl,
        *,
        keep_seconds: Mapping[ListingKind, float],
        on_write: Callable[[str], object],
        on_sync_lost: Callable[[], object],
        incidents: IncidentLog,
        group: str | None = None,
        call_seconds: float = CALL_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keep_seconds = keep_seconds
        self._on_write = on_write
        self._on_sync_lost = on_sync_lost
        self._link = ValkeyLink(url, timeout_seconds=call_seconds, incidents=incidents)
        self._channels = Channels(self._link.database)
        self._writes = ValkeyWrites(self._link, channels=self._channels, group=group)
        self._monotonic = monotonic
        self._clock = ServerClock(monotonic=monotonic)
        self._link.before_use(self._settle)
        self._subscription = Subscription(
            self._link, channels=self._channels, replica=self._writes.replica, listener=self
        )
        self._watching: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._running: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to listen; returns when shared listings can be used, or after a second without."""
        self._running = [
            asyncio.create_task(self._subscription.run()),
            asyncio.create_task(self._keep_hearing_clock()),
        ]
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._subscription.began.wait()
        except TimeoutError:
            return

    async def close(self) -> None:
        """Stop listening, and close all connections."""
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)
        await self._writes.close()
        await self._link.close()

    @property
    def is_sharing(self) -> bool:
        """Whether listings are shared now: Valkey answers, writes are heard, and all own ones are told."""
        return self._link.is_well and not self._writes.are_owed

    @property
    def unchanged_seconds(self) -> float | None:
        """For how long that has been so; None where it has been since the start."""
        return self._link.unchanged_seconds

    @contextmanager
    def watch(self, key: ListingKey) -> Iterator[asyncio.Event]:
        name, landed = _name(key), asyncio.Event()
        self._watching[name].add(landed)
        try:
            yield landed
        finally:
            self._watching[name].discard(landed)
            if not self._watching[name]:
                del self._watching[name]

    async def fetch(self, key: ListingKey, *, max_age_seconds: float) -> SharedHeld | None:
        found = await self._ask(key, max_age_seconds=max_age_seconds, owner="")
        return found if isinstance(found, SharedHeld) else None

    async def begin_walk(
        self, key: ListingKey, *, max_age_seconds: float
    ) -> SharedHeld | Lease | WalkElsewhere | None:
        return await self._ask(key, max_age_seconds=max_age_seconds, owner=secrets.token_hex(8))

    async def extend(self, lease: Lease) -> bool:
        names = listing_names(lease.key, life=lease.life)
        return bool(await self._try(EXTEND, keys=[names.lease], args=[_stands(lease), _LEASE_MS]))

    async def release(self, lease: Lease) -> None:
        names = listing_names(lease.key, life=lease.life)
        announced = [self._channels.landed, _name(lease.key)]
        await self._try(RELEASE, keys=[names.lease], args=[_stands(lease), *announced])

    async def publish(self, lease: Lease, snapshot: Snapshot[Any]) -> bool:
        packed = await codec.pack(snapshot, kind=lease.key.kind)
        if packed is None or not self.is_sharing:
            await self.release(lease)
            return False
        keep_ms = round(self._keep_seconds[lease.key.kind] * 1000)
        stored = await self._try(
            PUBLISH,
            keys=[*listing_names(lease.key, life=lease.life), clock_name(life=lease.life)],
            args=[
                *(lease.generation, lease.began_at, max(1, keep_ms), packed, _stands(lease)),
                *(self._channels.landed, _name(lease.key)),
                *(self._clock.least_us(life=lease.life), _GENERATION_MS),
            ],
        )
        return bool(stored == 1)

    async def advance(self, counters: Sequence[str]) -> None:
        await self._writes.tell(counters)

    def write_told(self, write: Write) -> None:
        if self._writes.take(write):
            for counter in write.counters:
                self._on_write(counter)
        self._wake_all()

    def write_acknowledged(self, write_id: int) -> None:
        self._writes.acknowledged(write_id)

    def walk_landed(self, listing: str) -> None:
        for landed in self._watching.get(listing, ()):
            landed.set()

    def cut_off(self) -> None:
        self._wake_all()

    def sync_lost(self) -> None:
        self._on_sync_lost()
        self._wake_all()

    async def _settle(self) -> None:
        """Tell what is owed, and hear the clock; raises what hinders it."""
        await self._writes.tell_owed()
        await self.hear_clock()

    async def hear_clock(self) -> None:
        """Learn what Valkey's clock shows, and tell it where it was set back; raises what hinders it."""
        life = self._link.life
        least_us = self._clock.least_us(life=life)
        now_us = await self._link.run_now(LOOK, keys=[clock_name(life=life)], args=[least_us, _GENERATION_MS])
        if not isinstance(now_us, int):
            raise UnexpectedAnswer
        self._clock.heard(now_us, life=life)

    async def _keep_hearing_clock(self) -> None:
        """Whoever asks next may be a replica that heard nothing for long: so those who did hear stay near."""
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            if self.is_sharing:
                with suppress(Exception):  # who has something to ask finds out what is wrong
                    await self.hear_clock()

    def _wake_all(self) -> None:
        for events in self._watching.values():
            for landed in events:
                landed.set()

    async def _ask(
        self, key: ListingKey, *, max_age_seconds: float, owner: str
    ) -> SharedHeld | Lease | WalkElsewhere | None:
        """Ask for the listing, and with an `owner` for the right to walk it."""
        life, asked_at = self._link.life, self._monotonic()
        max_age_us = round(max_age_seconds * 1e6)
        limits = [_LEASE_MS, max_age_us, _GENERATION_MS, codec.MAX_PACKED_BYTES]
        found = await self._try(
            BEGIN,
            keys=[*listing_names(key, life=life), clock_name(life=life)],
            args=[secrets.token_hex(8), owner, *limits, self._clock.least_us(life=life)],
        )
        match found:
            case [b"held", int() as age_us, bytes() as packed, int() as now_us]:
                self._clock.heard(now_us, life=life)
                snapshot = await codec.unpack(packed, kind=key.kind)
                if snapshot is not None:
                    waited_seconds = self._monotonic() - asked_at
                    return SharedHeld(snapshot, age_us / 1e6 + waited_seconds)
                return await self._ask(key, max_age_seconds=_NO_LISTING, owner=owner) if owner else None
            case [b"lease", bytes() as generation, int() as began_at]:
                self._clock.heard(began_at, life=life)
                return Lease(key, owner, life, generation, began_at)
            case [b"elsewhere", bytes() as generation, int() as began_at, int() as left_ms]:
                self._clock.heard(began_at, life=life)
                unleased = Lease(key, owner, life, generation, began_at, exclusive=False)
                return WalkElsewhere(max(1, left_ms) / 1000, unleased)
            case None | [b"none"]:
                return None
            case _:
                self._link.disbelieve()
                return None

    async def _try(self, script: str, *, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Run a script; None where nothing is shared now."""
        if not self.is_sharing:
            return None
        try:
            return await self._link.run(script, keys=keys, args=args)
        except NotShared:
            return None


def _stands(lease: Lease) -> bytes:
    """How the lease stands in Valkey."""
    return lease.generation + b"/" + lease.owner.encode()


def _name(key: ListingKey) -> str:
    """The listing's name when its walk ends, in whatever life of the server."""
    return listing_names(key, life="").listing
