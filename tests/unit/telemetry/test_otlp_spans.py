"""Our encoding of spans is the SDK's, message for message."""

import pytest
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


@pytest.mark.parametrize("count", [1, 2, 100, 400])
def test_lengths_of_every_size_are_the_sdks(count: int) -> None:
    spans = [span for _ in range(count) for span in spans_of_every_kind()][:count]
    assert ExportTraceServiceRequest.FromString(SpanEncoder().encode(spans)) == encode_spans(spans)


def test_portions_one_after_another_are_one_request_with_every_span_in_order() -> None:
    spans = [span for _ in range(12) for span in spans_of_every_kind()]
    encoder = SpanEncoder()
    joined = b"".join(encoder.encode(spans[at : at + 7]) for at in range(0, len(spans), 7))
    read = ExportTraceServiceRequest.FromString(joined)
    told = [one for each in read.resource_spans for scope in each.scope_spans for one in scope.spans]
    assert [one.span_id for one in told] == [span.context.span_id.to_bytes(8, "big") for span in spans]
    assert {each.resource.attributes[0].value.string_value for each in read.resource_spans} == {"gateway"}
