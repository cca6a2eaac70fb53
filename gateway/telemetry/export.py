"""OTLP over HTTP, loaded only where an endpoint is set; a collector that is down is told once."""

from collections.abc import Sequence
from typing import Any, Final

from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.metrics.export import (
    MetricExporter,
    MetricExportResult,
    MetricReader,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from gateway.telemetry.incidents import IncidentLog
from gateway.telemetry.metrics import POINTS
from gateway.telemetry.tallies import Histograms

EXPORT_TIMEOUT_SECONDS: Final = 5.0
METRICS_INTERVAL_SECONDS: Final = 30.0


class WatchedSpanExporter(SpanExporter):
    """Sends spans on and tells when the collector fails and when it is back."""

    def __init__(self, exporter: SpanExporter, *, incidents: IncidentLog) -> None:
        self._exporter = exporter
        self._incidents = incidents

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send one batch; a failed one is lost."""
        result = self._exporter.export(spans)
        _tell(self._incidents, signal="traces", sent=result is SpanExportResult.SUCCESS)
        return result

    def shutdown(self) -> None:
        """Stop, and break off what is being tried."""
        self._exporter.shutdown()


class WatchedMetricExporter(MetricExporter):
    """Sends metrics on, our histograms with them, and tells when the collector fails and when it is back."""

    def __init__(
        self,
        exporter: MetricExporter,
        *,
        histograms: Histograms,
        incidents: IncidentLog,
    ) -> None:
        super().__init__()
        self._histograms = histograms
        self._exporter = exporter
        self._incidents = incidents

    def export(
        self,
        metrics_data: MetricsData,
        timeout_millis: float = 10_000,
        **kwargs: Any,
    ) -> MetricExportResult:
        """Send one collection; a failed one is made good by the next, the values add up."""
        result = self._exporter.export(self._histograms.join(metrics_data), timeout_millis, **kwargs)
        _tell(self._incidents, signal="metrics", sent=result is MetricExportResult.SUCCESS)
        return result

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Nothing is held back here."""
        return self._exporter.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """Stop, and break off what is being tried."""
        self._exporter.shutdown(timeout_millis, **kwargs)


class OtlpExport:
    """Spans in batches and metrics every half minute, from threads of their own, to one collector.

    `endpoint` is the collector's base address; `/v1/traces` and `/v1/metrics` are put behind it.
    """

    def __init__(self, endpoint: str, *, histograms: Histograms, incidents: IncidentLog) -> None:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import (  # noqa: PLC0415 - 5 MB, only here
            OTLPMetricExporter,
        )

        from gateway.telemetry.otlp_spans import (  # noqa: PLC0415 - the same
            OtlpSpanExport,
            SpanEncoder,
            SpansEncodedAtEnd,
        )

        timeout, encoder = EXPORT_TIMEOUT_SECONDS, SpanEncoder()
        spans = OtlpSpanExport(_signal_url(endpoint, "traces"), timeout_seconds=timeout, encoder=encoder)
        metrics = OTLPMetricExporter(endpoint=_signal_url(endpoint, "metrics"), timeout=timeout)
        self._exporters = (spans, metrics)
        batches = BatchSpanProcessor(
            WatchedSpanExporter(spans, incidents=incidents),
            meter_provider=NoOpMeterProvider(),
        )
        self.span_processor: SpanProcessor = SpansEncodedAtEnd(
            batches, encoder=encoder, on_lost=lambda: incidents.fail("encoding", signal="traces")
        )
        self.metric_reader: MetricReader = PeriodicExportingMetricReader(
            WatchedMetricExporter(metrics, histograms=histograms, incidents=incidents),
            cardinality_limits=POINTS,
            export_interval_millis=METRICS_INTERVAL_SECONDS * 1000,
            export_timeout_millis=timeout * 1000,
        )

    def abort(self) -> None:
        """Break off what is being tried again and again."""
        for exporter in self._exporters:
            exporter.shutdown()


def _signal_url(endpoint: str, signal: str) -> str:
    return f"{endpoint.rstrip('/')}/v1/{signal}"


def _tell(incidents: IncidentLog, *, signal: str, sent: bool) -> None:
    if sent:
        incidents.recover(signal, signal=signal)
    else:
        incidents.fail(signal, signal=signal)
