"""The listing engine: what is held of each listing, who may have it, and when Evolux is asked again."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from msgspec.structs import replace

from gateway.cache.covering import (
    CONFIRM_SECONDS,
    covers_at_once,
    frameless,
    is_better,
    is_to_be_read_again,
    may_be_covered,
)
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
from gateway.cache.spans import ListingSpans
from gateway.cache.store import Held, JudgedFresh, ListingKey, ListingKind, ListingStore
from gateway.domain.clock import Clock
from gateway.domain.errors import Failure, Refusal, UpstreamCredentialsRejected, UpstreamUnavailable
from gateway.domain.listings import ANY_AGE, FreshnessBound, Reading, ReadSource, Snapshot
from gateway.telemetry.requests import upstream_wait
from gateway.telemetry.spans import is_sampled
from gateway.telemetry.tracing import Tracing

RETRY_SECONDS: Final = 1.0
"""After a refresh that failed, the next one behind readers waits so long: a dead Evolux is not hammered."""


JUDGED_SECONDS: Final = 1.0
"""How long a listing that was found fresh is served without another look, at most."""


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
        tracing: Tracing | None = None,
    ) -> None:
        self._store = store
        self._generations = generations
        self._clock = clock
        self._policies = policies
        self._observer = observer or Unobserved()
        self._walks = walks or OwnWalks(clock)
        self._flights = Flights()
        self._spans = ListingSpans(tracing)

    async def read(self, key: ListingKey, fetch: Fetch, *, bound: FreshnessBound = ANY_AGE) -> Reading[Any]:
        """Give the listing as the policy and the caller's bound allow; raises what `fetch` raises."""
        if not is_sampled():
            return await self._read(key, fetch, bound=bound)
        return await self._spans.reading(key, lambda: self._read(key, fetch, bound=bound))

    def at_hand(self, key: ListingKey, fetch: Fetch, *, bound: FreshnessBound) -> Reading[Any] | None:
        """The listing as `read` gives it, where that takes no waiting."""
        held = self.peek(key)
        if held is None:
            return None
        return self._serve_held(key, held, fetch, bound=bound, asked_at=self._clock.monotonic())

    def judged_fresh(self, key: ListingKey) -> JudgedFresh | None:
        """What is held, if it is fresh, with the moment up to which it need not be judged again.

        That is not long: the store is to see which listings are in use.
        """
        held, now = self.peek(key), self._clock.monotonic()
        if held is None or held.failure is not None:
            return None
        until = min(now + JUDGED_SECONDS, held.read_at + self._policies[key.kind].fresh_seconds)
        if held.patched_at is not None:
            until = min(until, held.patched_at + CONFIRM_SECONDS)
        return JudgedFresh(key, held, key.counter, until, self._store.changes)

    def serve_judged(self, judged: JudgedFresh, *, now: float) -> Reading[Any] | None:
        """Serve it as it was judged; None where the moment is over, or something else is held by now."""
        key, held, counter, until, changes = judged
        if (
            now >= until
            or changes != self._store.changes
            or held.generation != self._generations.current(counter)
        ):
            return None
        age_seconds = now - held.read_at
        self._observer.reading_served(key.kind, ReadSource.FRESH, age_seconds=age_seconds)
        reading = Reading(held.snapshot, ReadSource.FRESH, age_seconds=age_seconds)
        if is_sampled():
            self._spans.read_at_once(key, reading)
        return reading

    async def _read(self, key: ListingKey, fetch: Fetch, *, bound: FreshnessBound) -> Reading[Any]:
        asked_at = self._clock.monotonic()
        served = self.at_hand(key, fetch, bound=bound)
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
        return held if held is not None and held.generation == self.generation(key) else None

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
        verdict = judge(age_seconds := asked_at - held.read_at, policy=policy, bound=bound)
        source = ReadSource.STALE if is_stale(age_seconds, policy=policy) else ReadSource.FRESH
        if verdict is Verdict.WAIT:
            may_cover = may_serve_on_error(age_seconds, policy=policy, bound=bound)
            if not (may_cover and covers_at_once(held, now=asked_at)):
                return None
            source = ReadSource.STALE_IF_ERROR
        is_due = verdict is not Verdict.SERVE or is_to_be_read_again(held, now=asked_at)
        if is_due and not bound.only_if_cached:
            self._refresh_behind(key, held, fetch)
        return self._serve(key, held, source=source)

    async def _wait(
        self, key: ListingKey, fetch: Fetch, *, bound: FreshnessBound, asked_at: float
    ) -> Reading[Any]:
        """Wait for a walk that this caller may share, or begin one; where Evolux fails, fall back."""
        try:
            with upstream_wait():
                oldest_at = None if bound.max_age_seconds is None else asked_at - bound.max_age_seconds
                flight = await self._flights.shareable(
                    key, generation=self.generation(key), oldest_at=oldest_at
                )
                reading = await (flight.join() if flight else self._launch(key, fetch, bound=bound).land())
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
        policy = self._policies[key.kind]
        stale = policy.fresh_seconds > 0 and is_stale(reading.age_seconds, policy=policy)
        return replace(reading, source=source, stale=stale)

    def _refresh_behind(self, key: ListingKey, held: Held, fetch: Fetch) -> None:
        if held.failed_at is not None and self._clock.monotonic() - held.failed_at < RETRY_SECONDS:
            return
        if self._flights.may_launch(key, generation=held.generation):
            self._launch(key, fetch)

    def _launch(self, key: ListingKey, fetch: Fetch, *, bound: FreshnessBound | None = None) -> Flight:
        """Have the listing walked, or brought by a replica that did; for a caller who waits, by a bound."""
        generation = self.generation(key)
        oldest_at = self._clock.monotonic()
        if self._walks.are_shared:
            oldest_at -= servable_seconds(self._policies[key.kind], bound=bound)

        spanned = self._spans.walking(key, fetch, began=lambda span: flight.note_walk(span))  # noqa: PLW0108 - it is launched below

        async def walk() -> Reading[Any]:
            try:
                reading = await self._walks.bring(key, spanned, oldest_at=oldest_at)
            except Refusal:
                self._forget(key, generation=generation)
                raise
            except Exception as error:
                await self._take_last_good(key, generation=generation)
                self._note_failure(key, error, generation=generation)
                raise
            self._keep(key, reading, generation=generation)
            return reading

        flight = self._flights.launch(key, walk, started_at=oldest_at, generation=generation)
        return flight

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
        held, failure, now = self.peek(key), frameless(reading.failure), self._clock.monotonic()
        if not reading.snapshot.complete and held is not None and self._is_better(key, held, failure):
            self._note_failure(key, failure, generation=generation)
            return
        began_at, failed_at = now - reading.age_seconds, None if failure is None else now
        if (before := self.last_seen(key)) is not None:
            reading.snapshot.inherit(before)
        brought = Held(reading.snapshot, began_at, generation, failure=failure, failed_at=failed_at)
        self._store.put(key, brought)

    def _is_better(self, key: ListingKey, held: Held, failure: Failure | None) -> bool:
        return is_better(held, failure=failure, policy=self._policies[key.kind], now=self._clock.monotonic())

    def _note_failure(self, key: ListingKey, error: Exception | None, *, generation: int) -> None:
        held = self.peek(key)
        if held is not None and held.generation == generation:
            noted = held._replace(failed_at=self._clock.monotonic(), may_cover=may_be_covered(error))
            self._store.put(key, noted)

    def _forget(self, key: ListingKey, *, generation: int) -> None:
        """Evolux has answered that there is no such listing."""
        if generation == self.generation(key):
            self._store.drop(key)

    def _fallback(
        self, key: ListingKey, *, bound: FreshnessBound, failure: Failure | None
    ) -> Reading[Any] | None:
        """The last good listing where Evolux fails; a refused token is an answer, and nothing covers it."""
        held = self.peek(key)
        is_refused = isinstance(failure, UpstreamCredentialsRejected)
        if held is None or is_refused or not self._is_better(key, held, failure):
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
