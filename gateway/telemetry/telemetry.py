"""The one thing that is handed on: traces, metrics and logs of a process."""

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from threading import Thread
from typing import Final, Self, TextIO

from opentelemetry.sdk.resources import Resource
from structlog.typing import FilteringBoundLogger

from gateway.domain.errors import ErrorCode
from gateway.telemetry import events, instruments
from gateway.telemetry.access import AccessLog
from gateway.telemetry.events import LogEvent
from gateway.telemetry.export import OtlpExport
from gateway.telemetry.incidents import IncidentLog
from gateway.telemetry.labels import (
    SUCCESS,
    ExportOutcome,
    HandOver,
    KeyedOutcome,
    ListingOutcome,
    OperationKind,
    PollOutcome,
    Transport,
    UpstreamOutcome,
    WalkOutcome,
)
from gateway.telemetry.line_budget import LineBudget
from gateway.telemetry.loads import UpstreamLoad, observe_loads
from gateway.telemetry.logs import LogFormat, LogLevel, Logs, configure_logs
from gateway.telemetry.loop_lag import sampling_loop_lag
from gateway.telemetry.metrics import Metrics, NoMetrics
from gateway.telemetry.tallies import Histograms, Write
from gateway.telemetry.tracing import Tracing

_ABORT_SECONDS: Final = 0.5


