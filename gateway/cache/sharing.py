"""Many replicas, one walk: the port to what replicas share, and how a walk is done for all of them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Any, Final, NamedTuple, Protocol

from msgspec.structs import replace

from gateway.cache.store import ListingKey
from gateway.domain.clock import Clock
from gateway.domain.listings import Reading, ReadSource, Snapshot

Fetch = Callable[[], Awaitable[Reading[Any]]]

LEASE_SECONDS: Final = 3.0
"""How long the others wait for a replica that died while it walked."""

EXTENSIONS_PER_LEASE: Final = 3


class SharedHeld(NamedTuple):
    """A snapshot that another replica read.

    `age_seconds` is how long before the asking its walk began, at least: by the clock of what is shared, so
    that replicas whose clocks disagree agree on it.
    """

    snapshot: Snapshot[Any]
    age_seconds: float


class Lease(NamedTuple):
    """The right to walk a listing: for everybody, or where not `exclusive` beside somebody who is slow.

    `life`, `generation` and `began_at` are of the shared place, taken before the walk's first request: they
    decide whether its result may be shared, and how old it is.
    """

    key: ListingKey
    owner: str
    life: str
    generation: bytes
    began_at: int
    exclusive: bool = True


class WalkElsewhere(NamedTuple):
    """Another replica walks this listing; unless it extends its lease, that runs out in `lease_seconds`."""

    lease_seconds: float
    unleased: Lease


class SharedListings(Protocol):
    """What replicas share. Nothing here raises or takes long: where it fails there is nothing shared."""

    @property
    def is_sharing(self) -> bool:
        """Whether anything is shared now."""
        ...

    def watch(self, key: ListingKey) -> AbstractContextManager[asyncio.Event]:
        """An event that is set when there is no more reason to wait for another replica's walk."""
        ...

    async def fetch(self, key: ListingKey, *, max_age_seconds: float) -> SharedHeld | None:
        """The listing that another replica read, if no write came after it and it is young enough."""
        ...

    async def begin_walk(
        self, key: ListingKey, *, max_age_seconds: float
    ) -> SharedHeld | Lease | WalkElsewhere | None:
        """The listing where it is there, else the right to walk it, or who has that; None: not shared."""
        ...

    async def extend(self, lease: Lease) -> bool:
        """Keep the lease while the walk goes on; False where it is lost."""
        ...

    async def release(self, lease: Lease) -> None:
        """Give the lease up without a listing, and tell those who wait."""
        ...

    async def publish(self, lease: Lease, snapshot: Snapshot[Any]) -> bool:
        """Share what the walk brought unless a write overtook it; give the lease up, tell those who wait."""
        ...

    async def advance(self, counters: Sequence[str]) -> None:
        """A write happened: returns when every replica knows, or after a short while.

        A write that cannot be told is remembered, and told before anything shared is used again.
        """
        ...


class Walks(Protocol):
    """How listings are walked: by this replica alone, or by one for all."""

    @property
    def are_shared(self) -> bool:
        """Whether another replica's walk may be brought instead."""
        ...

    async def bring(self, key: ListingKey, fetch: Fetch, *, oldest_at: float) -> Reading[Any]:
        """Give a listing whose walk began at the monotonic instant `oldest_at` or later, with its age.

        Another replica's is COALESCED; what `fetch` raises is passed on.
        """
        ...

    async def last_good(self, key: ListingKey, *, max_age_seconds: float) -> Reading[Any] | None:
        """What another replica read last: for one that has nothing while Evolux fails."""
        ...

    async def advance(self, counters: Sequence[str]) -> None:
        """Tell every replica of a write, before its caller is answered."""
        ...


class OwnWalks:
    """Walks of a replica that shares nothing."""

    are_shared = False

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def bring(self, key: ListingKey, fetch: Fetch, *, oldest_at: float) -> Reading[Any]:  # noqa: ARG002 - every walk of one's own is young enough
        began_at = self._clock.monotonic()
        reading = await fetch()
        return replace(reading, age_seconds=self._clock.monotonic() - began_at)

    async def last_good(self, key: ListingKey, *, max_age_seconds: float) -> Reading[Any] | None:
        """Nothing."""

    async def advance(self, counters: Sequence[str]) -> None:
        """Nothing."""


class SharedWalks:
    """Walks listings so that of all replicas one asks Evolux, and the others take what it brought.

    Nobody waits for another replica longer than `wait_seconds`, or than its lease once it has died.
    """

    def __init__(self, shared: SharedListings, *, clock: Clock, wait_seconds: float = 15.0) -> None:
        self._shared = shared
        self._own = OwnWalks(clock)
        self._clock = clock
        self._wait_seconds = wait_seconds
        self._ending: set[asyncio.Task[None]] = set()

    @property
    def are_shared(self) -> bool:
        return self._shared.is_sharing

    async def bring(self, key: ListingKey, fetch: Fetch, *, oldest_at: float) -> Reading[Any]:
        give_up_at = self._clock.monotonic() + self._wait_seconds
        while True:
            with self._shared.watch(key) as landed:
                found = await self._shared.begin_walk(
                    key, max_age_seconds=max(0.0, self._clock.monotonic() - oldest_at)
                )
                if isinstance(found, SharedHeld):
                    return _of_another(found)
                if isinstance(found, Lease):
                    return await self._walk(found, fetch)
                if found is None:
                    return await self._own.bring(key, fetch, oldest_at=oldest_at)
                left_seconds = give_up_at - self._clock.monotonic()
                if left_seconds <= 0:
                    return await self._walk(found.unleased, fetch)
                await _within(landed.wait(), seconds=min(left_seconds, found.lease_seconds))

    async def last_good(self, key: ListingKey, *, max_age_seconds: float) -> Reading[Any] | None:
        found = await self._shared.fetch(key, max_age_seconds=max_age_seconds)
        return None if found is None else _of_another(found)

    async def advance(self, counters: Sequence[str]) -> None:
        await self._shared.advance(counters)

    async def close(self) -> None:
        """Let what is being published be published."""
        if self._ending:
            await asyncio.wait(self._ending)

    async def _walk(self, lease: Lease, fetch: Fetch) -> Reading[Any]:
        """Walk, and share what came of it; those who wait here do not wait until the others have it too."""
        extending = asyncio.create_task(self._extend(lease))
        try:
            reading = await self._own.bring(lease.key, fetch, oldest_at=0.0)
        except BaseException:
            await self._end(lease, extending=extending)
            raise
        snapshot = reading.snapshot if reading.snapshot.complete else None
        task = asyncio.create_task(self._end(lease, extending=extending, snapshot=snapshot))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
        return reading

    async def _extend(self, lease: Lease) -> None:
        while lease.exclusive:
            await asyncio.sleep(LEASE_SECONDS / EXTENSIONS_PER_LEASE)
            if not await self._shared.extend(lease):
                return

    async def _end(
        self, lease: Lease, *, extending: "asyncio.Task[None]", snapshot: Snapshot[Any] | None = None
    ) -> None:
        try:
            if snapshot is not None:
                await self._shared.publish(lease, snapshot)
            elif lease.exclusive:
                await self._shared.release(lease)
        finally:
            extending.cancel()


def _of_another(found: SharedHeld) -> Reading[Any]:
    return Reading(found.snapshot, ReadSource.COALESCED, age_seconds=found.age_seconds)


async def _within(waiting: Awaitable[object], *, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await waiting
