"""Many replicas, one walk: the port to what replicas share, and how a walk is done for all of them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, NamedTuple, Protocol

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


class SharedWalks:
    """Walks listings so that of all replicas one asks Evolux, and the others take what it brought.

    Nobody waits for another replica longer than `wait_seconds`, or than its lease once it has died.
    """

    def __init__(self, shared: SharedListings, *, clock: Clock, wait_seconds: float = 15.0) -> None:
        self._shared = shared
        self._clock = clock
        self._wait_seconds = wait_seconds
        self._publishing: set[asyncio.Task[bool]] = set()

    async def bring(self, key: ListingKey, fetch: Fetch, *, oldest_at: float) -> Reading[Any]:
        """Give a listing whose walk began at the monotonic instant `oldest_at` or later.

        Another replica's is COALESCED, with its age; what `fetch` gave or raised is passed on.
        """
        give_up_at = self._clock.monotonic() + self._wait_seconds
        while True:
            with self._shared.watch(key) as landed:
                found = await self._shared.begin_walk(
                    key, max_age_seconds=max(0.0, self._clock.monotonic() - oldest_at)
                )
                if isinstance(found, SharedHeld):
                    return Reading(found.snapshot, ReadSource.COALESCED, age_seconds=found.age_seconds)
                if isinstance(found, Lease):
                    return await self._walk(found, fetch)
                if found is None:
                    return await fetch()
                left_seconds = give_up_at - self._clock.monotonic()
                if left_seconds <= 0:
                    return await self._walk(found.unleased, fetch)
                await _within(landed.wait(), seconds=min(left_seconds, found.lease_seconds))

    async def last_good(self, key: ListingKey, *, max_age_seconds: float) -> SharedHeld | None:
        """What another replica read last: for one that has nothing while Evolux fails."""
        return await self._shared.fetch(key, max_age_seconds=max_age_seconds)

    async def advance(self, counters: Sequence[str]) -> None:
        """Tell every replica of a write, before its caller is answered."""
        await self._shared.advance(counters)

    async def close(self) -> None:
        """Let what is being published be published."""
        if self._publishing:
            await asyncio.wait(self._publishing)

    async def _walk(self, lease: Lease, fetch: Fetch) -> Reading[Any]:
        extending = asyncio.create_task(self._extend(lease)) if lease.exclusive else None
        is_shared = False
        try:
            reading = await fetch()
            is_shared = reading.snapshot.complete
        finally:
            if extending is not None:
                extending.cancel()
            if lease.exclusive and not is_shared:
                await self._shared.release(lease)
        if is_shared:
            self._publish_behind(lease, reading.snapshot)
        return reading

    async def _extend(self, lease: Lease) -> None:
        while True:
            await asyncio.sleep(LEASE_SECONDS / EXTENSIONS_PER_LEASE)
            if not await self._shared.extend(lease):
                return

    def _publish_behind(self, lease: Lease, snapshot: Snapshot[Any]) -> None:
        """Those who wait here need not wait until the others have it too."""
        task = asyncio.create_task(self._shared.publish(lease, snapshot))
        self._publishing.add(task)
        task.add_done_callback(self._publishing.discard)


async def _within(waiting: Awaitable[object], *, seconds: float) -> None:
    try:
        await asyncio.wait_for(waiting, seconds)
    except TimeoutError:
        return
