"""`/metrics` in its two forms, and histograms in them with the exemplars of sampled traces."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from itertools import accumulate
from typing import Final

from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics.export import Histogram, HistogramDataPoint
from prometheus_client import CollectorRegistry
from prometheus_client import exposition as plain
from prometheus_client.core import Exemplar as PrometheusExemplar
from prometheus_client.metrics_core import HistogramMetricFamily
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from gateway.telemetry import instruments
from gateway.telemetry.instruments import Metric
from gateway.telemetry.tallies import Histograms


class MetricsForm(Enum):
    """A form of the page, by the media type that asks for it; only the second has room for exemplars."""

    TEXT = "text/plain"
    OPENMETRICS = "application/openmetrics-text"


def render(registry: CollectorRegistry, *, form: MetricsForm) -> tuple[bytes, str]:
    """Give the body and its content type."""
    write, content_type = _FORMS[form]
    return write(registry), content_type


class HistogramFamilies(Collector):
    """The histograms as Prometheus reads them; the SDK's exporter would leave the exemplars out."""

    def __init__(self, histograms: Histograms) -> None:
        self._histograms = histograms
        self._declared: Mapping[str, Metric] = {metric.name: metric for metric in instruments.metrics()}

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """Each histogram that has a value."""
        for data in self._histograms.collect():
            assert isinstance(data.data, Histogram)  # noqa: S101 - made so by a tally
            metric = self._declared[data.name]
            family = HistogramMetricFamily(
                metric.prometheus_name,
                metric.description,
                labels=[label.name for label in metric.labels],
                unit=metric.prometheus_unit,
            )
            for point in data.data.data_points:
                label_values = [str(value) for value in (point.attributes or {}).values()]
                family.add_metric(label_values, list(_buckets(point)), sum_value=point.sum)
            yield family


def _buckets(
    point: HistogramDataPoint,
) -> Iterator[tuple[str, float] | tuple[str, float, PrometheusExemplar]]:
    """Each bucket's bound, how many values are below it, and the last that a sampled trace put into it."""
    shown = {bisect_left(point.explicit_bounds, one.value): one for one in point.exemplars}
    bounds = [*map(str, point.explicit_bounds), "+Inf"]
    for at, (bound, below) in enumerate(zip(bounds, accumulate(point.bucket_counts), strict=True)):
        exemplar = _exemplar(shown.get(at))
        yield (bound, below) if exemplar is None else (bound, below, exemplar)


def _exemplar(one: Exemplar | None) -> PrometheusExemplar | None:
    if one is None or one.trace_id is None or one.span_id is None:
        return None
    trace = {"trace_id": f"{one.trace_id:032x}", "span_id": f"{one.span_id:016x}"}
    return PrometheusExemplar(trace, one.value, one.time_unix_nano / 1e9)


_FORMS: Final[Mapping[MetricsForm, tuple[Callable[[CollectorRegistry], bytes], str]]] = {
    MetricsForm.TEXT: (plain.generate_latest, plain.CONTENT_TYPE_LATEST),
    MetricsForm.OPENMETRICS: (openmetrics.generate_latest, openmetrics.CONTENT_TYPE_LATEST),
}
