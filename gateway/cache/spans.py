"""Spans of readings and walks, where a trace is sampled; elsewhere they cost one question."""

from collections.abc import Awaitable, Callable
from typing import Any

from opentelemetry.trace import SpanContext

from gateway.cache.sharing import Fetch
from gateway.cache.store import ListingKey
from gateway.domain.listings import Reading
from gateway.telemetry import names
from gateway.telemetry.labels import ListingOutcome, WalkOutcome
from gateway.telemetry.spans import OpenSpan, is_sampled
from gateway.telemetry.tracing import Tracing


class ListingSpans:
    """Opens them for one tenant's listings; without a `tracing` there are none."""

    def __init__(self, tracing: Tracing | None) -> None:
        self._tracing = tracing

    async def reading(self, key: ListingKey, read: Callable[[], Awaitable[Reading[Any]]]) -> Reading[Any]:
        """Read within a span that says what was decided, and how old the listing was."""
        if self._tracing is None or not is_sampled():
            return await read()
        with self._tracing.listing_span(key.tenant_id, listing=key.kind.value) as span:
            try:
                reading = await read()
            except Exception:
                span.note(names.LISTING_OUTCOME, ListingOutcome.ERROR.value)
                raise
            span.note(names.LISTING_OUTCOME, ListingOutcome.of(reading.source).value)
            span.note(names.LISTING_AGE, reading.age_seconds)
            return reading

    def read_at_once(self, key: ListingKey, reading: Reading[Any]) -> None:
        """Tell of a reading that took no time, within a sampled request."""
        if self._tracing is not None:
            self._tracing.listing_read(
                key.tenant_id,
                listing=key.kind.value,
                outcome=ListingOutcome.of(reading.source).value,
                age_seconds=reading.age_seconds,
            )

    def walking(self, key: ListingKey, fetch: Fetch, *, began: Callable[[SpanContext | None], None]) -> Fetch:
        """Have it fetched within a span; `began` is told what others link to."""
        tracing = self._tracing
        if tracing is None or not is_sampled():
            return fetch

        async def walk() -> Reading[Any]:
            with tracing.walk_span(key.tenant_id, listing=key.kind.value) as span:
                began(span.context)
                return await _judged(fetch, span)

        return walk


async def _judged(fetch: Fetch, span: OpenSpan) -> Reading[Any]:
    outcome = WalkOutcome.CANCELLED
    try:
        reading = await fetch()
        outcome = WalkOutcome.COMPLETE if reading.snapshot.complete else WalkOutcome.INCOMPLETE
        span.note(names.WALK_ROWS, len(reading.snapshot.rows))
    except Exception:
        outcome = WalkOutcome.FAILED
        raise
    finally:
        span.note(names.WALK_OUTCOME, outcome.value)
    return reading
