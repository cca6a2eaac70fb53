"""Metrics: made from their declarations, read on `/metrics` and by OTLP alike."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, assert_never

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import CallbackOptions, Meter, Observation
from opentelemetry.sdk.metrics import MeterProvider, ObservableCounter, ObservableGauge
from opentelemetry.sdk.metrics.export import CardinalityLimits, MetricReader
from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry

from gateway.telemetry import instruments, labels
from gateway.telemetry.exposition import HistogramFamilies, MetricsForm, render
from gateway.telemetry.instruments import Metric, MetricKind
from gateway.telemetry.labels import LabelGuard
from gateway.telemetry.process import cpu_seconds, resident_bytes
from gateway.telemetry.tallies import (
    Histograms,
    HistogramTally,
    LabelGuards,
    LabelValues,
    Tally,
    Write,
    labels_of,
)

SCOPE: Final = "gateway"
POINTS: Final[CardinalityLimits] = {ObservableCounter: 20_000, ObservableGauge: 20_000}
"""Points per metric: 200 tenants by endpoints and outcomes; the SDK's own 2,000 would cut tenants off."""

Writer = Callable[[float, LabelValues], None]
Reading = Callable[[], Iterable[tuple[LabelValues, float]]]


class Metrics:
    """One set of metrics with a registry of its own, so that several can live side by side."""

    def __init__(
        self,
        *,
        resource: Resource,
        histograms: Histograms | None = None,
        readers: Sequence[MetricReader] = (),
        tenants_limit: int = labels.TENANT.limit,
    ) -> None:
        self._guards = LabelGuards(_guards(tenants_limit=tenants_limit))
        self._histograms = histograms or Histograms()
        self._registry = CollectorRegistry()
        self._registry.register(HistogramFamilies(self._histograms))
        reader = PrometheusMetricReader(
            registry=self._registry, scope_info_enabled=False, cardinality_limits=POINTS
        )
        self._provider = MeterProvider([reader, *readers], resource=resource, shutdown_on_exit=False)
        self._readings: dict[str, list[Reading]] = {}
        self._cells: dict[str, Callable[[LabelValues], Write]] = {}
        meter = self._provider.get_meter(SCOPE)
        self._writers = {metric.name: self._make(meter, metric) for metric in instruments.metrics()}
        self.observe(instruments.PROCESS_CPU, lambda: [({}, cpu_seconds())])
        self.observe(instruments.PROCESS_MEMORY, lambda: [({}, value) for value in resident_bytes()])

    def count(self, metric: Metric, amount: int = 1, /, **label_values: str) -> None:
        """Add to a counter."""
        self._writers[metric.name](amount, label_values)

    def record(self, metric: Metric, value: float, /, **label_values: str) -> None:
        """Put one value into a histogram, or make it the value of a gauge; in the metric's unit."""
        self._writers[metric.name](value, label_values)

    def cell(self, metric: Metric, /, **label_values: str) -> Write:
        """As `count` or `record`, for labels that come again and again: they are looked at once."""
        return self._cells[metric.name](label_values)

    def observe(self, metric: Metric, read: Reading) -> None:
        """Have `read` asked for the metric's values whenever somebody looks, from any thread."""
        self._readings.setdefault(metric.name, []).append(read)

    def render(self, form: MetricsForm = MetricsForm.TEXT) -> tuple[bytes, str]:
        """Give the body and the content type of `/metrics`."""
        return render(self._registry, form=form)

    def shutdown(self) -> None:
        """Send what is left and stop; may block as long as the exporter does."""
        self._provider.shutdown()

    def _make(self, meter: Meter, metric: Metric) -> Writer:
        told = {"unit": metric.unit, "description": metric.description}
        callbacks = [self._observe_all(metric)]
        match metric.kind:
            case MetricKind.HISTOGRAM:
                buckets = HistogramTally(metric, guards=self._guards)
                self._histograms.add(buckets)
                self._cells[metric.name] = buckets.cell
                return buckets.record
            case MetricKind.COUNTER | MetricKind.OBSERVED_COUNTER:
                meter.create_observable_counter(metric.name, callbacks, **told)
            case MetricKind.GAUGE | MetricKind.OBSERVED_GAUGE:
                meter.create_observable_gauge(metric.name, callbacks, **told)
            case _:
                assert_never(metric.kind)
        return self._tally(metric)

    def _tally(self, metric: Metric) -> Writer:
        if metric.kind in {MetricKind.OBSERVED_COUNTER, MetricKind.OBSERVED_GAUGE}:
            return _read_only
        tally = Tally(metric, guards=self._guards)
        self.observe(metric, tally.read)
        self._cells[metric.name] = tally.cell
        return tally.add if metric.kind is MetricKind.COUNTER else tally.put

    def _observe_all(self, metric: Metric) -> Callable[[CallbackOptions], Iterable[Observation]]:
        def observe(_options: CallbackOptions) -> Iterable[Observation]:
            for read in self._readings.get(metric.name, ()):
                for label_values, value in read():
                    yield Observation(value, labels_of(metric, self._guards.key(metric, label_values)))

        return observe


class NoMetrics(Metrics):
    """Takes every value and keeps none: for tests, and to measure what metrics cost."""

    def __init__(self) -> None:
        pass

    def count(self, metric: Metric, amount: int = 1, /, **label_values: str) -> None:
        """Do nothing."""

    def record(self, metric: Metric, value: float, /, **label_values: str) -> None:
        """Do nothing."""

    def cell(self, _metric: Metric, /, **_label_values: str) -> Write:
        """What does nothing."""
        return _nothing

    def observe(self, metric: Metric, read: Reading) -> None:
        """Do nothing."""

    def render(self, form: MetricsForm = MetricsForm.TEXT) -> tuple[bytes, str]:
        """Give an empty page."""
        return render(CollectorRegistry(), form=form)

    def shutdown(self) -> None:
        """Do nothing."""


def _guards(*, tenants_limit: int) -> Mapping[str, LabelGuard]:
    every = [label for metric in instruments.metrics() for label in metric.labels]
    limits = {label.name: label.limit for label in every if not label.values}
    limits[labels.TENANT.name] = tenants_limit
    return {name: LabelGuard(limit=limit) for name, limit in limits.items()}


def _nothing(_value: float) -> None:
    pass


def _read_only(_value: float, _label_values: LabelValues) -> None:
    raise TypeError("this metric is observed, not written")
