"""Our encoding of spans is the SDK's, message for message."""

import gc
from collections.abc import Sequence
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor
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

from gateway.telemetry.otlp_spans import SpanEncoder, SpansEncodedAtEnd
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


def encoded(spans: Sequence[RecordedSpan], *, encoder: SpanEncoder) -> bytes:
    return encoder.body([encoder.encode(span) for span in spans])


def test_the_encoding_is_the_sdks() -> None:
    spans = spans_of_every_kind()
    encoder = SpanEncoder()
    first, again = (ExportTraceServiceRequest.FromString(encoded(spans, encoder=encoder)) for _ in range(2))
    assert first == encode_spans(spans)
    assert again == first  # from what was kept
    (resource,) = first.resource_spans
    (scope,) = resource.scope_spans
    assert len(scope.spans) == len(SpanKind)


def test_nothing_is_encoded_as_nothing() -> None:
    assert encoded([], encoder=SpanEncoder()) == b""


def test_kept_attributes_are_bounded() -> None:
    recorder = SpanRecorder("gateway", resource=Resource({}), processors=[])
    encoder = SpanEncoder()
    for number in range(5_000):
        span = recorder.begin("query", attributes={"graphql.operation.name": f"Chosen{number}"})
        span.end()
        encoder.encode(span)
    assert 0 < len(encoder._kept) <= 2_000


@pytest.mark.parametrize("count", [1, 2, 100, 400])
def test_lengths_of_every_size_are_the_sdks(count: int) -> None:
    spans = [span for _ in range(count) for span in spans_of_every_kind()][:count]
    told = encoded(spans, encoder=SpanEncoder())
    assert ExportTraceServiceRequest.FromString(told) == encode_spans(spans)


class Batches(SpanProcessor):
    """Notes what it is handed."""

    def __init__(self) -> None:
        self.taken: list[Any] = []

    def on_end(self, span: Any) -> None:
        self.taken.append(span)


def test_spans_are_handed_on_as_bytes_in_the_order_of_their_ends() -> None:
    encoder, batches = SpanEncoder(), Batches()
    processor = SpansEncodedAtEnd(batches, encoder=encoder, on_lost=pytest.fail)
    recorder = SpanRecorder("gateway", resource=Resource({}), processors=[processor])
    outer = recorder.begin("outer")
    inner = recorder.begin("inner")
    inner.end()
    outer.end()

    told = ExportTraceServiceRequest.FromString(encoder.body(span.encoded for span in batches.taken))
    assert told == encode_spans([inner, outer])
    assert all(span.context.trace_flags.sampled and not gc.is_tracked(span) for span in batches.taken)


def test_a_span_that_cannot_be_encoded_is_lost_alone_and_told() -> None:
    batches, lost = Batches(), list[bool]()
    processor = SpansEncodedAtEnd(batches, encoder=SpanEncoder(), on_lost=lambda: lost.append(True))
    recorder = SpanRecorder("gateway", resource=Resource({}), processors=[processor])
    for text in ("whole", "half \udc80", "whole again"):
        recorder.begin("one", attributes={"text": text}).end()
    assert (len(batches.taken), len(lost)) == (2, 1)
