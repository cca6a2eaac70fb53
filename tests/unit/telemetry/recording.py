"""A telemetry that keeps what it is told, for tests to look at."""

import io
import json
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client.parser import text_string_to_metric_families

from gateway.telemetry.logs import Logs
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.telemetry import Telemetry
from gateway.telemetry.tracing import Tracing


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Recorded:
    """A telemetry and all that it was told."""

    telemetry: Telemetry
    exporter: InMemorySpanExporter
    stream: io.StringIO
    clock: Clock = field(default_factory=Clock)

    @property
    def spans(self) -> dict[str, ReadableSpan]:
        """Ended spans by name."""
        return {span.name: span for span in self.exporter.get_finished_spans()}

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Every log line."""
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]

    def samples(self, metric: str) -> dict[frozenset[tuple[str, str]], float]:
        """Values of one name on `/metrics`, by labels."""
        return samples(self.telemetry.metrics, metric)


def record(*, sample_ratio: float = 1.0, tenants_limit: int = 200) -> Recorded:
    """Make a telemetry that keeps what it is told."""
    exporter, stream, clock = InMemorySpanExporter(), io.StringIO(), Clock()
    processor = SimpleSpanProcessor(exporter, meter_provider=NoOpMeterProvider())
    resource = Resource({"service.name": "gateway-under-test"})
    telemetry = Telemetry(
        tracing=Tracing(resource=resource, sample_ratio=sample_ratio, processors=[processor]),
        metrics=Metrics(resource=resource, tenants_limit=tenants_limit),
        logs=Logs(fmt="json", stream=stream),
        monotonic=clock,
    )
    return Recorded(telemetry, exporter, stream, clock)


def samples(metrics: Metrics, name: str) -> dict[frozenset[tuple[str, str]], float]:
    """Values of one name on `/metrics`, by labels."""
    page = metrics.render()[0].decode()
    return {
        frozenset(sample.labels.items()): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name == name
    }


def labels(**label_values: str) -> frozenset[tuple[str, str]]:
    """Name a set of labels."""
    return frozenset(label_values.items())
