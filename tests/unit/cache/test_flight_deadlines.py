"""Who waits for a shared walk waits by its own deadline; the walk goes on by its own."""

import asyncio
from datetime import UTC, datetime

import pytest

from gateway.cache.flights import Flights
from gateway.cache.store import ListingKey, ListingKind
from gateway.domain.deadlines import Deadline, current_deadline, one_deadline
from gateway.domain.errors import UpstreamTimeout
from gateway.domain.ids import TenantId
from gateway.domain.listings import Reading, ReadSource, Snapshot

KEY = ListingKey(TenantId("acme"), "credential", ListingKind.QUEUES)
READING: Reading[object] = Reading(
    Snapshot((), fetched_at=datetime(2026, 11, 20, tzinfo=UTC)), ReadSource.WALKED
)


class Walk:
    """A walk that lands when the test says so."""

    def __init__(self) -> None:
        self.landed = asyncio.Event()
        self.deadline: Deadline | None = None

    async def __call__(self) -> Reading[object]:
        self.deadline = current_deadline()
        await self.landed.wait()
        return READING


async def test_a_walk_outlives_the_deadline_of_the_caller_who_began_it() -> None:
    walk, flights = Walk(), Flights()
    with one_deadline(0.01):
        flight = flights.launch(KEY, walk, started_at=0.0, generation=0)
        with pytest.raises(UpstreamTimeout):
            await flight.land()
    assert walk.deadline is None

    with one_deadline(5.0):
        second = asyncio.create_task(flight.land())
    walk.landed.set()

    assert await second is READING


async def test_who_waits_for_an_older_walk_to_end_waits_no_longer_than_its_deadline() -> None:
    walk, flights = Walk(), Flights()
    flight = flights.launch(KEY, walk, started_at=0.0, generation=0)

    with one_deadline(0.01), pytest.raises(UpstreamTimeout):
        await flight.settle()

    assert flights.current(KEY) is flight
    await flights.close()
