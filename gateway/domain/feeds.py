"""The feeds of a process: one for each tenant that somebody listens to, kept a while after they left."""

import asyncio
from collections.abc import Callable

from gateway.domain.clock import Clock
from gateway.domain.feed import Feed, FeedObserver, Pace, Read, SharedChanges
from gateway.domain.ids import TenantId


class Feeds:
    """The feeds of a process, each kept for a while after its last listener has left."""

    def __init__(
        self,
        *,
        read_of: Callable[[TenantId], Read],
        pace: Pace,
        clock: Clock,
        observer: FeedObserver,
        shared: SharedChanges | None = None,
    ) -> None:
        self._read_of = read_of
        self._pace = pace
        self._clock = clock
        self._observer = observer
        self._shared = shared
        self._feeds: dict[TenantId, Feed] = {}
        self._leaving: dict[TenantId, asyncio.TimerHandle] = {}

    def of(self, tenant_id: TenantId) -> Feed:
        """The tenant's feed."""
        feed = self._feeds.get(tenant_id)
        if feed is None:
            feed = self._feeds[tenant_id] = Feed(
                tenant_id,
                read=self._read_of(tenant_id),
                pace=self._pace,
                clock=self._clock,
                observer=self._observer,
                shared=self._shared,
            )
        leaving = self._leaving.pop(tenant_id, None)
        if leaving is not None:
            leaving.cancel()
        return feed

    def left(self, tenant_id: TenantId) -> None:
        """Somebody has left: a feed that nobody comes back to is forgotten."""
        feed = self._feeds.get(tenant_id)
        if feed is not None and not feed.listeners and tenant_id not in self._leaving:
            loop = asyncio.get_running_loop()
            self._leaving[tenant_id] = loop.call_later(self._pace.resume_seconds, self._forget, tenant_id)

    def hear(self, tenant_id: TenantId, *, is_held: bool) -> None:
        """As `Feed.hear`, for a feed that somebody listens to."""
        feed = self._feeds.get(tenant_id)
        if feed is not None and feed.listeners:
            feed.hear(is_held=is_held)

    @property
    def listening(self) -> int:
        """How many feeds somebody listens to."""
        return sum(feed.listeners > 0 for feed in self._feeds.values())

    async def close(self) -> None:
        """End all of them."""
        for leaving in self._leaving.values():
            leaving.cancel()
        await asyncio.gather(*(feed.close() for feed in self._feeds.values()))

    def _forget(self, tenant_id: TenantId) -> None:
        self._leaving.pop(tenant_id, None)
        feed = self._feeds.get(tenant_id)
        if feed is not None and not feed.listeners:
            del self._feeds[tenant_id]
