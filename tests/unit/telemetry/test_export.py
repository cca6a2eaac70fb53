import io
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from gateway.telemetry import events
from gateway.telemetry.export import WatchedSpanExporter
from gateway.telemetry.labels import BreakerState, OperationKind
from gateway.telemetry.loads import UpstreamLoad
from gateway.telemetry.telemetry import Telemetry
from tests.unit.telemetry.collector import collecting
from tests.unit.telemetry.recording import record


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port where connections are taken and never answered."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def dead_port() -> int:
    """A port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


@pytest.fixture(autouse=True)
def _threads_end_with_their_test() -> Iterator[None]:
    """What a shutdown left behind would still tell of its failure, in the log of the next test."""
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(30)
        assert not thread.is_alive(), thread.name


def start(endpoint: str) -> tuple[Telemetry, io.StringIO]:
    stream = io.StringIO()
    telemetry = Telemetry.start(
        "evolux-gateway", otlp_endpoint=endpoint, sample_ratio=1.0, log_format="json", log_stream=stream
    )
    return telemetry, stream


def told(stream: io.StringIO) -> list[tuple[str, str]]:
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    return sorted((line["event"], line["signal"]) for line in lines)


def test_a_collector_gets_the_spans_and_every_metric_histograms_too() -> None:
    with collecting() as collector:
        telemetry, stream = start(f"{collector.endpoint}/")
        with telemetry.tracing.server_span({}, method="POST", route="/graphql", scheme="http"):
            telemetry.record_torn_walk("acme", listing="agents")
            telemetry.record_request(OperationKind.QUERY, code=None, duration_seconds=0.1)
        telemetry.observe_loads(lambda: {"acme": UpstreamLoad(BreakerState.CLOSED, 1, 0, 9.5, 0.0, 3)})
        telemetry.shutdown(timeout_seconds=20)
        assert collector.span_names() == ["POST /graphql"]
        assert {
            "gateway.walks.torn",
            "gateway.upstream.in_flight",
            "gateway.request.duration",
        } < collector.metric_names()
    assert told(stream) == []


def test_shutdown_is_bounded_where_nobody_listens_and_the_loss_is_told_once(dead_port: int) -> None:
    telemetry, stream = start(f"http://127.0.0.1:{dead_port}")
    with telemetry.tracing.server_span({}, method="POST", route="/graphql", scheme="http"):
        pass
    began_at = time.monotonic()
    telemetry.shutdown(timeout_seconds=0.3)
    assert time.monotonic() - began_at < 2.5
    assert told(stream) == [("telemetry.export_failed", "metrics"), ("telemetry.export_failed", "traces")]


def test_shutdown_is_bounded_where_the_collector_never_answers(silent_port: int) -> None:
    telemetry, _stream = start(f"http://127.0.0.1:{silent_port}")
    with telemetry.tracing.server_span({}, method="POST", route="/graphql", scheme="http"):
        pass
    began_at = time.monotonic()
    telemetry.shutdown(timeout_seconds=0.3)
    assert time.monotonic() - began_at < 2.5


class FlakyExporter(SpanExporter):
    def __init__(self) -> None:
        self.result = SpanExportResult.FAILURE
        self.stopped = False

    def export(self, spans: object) -> SpanExportResult:  # noqa: ARG002 - the name in the SDK
        return self.result

    def shutdown(self) -> None:
        self.stopped = True


def test_a_collector_that_is_down_is_told_once_and_its_return_once() -> None:
    recorded = record()
    incidents = recorded.telemetry.incidents(
        "gateway.telemetry", failed=events.EXPORT_FAILED, recovered=events.EXPORT_RECOVERED
    )
    flaky = FlakyExporter()
    watched = WatchedSpanExporter(flaky, incidents=incidents)
    batch: list[ReadableSpan] = []
    for _ in range(50):
        assert watched.export(batch) is SpanExportResult.FAILURE
    flaky.result = SpanExportResult.SUCCESS
    for _ in range(3):
        assert watched.export(batch) is SpanExportResult.SUCCESS
    watched.shutdown()
    assert flaky.stopped
    assert [(line["event"], line["signal"], line["count"]) for line in recorded.lines] == [
        ("telemetry.export_failed", "traces", 1),
        ("telemetry.export_recovered", "traces", 50),
    ]


def test_a_collector_that_refuses_is_told_and_the_request_does_not_notice() -> None:
    with collecting() as collector:
        collector.status = 400
        telemetry, stream = start(collector.endpoint)
        with telemetry.tracing.server_span({}, method="POST", route="/graphql", scheme="http"):
            pass
        telemetry.shutdown(timeout_seconds=20)
    assert told(stream) == [("telemetry.export_failed", "metrics"), ("telemetry.export_failed", "traces")]


def test_without_an_endpoint_no_exporter_is_loaded_and_no_thread_runs() -> None:
    program = """
import io, sys, threading
from gateway.telemetry.labels import OperationKind
from gateway.telemetry.telemetry import Telemetry
telemetry = Telemetry.start("g", log_stream=io.StringIO())
telemetry.metrics.render()
loaded = {"requests", "google.protobuf", "opentelemetry.exporter.otlp"} & set(sys.modules)
print(sorted(loaded), threading.active_count())
"""
    ran = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert ran.stdout == "[] 1\n"
