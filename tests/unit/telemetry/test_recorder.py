"""Spans recorded here are what the SDK's processors and exporters take for its own."""

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import (
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
    set_span_in_context,
)
from opentelemetry.trace.span import NonRecordingSpan

from gateway.telemetry.recorder import SpanRecorder

PARENT = SpanContext(
    0xA1, 0xB2, is_remote=True, trace_flags=TraceFlags(1), trace_state=TraceState([("v", "1")])
)


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def recorder(exporter: InMemorySpanExporter) -> SpanRecorder:
    resource = Resource({"service.name": "gateway"})
    return SpanRecorder("gateway", resource=resource, processors=[SimpleSpanProcessor(exporter)])


def test_a_root_has_a_random_trace_and_a_child_its_parents(recorder: SpanRecorder) -> None:
    root = recorder.begin("root")
    child = recorder.begin("child", context=set_span_in_context(root))
    remote = recorder.begin("remote", context=set_span_in_context(NonRecordingSpan(PARENT)))
    assert root.parent is None
    assert root.context.trace_flags == TraceFlags.SAMPLED | TraceFlags.RANDOM_TRACE_ID
    assert child.parent == root.context
    assert child.context.trace_id == root.context.trace_id
    assert child.context.span_id != root.context.span_id
    assert child.context.trace_flags == root.context.trace_flags
    assert remote.parent == PARENT
    assert (remote.context.trace_id, remote.context.trace_state) == (0xA1, PARENT.trace_state)
    assert remote.context.trace_flags == TraceFlags.SAMPLED
    assert recorder.begin("other").context.trace_id != root.context.trace_id


def test_a_span_is_handed_on_once_and_then_stays_as_it_is(
    recorder: SpanRecorder, exporter: InMemorySpanExporter
) -> None:
    span = recorder.begin("read", kind=SpanKind.CLIENT, attributes={"a": 1})
    assert span.is_recording()
    assert exporter.get_finished_spans() == ()
    span.set_attribute("b", "ç" * 300)
    span.add_link(PARENT)
    span.set_status(Status(StatusCode.ERROR, "TIMEOUT"))
    span.end()
    span.end()
    span.set_attribute("c", 1)
    span.set_attributes({"d": 1})
    span.add_link(PARENT)
    span.set_status(StatusCode.OK)
    span.update_name("other")
    (told,) = exporter.get_finished_spans()
    assert not span.is_recording()
    assert dict(told.attributes or {}) == {"a": 1, "b": "ç" * 256}
    assert [link.context for link in told.links] == [PARENT]
    assert (told.status.status_code, told.status.description) == (StatusCode.ERROR, "TIMEOUT")
    assert (told.name, told.kind) == ("read", SpanKind.CLIENT)
    assert told.end_time is not None
    assert told.start_time is not None
    assert told.start_time <= told.end_time


def test_attributes_and_links_are_bounded(recorder: SpanRecorder) -> None:
    span = recorder.begin("read")
    for number in range(40):
        span.set_attribute(f"a{number}", number)
        span.add_link(PARENT)
    span.set_attribute("a0", "again")
    span.add_link(SpanContext(0, 0, is_remote=False))
    assert list(span.attributes or {}) == [f"a{number}" for number in range(32)]
    assert (span.attributes or {})["a0"] == "again"
    assert len(span.links) == 16


def test_neither_exceptions_nor_events_are_kept(recorder: SpanRecorder) -> None:
    span = recorder.begin("read")
    span.record_exception(ValueError("senha=hunter2"))
    span.add_event("senha", {"is": "hunter2"})
    span.end()
    assert span.events == ()
    assert "hunter2" not in span.to_json()
