"""Single flight: however many callers want a listing, Evolux is walked once for all of them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from opentelemetry.trace import SpanContext

from gateway.cache.store import ListingKey
from gateway.domain.deadlines import apart_from_caller, by_deadline
from gateway.domain.errors import GatewayError, UpstreamUnavailable
from gateway.domain.listings import Reading
from gateway.telemetry.spans import link_current_span

Outcome = asyncio.Future[Reading[Any]]


class Flight:
    """A walk under way: when and in which generation it began, and its outcome when it lands."""

    def __init__(
        self, walk: Awaitable[Reading[Any]], *, started_at: float, generation: int, is_heir: bool
    ) -> None:
        self.started_at = started_at
        self.generation = generation
        self._walk_span: SpanContext | None = None
        self._heir: Flight | None = None
        self.may_be_replaced = not is_heir
        """A walk that replaced another is not replaced itself: steady writes would starve all who wait."""
        self.task = asyncio.ensure_future(walk)
        self._outcome: Outcome = asyncio.get_running_loop().create_future()
        self.task.add_done_callback(self._take)

    async def land(self) -> Reading[Any]:
        """Wait for the outcome; a waiter that is cancelled or out of time leaves the flight to the others."""
        return await by_deadline(asyncio.shield(self._outcome))

    async def join(self) -> Reading[Any]:
        """`land` for one who did not begin the walk: its span links to the walk that serves it."""
        try:
            return await self.land()
        finally:
            link_current_span(self.walk_span)

    @property
    def walk_span(self) -> SpanContext | None:
        """The span of the walk whose outcome this is; None where it is not traced."""
        return self._walk_span if self._heir is None else self._heir.walk_span

    def note_walk(self, span: SpanContext | None) -> None:
        """The walk has begun."""
        self._walk_span = span

    async def settle(self) -> None:
        """Wait for the end, whatever it is, while the waiter has time."""
        await by_deadline(asyncio.wait([self._outcome]))

    def give_way_to(self, heir: "Flight") -> None:
        """End this walk; those who wait for it get what the newer one brings."""
        self._heir = heir
        self.task.remove_done_callback(self._take)
        self.task.cancel()
        heir._outcome.add_done_callback(self._take)  # noqa: SLF001 - another of its own class

    def _take(self, ended: Outcome) -> None:
        """A walk that was cut off, as at shutdown, is an error to those who wait, not their cancellation."""
        if ended.cancelled():
            self._fail(UpstreamUnavailable("The walk was given up: this part of the gateway is stopping."))
        elif (error := ended.exception()) is not None:
            self._fail(error)
        else:
            self._outcome.set_result(ended.result())

    def _fail(self, error: BaseException) -> None:
        self._outcome.set_exception(error)
        if isinstance(error, GatewayError):
            # Nobody may wait for a refresh behind, which has noted it; asyncio reports what is ours alone.
            self._outcome.exception()


class Flights:
    """The walks under way, one per listing."""

    def __init__(self) -> None:
        self._under_way: dict[ListingKey, Flight] = {}
        self._tasks: set[asyncio.Future[Reading[Any]]] = set()

    def current(self, key: ListingKey) -> Flight | None:
        """The walk of this listing that is under way."""
        return self._under_way.get(key)

    async def shareable(self, key: ListingKey, *, generation: int, oldest_at: float | None) -> Flight | None:
        """The walk that a caller may share who wants this generation, begun at `oldest_at` or later.

        None: the caller is to launch one. A walk that it can neither share nor replace is awaited.
        """
        while (flight := self.current(key)) is not None:
            is_overtaken = flight.generation < generation
            if not is_overtaken and (oldest_at is None or flight.started_at >= oldest_at):
                return flight
            if is_overtaken and flight.may_be_replaced:
                return None
            await flight.settle()
        return None

    def may_launch(self, key: ListingKey, *, generation: int) -> bool:
        """Whether no walk is under way, or one that a write has overtaken and that may be replaced."""
        flight = self.current(key)
        return flight is None or (flight.generation < generation and flight.may_be_replaced)

    def launch(
        self,
        key: ListingKey,
        walk: Callable[[], Awaitable[Reading[Any]]],
        *,
        started_at: float,
        generation: int,
    ) -> Flight:
        """Begin a walk; one that is under way gives way to it."""
        before = self._under_way.get(key)
        with apart_from_caller():
            flight = Flight(walk(), started_at=started_at, generation=generation, is_heir=before is not None)
        self._under_way[key] = flight
        self._tasks.add(flight.task)
        flight.task.add_done_callback(lambda task: self._landed(key, task))
        if before is not None:
            before.give_way_to(flight)
        return flight

    async def close(self) -> None:
        """Abandon all walks, and wait until they are gone."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _landed(self, key: ListingKey, task: "asyncio.Future[Reading[Any]]") -> None:
        self._tasks.discard(task)
        flight = self._under_way.get(key)
        if flight is not None and flight.task is task:
            del self._under_way[key]
