"""Running values of the written metrics, by labels.

The SDK's own instruments cost 20 µs a value, several per request; these cost a dictionary look-up. The SDK
reads them whenever somebody looks: counters and gauges as observed instruments, histograms as data points.
"""

import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from math import fsum
from threading import Lock
from typing import Final

from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Histogram,
    HistogramDataPoint,
    MetricsData,
)
from opentelemetry.sdk.metrics.export import Metric as MetricData

from gateway.telemetry.instruments import Metric
from gateway.telemetry.labels import LabelGuard
from gateway.telemetry.spans import recorded_context

LabelValues = Mapping[str, str]
LabelKey = tuple[str, ...]
Write = Callable[[float], None]
"""Takes one value of one metric under labels that were told before."""


class LabelGuards:
    """Turns label values into a key in the declared order, the open ones bounded by their guards."""

    def __init__(self, guards: Mapping[str, LabelGuard]) -> None:
        self._guards = guards

    def key(self, metric: Metric, label_values: LabelValues) -> LabelKey:
        """Give the key; `ValueError` where the labels are not exactly those of the declaration."""
        if len(label_values) != len(metric.labels):
            raise ValueError(f"{metric.name} takes {[label.name for label in metric.labels]}")
        return tuple([self._bounded(label.name, label_values[label.name]) for label in metric.labels])

    def _bounded(self, name: str, value: str) -> str:
        guard = self._guards.get(name)
        return value if guard is None else guard.admit(value)


def labels_of(metric: Metric, key: LabelKey) -> dict[str, str]:
    """Give names and values of a key."""
    return {label.name: value for label, value in zip(metric.labels, key, strict=True)}


class Tally:
    """The values of one counter or gauge."""

    def __init__(self, metric: Metric, *, guards: LabelGuards) -> None:
        self._metric = metric
        self._guards = guards
        self._values: dict[LabelKey, float] = {}

    def add(self, amount: float, label_values: LabelValues) -> None:
        """Count further."""
        self.cell(label_values)(amount)

    def cell(self, label_values: LabelValues) -> Write:
        """As `add`, for these labels, looked at once."""
        key, values = self._guards.key(self._metric, label_values), self._values

        def add(amount: float) -> None:
            values[key] = values.get(key, 0) + amount

        return add

    def put(self, value: float, label_values: LabelValues) -> None:
        """Make this the value from now on."""
        self._values[self._guards.key(self._metric, label_values)] = value

    def read(self) -> Iterator[tuple[dict[str, str], float]]:
        """Give each set of labels with its value."""
        for key, value in tuple(self._values.items()):
            yield labels_of(self._metric, key), value


class _Buckets:
    """The values under one set of labels. They are sorted into their buckets many at a time, or when read."""

    __slots__ = ("_folding", "_pending", "began_at_ns", "bounds", "counts", "exemplars", "max", "min", "sum")

    def __init__(self, bounds: tuple[float, ...], began_at_ns: int) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.began_at_ns = began_at_ns
        self.sum = 0.0
        self.min = float("inf")
        self.max = float("-inf")
        self.exemplars: dict[int, Exemplar] = {}
        self._pending: list[float] = []
        self._folding = Lock()

    def put(self, value: float) -> None:
        self._pending.append(value)
        if len(self._pending) >= _PENDING:
            self.fold()
        context = recorded_context()
        if context is not None:
            at = bisect_left(self.bounds, value)
            self.exemplars[at] = Exemplar({}, value, time.time_ns(), context.span_id, context.trace_id)

    def fold(self) -> None:
        """Count what waits."""
        with self._folding:
            self._fold()

    def as_point(self, attributes: dict[str, str]) -> HistogramDataPoint:
        """Give all values so far, for whoever reads, in a thread of its own."""
        with self._folding:
            self._fold()
            return HistogramDataPoint(
                attributes=attributes,
                start_time_unix_nano=self.began_at_ns,
                time_unix_nano=time.time_ns(),
                count=sum(self.counts),
                sum=self.sum,
                bucket_counts=tuple(self.counts),
                explicit_bounds=self.bounds,
                min=self.min,
                max=self.max,
                exemplars=tuple(self.exemplars.values()),
            )

    def _fold(self) -> None:
        values = self._pending[:]
        if not values:
            return
        del self._pending[: len(values)]  # what was put meanwhile stands behind them
        values.sort()
        self.sum += fsum(values)
        self.min = min(self.min, values[0])
        self.max = max(self.max, values[-1])
        counted = 0
        for at, bound in enumerate(self.bounds):
            reached = bisect_right(values, bound, lo=counted)
            self.counts[at] += reached - counted
            counted = reached
        self.counts[-1] += len(values) - counted


_PENDING: Final = 256


class HistogramTally:
    """The buckets of one histogram, each with the last value that a sampled trace put into it."""

    def __init__(self, metric: Metric, *, guards: LabelGuards) -> None:
        self._metric = metric
        self._guards = guards
        self._buckets: dict[LabelKey, _Buckets] = {}

    def record(self, value: float, label_values: LabelValues) -> None:
        """Put one value in."""
        self.cell(label_values)(value)

    def cell(self, label_values: LabelValues) -> Write:
        """As `record`, for these labels, looked at once."""
        key = self._guards.key(self._metric, label_values)
        buckets = self._buckets.get(key)
        if buckets is None:
            buckets = self._buckets[key] = _Buckets(self._metric.buckets, time.time_ns())
        return buckets.put

    def as_data(self) -> MetricData | None:
        """Give the histogram as the SDK hands it to exporters; None before the first value."""
        points = [
            buckets.as_point(labels_of(self._metric, key)) for key, buckets in tuple(self._buckets.items())
        ]
        points = [point for point in points if point.count]
        if not points:
            return None
        return MetricData(
            name=self._metric.name,
            description=self._metric.description,
            unit=self._metric.unit,
            data=Histogram(points, AggregationTemporality.CUMULATIVE),
        )


class Histograms:
    """All histograms of one set of metrics, and the way they join what the SDK collected."""

    def __init__(self) -> None:
        self._tallies: list[HistogramTally] = []

    def add(self, tally: HistogramTally) -> None:
        """Take one histogram in."""
        self._tallies.append(tally)

    def collect(self) -> list[MetricData]:
        """Give each histogram that has a value."""
        return [data for data in (tally.as_data() for tally in self._tallies) if data is not None]

    def join(self, collected: MetricsData) -> MetricsData:
        """Give the collection with the histograms in it."""
        ours = self.collect()
        resource, *other_resources = collected.resource_metrics
        scope, *other_scopes = resource.scope_metrics
        scope = replace(scope, metrics=[*scope.metrics, *ours])
        resource = replace(resource, scope_metrics=[scope, *other_scopes])
        return replace(collected, resource_metrics=[resource, *other_resources])
