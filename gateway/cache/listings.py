"""The listing engine: what is held of each listing, who may have it, and when Evolux is asked again."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from msgspec.structs import replace

from gateway.cache.flights import Flight, Flights
from gateway.cache.freshness import (
    FreshnessPolicy,
    Verdict,
    is_stale,
    judge,
    may_serve_on_error,
    servable_seconds,
)
from gateway.cache.generations import Generations
from gateway.cache.observing import ReadObserver, Unobserved
from gateway.cache.sharing import Fetch, OwnWalks, Walks
from gateway.cache.store import Held, ListingKey, ListingKind, ListingStore
from gateway.domain.clock import Clock
from gateway.domain.errors import Failure, UpstreamCredentialsRejected, UpstreamUnavailable
from gateway.domain.listings import ANY_AGE, FreshnessBound, Reading, ReadSource, Snapshot
from gateway.telemetry.overhead import upstream_wait

RETRY_SECONDS: Final = 1.0
"""After a refresh that failed, the next one behind readers waits so long: a dead Evolux is not hammered."""

CONFIRM_SECONDS: Final = 1.0
"""What a write put into a listing is confirmed by a walk that readers cause from then on."""


class HeldListings:
    """Serves listings by the freshness policy; one walk at a time per listing, whoever waits for it."""

    def __init__(
        self,
        *,
        store: ListingStore,
        generations: Generations,
        clock: Clock,
        policies: Mapping[ListingKind, FreshnessPolicy],
        observer: ReadObserver | None = None,
        walks: Walks | None = None,
    ) -> None:
        self._store = store
        self._generations = generations
        self._clock = clock
        self._policies = policies
        self._observer = observer or Unobserved()
        self._walks = walks or OwnWalks(clock)
        self._flights = Flights()

    async def read(self, key: ListingKey, fetch: Fetch, *, bound: FreshnessBound = ANY_AGE) -> Reading[Any]:
        """Give the listing as the policy and the caller's bound allow; raises what `fetch` raises."""
        asked_at = self._clock.monotonic()
        held = self.peek(key)
        if held is not None:
            served = self._serve_held(key, held, fetch, bound=bound, asked_at=asked_at)
            if served is not None:
                return served
        if bound.only_if_cached:
            self._observer.reading_failed(key.kind)
            raise UpstreamUnavailable(
                "Nothing young enough is held, and only-if-cached forbids to ask Evolux."
            )
        return await self._wait(key, fetch, bound=bound, asked_at=asked_at)

    def peek(self, key: ListingKey) -> Held | None:
        """What is held, if no write came after it."""
        held = self._store.get(key)
        if held is None or held.generation != self.generation(key):
            return None
        return held

    def last_seen(self, key: ListingKey) -> Snapshot[Any] | None:
        """What was last held, even if it may not be served any more: a hint where rows stood."""
        held = self._store.get(key)
        return None if held is None else held.snapshot

    def generation(self, key: ListingKey) -> int:
        """The listing's generation now."""
        return self._generations.current(key.counter)

    async def tell_write(self, keys: Iterable[ListingKey]) -> None:
        """Tell every replica of a write, before it is `overtake`n here and its caller is answered."""
        await self._walks.advance([key.counter for key in keys])

    def overtake(self, key: ListingKey) -> int:
        """A write happened: nothing read before this instant is served again. Gives the new generation."""
        return self._generations.advance(key.counter)

    def amend(self, key: ListingKey, row: Any, *, before: Held | None, generation: int) -> None:
        """Hold `before` with a row that is known by now, for the one generation that it is known for.

        Its age stays, for the other rows are as old as they were.
        """
        if before is None or generation != self.generation(key):
            return
        amended = before._replace(
            snapshot=before.snapshot.replacing(row),
            generation=generation,
            patched_at=self._clock.monotonic(),
        )
        self._store.put(key, amended)

    async def close(self) -> None:
        """Abandon the walks under way."""
        await self._flights.close()

    def _serve_held(
        self, key: ListingKey, held: Held, fetch: Fetch, *, bound: FreshnessBound, asked_at: float
    ) -> Reading[Any] | None:
        """Serve what is held at once, refreshing behind where due; None where the caller has to wait."""
        policy = self._policies[key.kind]
        age_seconds = asked_at - held.read_at
        verdict = judge(age_seconds, policy=policy, bound=bound)
        if verdict is Verdict.WAIT:
            if held.failed_at is None or not may_serve_on_error(age_seconds, policy=policy, bound=bound):
                return None
            self._refresh_behind(key, held, fetch)
            return self._serve(key, held, source=ReadSource.STALE_IF_ERROR)
        if verdict is Verdict.SERVE_AND_REFRESH or _is_to_be_confirmed(held, now=asked_at):
            self._refresh_behind(key, held, fetch)
        stale = is_stale(age_seconds, policy=policy)
        return self._serve(key, held, source=ReadSource.STALE if stale else ReadSource.FRESH)

    async def _wait(
        self, key: ListingKey, fetch: Fetch, *, bound: FreshnessBound, asked_at: float
    ) -> Reading[Any]:
        """Wait for a walk that this caller may share, or begin one; where Evolux fails, fall back."""
        try:
            with upstream_wait():
                flight = await self._shareable_flight(key, bound=bound, asked_at=asked_at)
                reading = await (flight or self._launch(key, fetch, bound=bound)).land()
        except Failure as failure:
            fallback = self._fallback(key, bound=bound, failure=failure)
            if fallback is None:
                self._observer.reading_failed(key.kind)
                raise
            return fallback
        if not reading.snapshot.complete:
            fallback = self._fallback(key, bound=bound, failure=reading.failure)
            if fallback is not None:
                return fallback
        source = reading.source if flight is None else ReadSource.COALESCED
        self._observer.reading_served(key.kind, source, age_seconds=reading.age_seconds)
        return replace(reading, source=source)

    async def _shareable_flight(
        self, key: ListingKey, *, bound: FreshnessBound, asked_at: float
    ) -> Flight | None:
        """The walk under way that this caller may share, once those it may not share are over.

        Begun before the last write's end, or before the age that the caller accepts, a walk is not for it.
        """
        not_before = None if bound.max_age_seconds is None else asked_at - bound.max_age_seconds
        while (flight := self._flights.current(key)) is not None:
            is_current = flight.generation == self.generation(key)
            if is_current and (not_before is None or flight.started_at >= not_before):
                return flight
            if not is_current:
                return None
            await flight.settle()
        return None

    def _refresh_behind(self, key: ListingKey, held: Held, fetch: Fetch) -> None:
        flight = self._flights.current(key)
        if flight is not None and flight.generation == self.generation(key):
            return
        if held.failed_at is None or self._clock.monotonic() - held.failed_at >= RETRY_SECONDS:
            self._launch(key, fetch)

    def _launch(self, key: ListingKey, fetch: Fetch, *, bound: FreshnessBound | None = None) -> Flight:
        """Have the listing walked, or brought by a replica that did; for a caller who waits, by a bound."""
        generation = self.generation(key)
        oldest_at = self._clock.monotonic()
        if self._walks.are_shared:
            oldest_at -= servable_seconds(self._policies[key.kind], bound=bound)

        async def walk() -> Reading[Any]:
            try:
                reading = await self._walks.bring(key, fetch, oldest_at=oldest_at)
            except Failure:
                await self._take_last_good(key, generation=generation)
                self._note_failure(key)
                raise
            self._keep(key, reading, generation=generation)
            if reading.source is ReadSource.COALESCED:
                stale = is_stale(reading.age_seconds, policy=self._policies[key.kind])
                return replace(reading, stale=stale)
            return reading

        return self._flights.launch(key, walk, started_at=oldest_at, generation=generation)

    async def _take_last_good(self, key: ListingKey, *, generation: int) -> None:
        """Where nothing is held here, another replica's last listing stands in."""
        policy = self._policies[key.kind]
        if self.peek(key) is None and self._walks.are_shared:
            longest_seconds = policy.fresh_seconds + policy.stale_if_error_seconds
            reading = await self._walks.last_good(key, max_age_seconds=longest_seconds)
            if reading is not None:
                self._keep(key, reading, generation=generation)

    def _keep(self, key: ListingKey, reading: Reading[Any], *, generation: int) -> None:
        """Hold what a walk brought, unless a write overtook it or it is less whole than what is held."""
        if generation != self.generation(key):
            return
        held = self.peek(key)
        if held is not None and held.snapshot.complete and not reading.snapshot.complete:
            age_seconds = self._clock.monotonic() - held.read_at
            if may_serve_on_error(age_seconds, policy=self._policies[key.kind], bound=ANY_AGE):
                self._note_failure(key)
                return
        began_at = self._clock.monotonic() - reading.age_seconds
        self._store.put(key, Held(reading.snapshot, began_at, generation, failure=reading.failure))

    def _note_failure(self, key: ListingKey) -> None:
        held = self.peek(key)
        if held is not None:
            self._store.put(key, held._replace(failed_at=self._clock.monotonic()))

    def _fallback(
        self, key: ListingKey, *, bound: FreshnessBound, failure: Failure | None
    ) -> Reading[Any] | None:
        """The last good listing where Evolux fails; a refused token is an answer, and nothing covers it."""
        held = self.peek(key)
        if held is None or not held.snapshot.complete or isinstance(failure, UpstreamCredentialsRejected):
            return None
        age_seconds = self._clock.monotonic() - held.read_at
        if not may_serve_on_error(age_seconds, policy=self._policies[key.kind], bound=bound):
            return None
        return self._serve(key, held, source=ReadSource.STALE_IF_ERROR)

    def _serve(self, key: ListingKey, held: Held, *, source: ReadSource) -> Reading[Any]:
        age_seconds = self._clock.monotonic() - held.read_at
        self._observer.reading_served(key.kind, source, age_seconds=age_seconds)
        return Reading(
            held.snapshot,
            source,
            stale=source is not ReadSource.FRESH,
            age_seconds=age_seconds,
            failure=held.failure,
        )


def _is_to_be_confirmed(held: Held, *, now: float) -> bool:
    return held.patched_at is not None and now - held.patched_at >= CONFIRM_SECONDS
