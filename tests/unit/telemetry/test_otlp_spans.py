"""Our encoding of spans is the SDK's, message for message."""

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
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

from gateway.telemetry.otlp_spans import SpanEncoder
from gateway.telemetry.recorder import RecordedSpan, SpanRecorder

REMOTE = SpanContext(
    0xA1, 0xB2, is_remote=True, trace_flags=TraceFlags(1), trace_state=TraceState([("v", "1")])
)


def spans_of_every_kind() -> list[RecordedSpan]:
    recorder = SpanRecorder("gateway", resource=Resource({"service.name": "gateway", "n": 1}), processors=[])
    spans = [
        recorder.begin(
            f"span of {kind.name} — ação",
            kind=kind,
            attributes={"text": "Zoë", "whole": 3, "part": 0.5, "yes": True, "no": False, "none": ""},
            context=set_span_in_context(NonRecordingSpan(REMOTE)) if kind is SpanKind.SERVER else None,
        )
        for kind in SpanKind
    ]
    spans[0].add_link(REMOTE, {"why": "coalesced"})
    spans[0].add_link(spans[1].context)
    spans[1].set_status(Status(StatusCode.ERROR, "TIMEOUT"))
    spans[2].set_status(StatusCode.OK)
    for span in spans:
        span.end()
    return spans


def test_the_encoding_is_the_sdks() -> None:
    spans = spans_of_every_kind()
    encoder = SpanEncoder()
    first, again = (ExportTraceServiceRequest.FromString(encoder.encode(spans)) for _ in range(2))
    assert first == encode_spans(spans)
    assert again == first  # from what was kept
    (resource,) = first.resource_spans
    (scope,) = resource.scope_spans
    assert len(scope.spans) == len(SpanKind)


def test_nothing_is_encoded_as_nothing() -> None:
    assert SpanEncoder().encode([]) == b""


def test_kept_attributes_are_bounded() -> None:
    recorder = SpanRecorder("gateway", resource=Resource({}), processors=[])
    encoder = SpanEncoder()
    for number in range(5_000):
        span = recorder.begin("query", attributes={"graphql.operation.name": f"Chosen{number}"})
        span.end()
        encoder.encode([span])
    assert 0 < len(encoder._kept) <= 2_000
