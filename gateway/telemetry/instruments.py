"""Every metric, declared once: name, kind, unit, meaning, labels. Names here are OpenTelemetry's."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

from gateway.telemetry import labels
from gateway.telemetry.labels import Label

_UNIT_WORDS: Final = {"s": "seconds", "By": "bytes"}

_REQUEST_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_UPSTREAM_BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_OVERHEAD_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
_AGE_BUCKETS: Final = (0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 35.0, 60.0, 120.0, 300.0, 600.0)
_STREAM_BUCKETS: Final = (1.0, 10.0, 60.0, 300.0, 1800.0, 3600.0, 14400.0, 43200.0)
_LAG_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)


class MetricKind(Enum):
    """How a metric behaves. `OBSERVED_*` are read when somebody looks, the others written when it happens."""

    COUNTER = "counter"
    HISTOGRAM = "histogram"
    GAUGE = "gauge"
    OBSERVED_COUNTER = "observed counter"
    OBSERVED_GAUGE = "observed gauge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric; `unit` in UCUM, `buckets` in that unit and only for a histogram."""

    name: str
    kind: MetricKind
    unit: str
    description: str
    labels: tuple[Label, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def prometheus_unit(self) -> str:
        """The unit as `/metrics` spells it out; empty for a count of something."""
        return _UNIT_WORDS.get(self.unit, "")

    @property
    def prometheus_name(self) -> str:
        """The name on `/metrics`, without the `_bucket`, `_sum` and `_count` of a histogram."""
        parts = [self.name.replace(".", "_"), self.prometheus_unit]
        if self.kind in {MetricKind.COUNTER, MetricKind.OBSERVED_COUNTER}:
            parts.append("total")
        return "_".join(part for part in parts if part)


REQUEST_DURATION: Final = Metric(
    name="gateway.request.duration",
    kind=MetricKind.HISTOGRAM,
    unit="s",
    description="Time from a request's first byte to its answer.",
    labels=(labels.KIND, labels.CODE),
    buckets=_REQUEST_BUCKETS,
)
REQUEST_OVERHEAD: Final = Metric(
    name="gateway.request.overhead",
    kind=MetricKind.HISTOGRAM,
    unit="s",
    description="A request's time less its wait for Evolux: what the gateway itself costs.",
    labels=(labels.KIND,),
    buckets=_OVERHEAD_BUCKETS,
)
HTTP_REQUESTS: Final = Metric(
    name="gateway.http.requests",
    kind=MetricKind.COUNTER,
    unit="{request}",
    description="Answered HTTP requests, those of probes and scrapes left out.",
    labels=(labels.ROUTE, labels.STATUS),
)
QUERIES_HANDED_OVER: Final = Metric(
    name="gateway.engine.handed_over",
    kind=MetricKind.COUNTER,
    unit="{query}",
    description="Queries that the compiled executor left to graphql-core: right, and slow.",
    labels=(labels.HAND_OVER,),
)
UPSTREAM_DURATION: Final = Metric(
    name="gateway.upstream.duration",
    kind=MetricKind.HISTOGRAM,
    unit="s",
    description="Time of one attempt at Evolux.",
    labels=(labels.TENANT, labels.ENDPOINT, labels.UPSTREAM_OUTCOME),
    buckets=_UPSTREAM_BUCKETS,
)
UPSTREAM_ATTEMPTS: Final = Metric(
    name="gateway.upstream.attempts",
    kind=MetricKind.COUNTER,
    unit="{attempt}",
    description="Requests sent to Evolux, repeated ones too.",
    labels=(labels.TENANT, labels.ENDPOINT),
)
UPSTREAM_RETRIES: Final = Metric(
    name="gateway.upstream.retries",
    kind=MetricKind.COUNTER,
    unit="{attempt}",
    description="Requests sent to Evolux again after a failed try.",
    labels=(labels.TENANT, labels.ENDPOINT),
)
UPSTREAM_IN_FLIGHT: Final = Metric(
    name="gateway.upstream.in_flight",
    kind=MetricKind.OBSERVED_GAUGE,
    unit="{request}",
    description="Requests at Evolux right now.",
    labels=(labels.TENANT,),
)
UPSTREAM_WAITING: Final = Metric(
    name="gateway.upstream.waiting",
    kind=MetricKind.OBSERVED_GAUGE,
    unit="{request}",
    description="Requests that wait for their turn at Evolux.",
    labels=(labels.TENANT,),
)
UPSTREAM_QUOTA_LEFT: Final = Metric(
    name="gateway.upstream.quota_left",
    kind=MetricKind.OBSERVED_GAUGE,
    unit="{request}",
    description="Requests that the tenant's quota has left at this instant.",
    labels=(labels.TENANT,),
)
UPSTREAM_REST: Final = Metric(
    name="gateway.upstream.rest",
    kind=MetricKind.OBSERVED_GAUGE,
    unit="s",
    description="For how long Evolux still asks not to be read; 0 where it does not.",
    labels=(labels.TENANT,),
)
UPSTREAM_RETRIES_LEFT: Final = Metric(
    name="gateway.upstream.retries_left",
    kind=MetricKind.OBSERVED_GAUGE,
    unit="{attempt}",
    description="Retries that the tenant's retry budget has left.",
    labels=(labels.TENANT,),
)
BREAKER_STATE: Final = Metric(
    name="gateway.breaker.state",
    kind=MetricKind.OBSERVED_GAUGE,
    unit="{state}",
    description="The tenant's circuit breaker: 0 closed, 1 half open, 2 open.",
    labels=(labels.TENANT,),
)
LISTING_READS: Final = Metric(
    name="gateway.listing.reads",
    kind=MetricKind.COUNTER,
    unit="{read}",
    description="Readings of a listing, by where they came from.",
    labels=(labels.TENANT, labels.LISTING, labels.LISTING_OUTCOME),
)
LISTING_SERVED_AGE: Final = Metric(
    name="gateway.listing.served_age",
    kind=MetricKind.HISTOGRAM,
    unit="s",
    description="Age of a listing at the moment it was served.",
    labels=(labels.TENANT, labels.LISTING),
    buckets=_AGE_BUCKETS,
)
LISTING_AGE: Final = Metric(
    name="gateway.listing.age",
    kind=MetricKind.OBSERVED_GAUGE,
    unit="s",
    description="Age of the listing now held; of several, as those of agents' pauses, the youngest.",
    labels=(labels.TENANT, labels.LISTING),
)
LISTING_ODD_FIELDS: Final = Metric(
    name="gateway.listing.odd_fields",
    kind=MetricKind.COUNTER,
    unit="{field}",
    description="Fields of a row that could not be read and were served as null.",
    labels=(labels.TENANT, labels.LISTING, labels.FIELD),
)
WALK_DURATION: Final = Metric(
    name="gateway.walk.duration",
    kind=MetricKind.HISTOGRAM,
    unit="s",
    description="Time of a walk over all pages of a listing.",
    labels=(labels.TENANT, labels.LISTING, labels.WALK_OUTCOME),
    buckets=_UPSTREAM_BUCKETS,
)
WALK_ROWS: Final = Metric(
    name="gateway.walk.rows",
    kind=MetricKind.GAUGE,
    unit="{row}",
    description="Rows of the last walk that gave a listing.",
    labels=(labels.TENANT, labels.LISTING),
)
WALKS_TORN: Final = Metric(
    name="gateway.walks.torn",
    kind=MetricKind.COUNTER,
    unit="{walk}",
    description="Walks during which the listing changed its length, each time it was noticed.",
    labels=(labels.TENANT, labels.LISTING),
)
KEYED_WRITES: Final = Metric(
    name="gateway.writes.keyed",
    kind=MetricKind.COUNTER,
    unit="{write}",
    description="Writes with an idempotency key, by what became of them.",
    labels=(labels.KEYED_OUTCOME,),
)
SHARING: Final = Metric(
    name="gateway.sharing.state",
    kind=MetricKind.OBSERVED_GAUGE,
    unit="{state}",
    description="Whether listings are shared through Valkey: 1, or 0 while it fails; none without one.",
)
STREAMS_OPEN: Final = Metric(
    name="gateway.subscriptions.open",
    kind=MetricKind.OBSERVED_GAUGE,
    unit="{subscription}",
    description="Subscriptions that are open now.",
    labels=(labels.TENANT, labels.TRANSPORT),
)
STREAM_DURATION: Final = Metric(
    name="gateway.subscriptions.duration",
    kind=MetricKind.HISTOGRAM,
    unit="s",
    description="How long a subscription was open, once it has ended.",
    labels=(labels.TRANSPORT,),
    buckets=_STREAM_BUCKETS,
)
STREAM_EVENTS: Final = Metric(
    name="gateway.subscriptions.events",
    kind=MetricKind.COUNTER,
    unit="{event}",
    description="Events sent to subscribers.",
    labels=(labels.TENANT, labels.TRANSPORT),
)
FEED_POLLS: Final = Metric(
    name="gateway.subscriptions.polls",
    kind=MetricKind.COUNTER,
    unit="{poll}",
    description="Readings of the agents listing for those who subscribe: one for all of them.",
    labels=(labels.TENANT, labels.POLL_OUTCOME),
)
EVENT_LAG: Final = Metric(
    name="gateway.subscriptions.lag",
    kind=MetricKind.HISTOGRAM,
    unit="s",
    description="From a reading at hand to the event made of it, once for all who share it.",
    labels=(labels.TENANT,),
    buckets=_OVERHEAD_BUCKETS,
)
EXPORTS: Final = Metric(
    name="gateway.exports",
    kind=MetricKind.COUNTER,
    unit="{file}",
    description="Exports that ended.",
    labels=(labels.TENANT, labels.FILE_FORMAT, labels.EXPORT_OUTCOME),
)
EXPORTED_ROWS: Final = Metric(
    name="gateway.exports.rows",
    kind=MetricKind.COUNTER,
    unit="{row}",
    description="Rows of the exports that callers have whole.",
    labels=(labels.TENANT, labels.FILE_FORMAT),
)
EXPORTED_BYTES: Final = Metric(
    name="gateway.exports.size",
    kind=MetricKind.COUNTER,
    unit="By",
    description="Bytes sent of exports, whole or not.",
    labels=(labels.TENANT, labels.FILE_FORMAT),
)
EVENT_LOOP_LAG: Final = Metric(
    name="gateway.event_loop.lag",
    kind=MetricKind.HISTOGRAM,
    unit="s",
    description="How much later than asked the event loop woke a sleeper.",
    buckets=_LAG_BUCKETS,
)
PROCESS_MEMORY: Final = Metric(
    name="process.resident_memory",
    kind=MetricKind.OBSERVED_GAUGE,
    unit="By",
    description="Memory of this process that is in RAM.",
)
PROCESS_CPU: Final = Metric(
    name="process.cpu",
    kind=MetricKind.OBSERVED_COUNTER,
    unit="s",
    description="User and system processor time of this process.",
)


def metrics() -> Iterator[Metric]:
    """Every declared metric, in the order of this file."""
    return (value for value in globals().values() if isinstance(value, Metric))
