"""Single flight: however many callers want a listing, Evolux is walked once for all of them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from gateway.cache.store import ListingKey
from gateway.domain.deadlines import apart_from_caller, by_deadline
from gateway.domain.listings import Reading


class Flight:
    """A walk under way: when and in which generation it began, and its outcome when it lands."""

    def __init__(self, walk: Awaitable[Reading[Any]], *, started_at: float, generation: int) -> None:
        self.started_at = started_at
        self.generation = generation
        self._task = asyncio.ensure_future(walk)
        # Nobody may be waiting when a refresh behind a stale answer fails; the walk has recorded it.
        self._task.add_done_callback(lambda task: task.cancelled() or task.exception())

    async def land(self) -> Reading[Any]:
        """Wait for the outcome; a waiter that is cancelled or out of time leaves the flight to the others."""
        return await by_deadline(asyncio.shield(self._task))

    async def settle(self) -> None:
        """Wait for the end, whatever it is, while the waiter has time."""
        await by_deadline(asyncio.wait([self._task]))

    async def abandon(self) -> None:
        """Cancel the walk and wait until it is gone; for shutdown."""
        self._task.cancel()
        await asyncio.wait([self._task])


class Flights:
    """The walks under way, one per listing and generation."""

    def __init__(self) -> None:
        self._under_way: dict[ListingKey, Flight] = {}

    def current(self, key: ListingKey) -> Flight | None:
        """The newest walk of this listing that is under way."""
        return self._under_way.get(key)

    def launch(
        self,
        key: ListingKey,
        walk: Callable[[], Awaitable[Reading[Any]]],
        *,
        started_at: float,
        generation: int,
    ) -> Flight:
        """Begin a walk; an older one of the same listing goes on for those who wait for it."""
        with apart_from_caller():
            flight = Flight(self._fly(key, walk), started_at=started_at, generation=generation)
        self._under_way[key] = flight
        return flight

    async def _fly(self, key: ListingKey, walk: Callable[[], Awaitable[Reading[Any]]]) -> Reading[Any]:
        mine = asyncio.current_task()
        try:
            return await walk()
        finally:
            flight = self._under_way.get(key)
            if flight is not None and flight._task is mine:  # noqa: SLF001 - its own module's class
                del self._under_way[key]

    async def close(self) -> None:
        """Abandon all walks."""
        for flight in list(self._under_way.values()):
            await flight.abandon()