class Telemetry:
    """Traces, metrics and logs, and the trade's verbs to record with. Several can live in one process."""

    def __init__(
        self,
        *,
        tracing: Tracing,
        metrics: Metrics,
        logs: Logs,
        export: OtlpExport | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._export = export
        self.tracing = tracing
        self.metrics = metrics
        self.logs = logs
        self._monotonic = monotonic
        self._requests: dict[tuple[OperationKind, ErrorCode | None], tuple[Write, Write]] = {}
        self._answers: dict[tuple[str, int], Write] = {}

    @classmethod
    def start(
        cls,
        service_name: str,
        *,
        service_version: str = "",
        otlp_endpoint: str = "",
        sample_ratio: float = 0.05,
        log_level: LogLevel = "info",
        log_format: LogFormat = "auto",
        log_levels: Mapping[str, LogLevel] | None = None,
        log_stream: TextIO | None = None,
        tenants_limit: int = 200,
    ) -> Self:
        """Begin, for a whole process: the standard library's logs are routed too, until `shutdown`."""
        logs = configure_logs(level=log_level, fmt=log_format, levels=log_levels, stream=log_stream)
        resource = Resource({"service.name": service_name, "service.version": service_version})
        histograms = Histograms()
        export: OtlpExport | None = None
        if otlp_endpoint:
            incidents = IncidentLog(
                logs.logger("gateway.telemetry"),
                failed=events.EXPORT_FAILED,
                recovered=events.EXPORT_RECOVERED,
                monotonic=time.monotonic,
            )
            export = OtlpExport(otlp_endpoint, histograms=histograms, incidents=incidents)
        processors = () if export is None else (export.span_processor,)
        readers = () if export is None else (export.metric_reader,)
        return cls(
            tracing=Tracing(resource=resource, sample_ratio=sample_ratio, processors=processors),
            metrics=Metrics(
                resource=resource, histograms=histograms, readers=readers, tenants_limit=tenants_limit
            ),
            logs=logs,
            export=export,
        )

    @classmethod
    def off(cls) -> Self:
        """Record nothing: for tests that are about something else, and to measure what telemetry costs."""
        return cls(
            tracing=Tracing(resource=Resource.get_empty()),
            metrics=NoMetrics(),
            logs=Logs(level="off"),
        )

    def access_log(self, name: str) -> AccessLog:
        """Make the log of access lines."""
        return self.logs.access_log(name)

    def logger(self, name: str) -> FilteringBoundLogger:
        """Make the logger of one part of the gateway, by the name of its package."""
        return self.logs.logger(name)

    def incidents(self, name: str, *, failed: LogEvent, recovered: LogEvent | None = None) -> IncidentLog:
        """Make a log that tells of a failure when it begins and when it ends, not each time."""
        return IncidentLog(
            self.logger(name),
            failed=failed,
            recovered=recovered,
            monotonic=self._monotonic,
        )

    def line_budget(self, name: str, *, event: LogEvent) -> LineBudget:
        """Make a log of one event that writes a few lines a minute and counts the others."""
        return LineBudget(self.logger(name), event=event, monotonic=self._monotonic)

    def record_request(
        self,
        kind: OperationKind,
        *,
        code: ErrorCode | None,
        duration_seconds: float,
        upstream_seconds: float = 0.0,
    ) -> None:
        """One answered request; `code` is its first error, `upstream_seconds` its wait for Evolux."""
        cells = self._requests.get((kind, code))
        if cells is None:
            told = SUCCESS if code is None else code.value
            cells = self._requests[kind, code] = (
                self.metrics.cell(instruments.REQUEST_DURATION, kind=kind.value, code=told),
                self.metrics.cell(instruments.REQUEST_OVERHEAD, kind=kind.value),
            )
        record_duration, record_overhead = cells
        record_duration(duration_seconds)
        record_overhead(max(0.0, duration_seconds - upstream_seconds))

    def record_http(self, route: str, *, status: int) -> None:
        """One answered HTTP request; `route` is a template."""
        count = self._answers.get((route, status))
        if count is None:
            count = self.metrics.cell(instruments.HTTP_REQUESTS, route=route, status=str(status))
            self._answers[route, status] = count
        count(1)

    def record_hand_over(self, reason: HandOver) -> None:
        """A query that graphql-core ran instead of the compiled executor."""
        self.metrics.count(instruments.QUERIES_HANDED_OVER, reason=reason.value)

    def record_keyed_write(self, outcome: KeyedOutcome) -> None:
        """One write with an idempotency key."""
        self.metrics.count(instruments.KEYED_WRITES, outcome=outcome.value)

    def observe_streams(self, read: Callable[[], Mapping[tuple[str, str], int]]) -> None:
        """Show how many subscriptions are open, by tenant and transport; asked from another thread."""
        self.metrics.observe(
            instruments.STREAMS_OPEN,
            lambda: [
                ({"tenant": tenant, "transport": transport}, count)
                for (tenant, transport), count in read().items()
            ],
        )

    def record_stream_event(self, tenant: str, *, transport: Transport) -> None:
        """One event sent to one subscriber."""
        self.metrics.count(instruments.STREAM_EVENTS, tenant=tenant, transport=transport.value)

    def record_stream_ended(self, transport: Transport, *, duration_seconds: float) -> None:
        """One subscription that is over."""
        self.metrics.record(instruments.STREAM_DURATION, duration_seconds, transport=transport.value)

    def record_poll(self, tenant: str, *, outcome: PollOutcome) -> None:
        """One reading for all of a tenant's subscribers."""
        self.metrics.count(instruments.FEED_POLLS, tenant=tenant, outcome=outcome.value)

    def record_event_lag(self, tenant: str, seconds: float) -> None:
        """One event made, so long after the reading was at hand."""
        self.metrics.record(instruments.EVENT_LAG, seconds, tenant=tenant)

    def record_export(
        self, tenant: str, *, file_format: str, outcome: ExportOutcome, rows: int, size: int
    ) -> None:
        """One export that ended; `rows` where the caller has it whole, `size` is the bytes sent."""
        which = {"tenant": tenant, "format": file_format}
        self.metrics.count(instruments.EXPORTS, **which, outcome=outcome.value)
        self.metrics.count(instruments.EXPORTED_ROWS, rows, **which)
        self.metrics.count(instruments.EXPORTED_BYTES, size, **which)

    def upstream_cells(self, tenant: str, *, endpoint: str, outcome: UpstreamOutcome) -> tuple[Write, Write]:
        """Where attempts at Evolux are written: how long each lasted, and their number.

        `endpoint` is method and template.
        """
        where = {"tenant": tenant, "endpoint": endpoint}
        return (
            self.metrics.cell(instruments.UPSTREAM_DURATION, **where, outcome=outcome.value),
            self.metrics.cell(instruments.UPSTREAM_ATTEMPTS, **where),
        )

    def record_retry(self, tenant: str, *, endpoint: str) -> None:
        """One attempt that was not the first."""
        self.metrics.count(instruments.UPSTREAM_RETRIES, tenant=tenant, endpoint=endpoint)

    def record_listing_read(
        self,
        tenant: str,
        *,
        listing: str,
        outcome: ListingOutcome,
        age_seconds: float | None = None,
    ) -> None:
        """One reading of a listing, and how old it was; no age where there was nothing to serve."""
        count, record_age = self.listing_cells(tenant, listing=listing, outcome=outcome)
        count(1)
        if age_seconds is not None:
            record_age(age_seconds)

    def listing_cells(self, tenant: str, *, listing: str, outcome: ListingOutcome) -> tuple[Write, Write]:
        """What `record_listing_read` writes to, for whoever records many alike: readings, and their ages."""
        where = {"tenant": tenant, "listing": listing}
        return (
            self.metrics.cell(instruments.LISTING_READS, **where, outcome=outcome.value),
            self.metrics.cell(instruments.LISTING_SERVED_AGE, **where),
        )

    def record_walk(
        self,
        tenant: str,
        *,
        listing: str,
        outcome: WalkOutcome,
        duration_seconds: float,
        rows: int | None = None,
    ) -> None:
        """One finished walk; `rows` where it gave a listing."""
        where = {"tenant": tenant, "listing": listing}
        self.metrics.record(instruments.WALK_DURATION, duration_seconds, **where, outcome=outcome.value)
        if rows is not None:
            self.metrics.record(instruments.WALK_ROWS, rows, **where)

    def record_torn_walk(self, tenant: str, *, listing: str) -> None:
        """The listing changed its length while it was walked."""
        self.metrics.count(instruments.WALKS_TORN, tenant=tenant, listing=listing)

    def record_odd_field(self, tenant: str, *, listing: str, field: str) -> None:
        """A field of a row could not be read and is served as null."""
        self.metrics.count(instruments.LISTING_ODD_FIELDS, tenant=tenant, listing=listing, field=field)

    def observe_loads(self, read: Callable[[], Mapping[str, UpstreamLoad]]) -> None:
        """Show each tenant's breaker, queue, quota and retries; `read` is asked from another thread."""
        observe_loads(self.metrics, read)

    def observe_listing_ages(self, read: Callable[[], Mapping[tuple[str, str], float]]) -> None:
        """Show the age in seconds of every listing held, by tenant and listing."""
        self.metrics.observe(
            instruments.LISTING_AGE,
            lambda: [
                ({"tenant": tenant, "listing": listing}, age) for (tenant, listing), age in read().items()
            ],
        )

    def watching_loop(self, *, interval_seconds: float = 0.5) -> AbstractAsyncContextManager[None]:
        """Sample the running event loop's lag for as long as the block runs."""
        record = partial(self.metrics.record, instruments.EVENT_LOOP_LAG)
        return sampling_loop_lag(record, interval_seconds=interval_seconds)

    def shutdown(self, *, timeout_seconds: float = 2.0) -> None:
        """Send what is left, within the time given and half a second, whatever the collector does."""
        closing = [
            Thread(target=close, name="telemetry-shutdown", daemon=True)
            for close in (self.tracing.shutdown, self.metrics.shutdown)
        ]
        for thread in closing:
            thread.start()
        _join(closing, seconds=timeout_seconds)
        if self._export is not None:
            self._export.abort()
            _join(closing, seconds=_ABORT_SECONDS)
        self.logs.close()


def _join(threads: Iterable[Thread], *, seconds: float) -> None:
    until = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
