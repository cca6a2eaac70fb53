"""Metrics: instruments made from their declarations, read on `/metrics` and by OTLP alike."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, assert_never

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import CallbackOptions, Meter, Observation
from opentelemetry.sdk import metrics as sdk
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import CardinalityLimits, MetricReader
from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from gateway.telemetry import instruments, labels
from gateway.telemetry.instruments import Metric, MetricKind
from gateway.telemetry.labels import LabelGuard
from gateway.telemetry.process import cpu_seconds, resident_bytes

SCOPE: Final = "gateway"
POINTS_LIMIT: Final = 20_000
"""Points per metric: 200 tenants by endpoints and outcomes; the SDK's own 2,000 would cut tenants off."""

Labels = Mapping[str, str]
Writer = Callable[[float, Labels], None]
Reading = Callable[[], Iterable[tuple[Labels, float]]]

_POINTS: Final[CardinalityLimits] = dict.fromkeys(
    (sdk.Counter, sdk.Histogram, sdk.ObservableCounter, sdk.ObservableGauge),
    POINTS_LIMIT,
)


class Metrics:
    """One set of instruments with a registry of its own, so that several can live side by side."""

    def __init__(
        self, *, resource: Resource, readers: Sequence[MetricReader] = (), tenants_limit: int = 200
    ) -> None:
        self._registry = CollectorRegistry()
        prometheus = PrometheusMetricReader(
            registry=self._registry,
            scope_info_enabled=False,
            cardinality_limits=_POINTS,
        )
        self._provider = MeterProvider([prometheus, *readers], resource=resource, shutdown_on_exit=False)
        self._readings: dict[str, list[Reading]] = {}
        self._guards = _guards(tenants_limit=tenants_limit)
        meter = self._provider.get_meter(SCOPE)
        self._writers = {metric.name: self._make(meter, metric) for metric in instruments.metrics()}
        self.observe(instruments.PROCESS_CPU, lambda: [({}, cpu_seconds())])
        self.observe(instruments.PROCESS_MEMORY, lambda: [({}, value) for value in resident_bytes()])

    def count(self, metric: Metric, amount: int = 1, /, **label_values: str) -> None:
        """Add to a counter."""
        self._writers[metric.name](amount, self._bounded(label_values))

    def record(self, metric: Metric, value: float, /, **label_values: str) -> None:
        """Put one value into a histogram, or make it the value of a gauge; in the metric's unit."""
        self._writers[metric.name](value, self._bounded(label_values))

    def observe(self, metric: Metric, read: Reading) -> None:
        """Have `read` asked for the metric's values whenever somebody looks."""
        self._readings.setdefault(metric.name, []).append(read)

    def render(self) -> tuple[bytes, str]:
        """Give the body and the content type of `/metrics`."""
        return generate_latest(self._registry), CONTENT_TYPE_LATEST

    def shutdown(self) -> None:
        """Send what is left and stop; may block as long as the exporter does."""
        self._provider.shutdown()

    def _bounded(self, label_values: Labels) -> dict[str, str]:
        guards = self._guards
        return {
            name: guards[name].admit(value) if name in guards else value
            for name, value in label_values.items()
        }

    def _make(self, meter: Meter, metric: Metric) -> Writer:
        told = {"unit": metric.unit, "description": metric.description}
        match metric.kind:
            case MetricKind.COUNTER:
                return meter.create_counter(metric.name, **told).add
            case MetricKind.GAUGE:
                return meter.create_gauge(metric.name, **told).set
            case MetricKind.HISTOGRAM:
                return meter.create_histogram(
                    metric.name,
                    **told,
                    explicit_bucket_boundaries_advisory=metric.buckets,
                ).record
            case MetricKind.OBSERVED_COUNTER:
                meter.create_observable_counter(metric.name, [self._observe_all(metric)], **told)
            case MetricKind.OBSERVED_GAUGE:
                meter.create_observable_gauge(metric.name, [self._observe_all(metric)], **told)
            case _:
                assert_never(metric.kind)
        return _read_only

    def _observe_all(self, metric: Metric) -> Callable[[CallbackOptions], Iterable[Observation]]:
        def observe(_options: CallbackOptions) -> Iterable[Observation]:
            for read in self._readings.get(metric.name, ()):
                for label_values, value in read():
                    yield Observation(value, self._bounded(label_values))

        return observe


class NoMetrics(Metrics):
    """Takes every value and keeps none: for tests, and to measure what metrics cost."""

    def __init__(self) -> None:
        pass

    def count(self, metric: Metric, amount: int = 1, /, **label_values: str) -> None:
        """Do nothing."""

    def record(self, metric: Metric, value: float, /, **label_values: str) -> None:
        """Do nothing."""

    def observe(self, metric: Metric, read: Reading) -> None:
        """Do nothing."""

    def render(self) -> tuple[bytes, str]:
        """Give an empty page."""
        return b"", CONTENT_TYPE_LATEST

    def shutdown(self) -> None:
        """Do nothing."""


def _guards(*, tenants_limit: int) -> dict[str, LabelGuard]:
    open_labels = {
        label.name: label for metric in instruments.metrics() for label in metric.labels if not label.values
    }
    limits = {name: label.limit for name, label in open_labels.items()} | {labels.TENANT.name: tenants_limit}
    return {name: LabelGuard(limit=limit) for name, limit in limits.items()}


def _read_only(_value: float, _labels: Labels) -> None:
    raise TypeError("this metric is observed, not written")
