"""Spans as OTLP. Loaded only where a collector is set: the protocol's messages take 5 MB."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from struct import Struct
from typing import Any, ClassVar, Final

import msgspec
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, SpanFlags, Status
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.trace import Link, SpanContext, SpanKind, StatusCode, TraceFlags
from opentelemetry.util.types import AttributeValue

_KINDS: Final = {
    SpanKind.INTERNAL: Span.SPAN_KIND_INTERNAL,
    SpanKind.SERVER: Span.SPAN_KIND_SERVER,
    SpanKind.CLIENT: Span.SPAN_KIND_CLIENT,
    SpanKind.PRODUCER: Span.SPAN_KIND_PRODUCER,
    SpanKind.CONSUMER: Span.SPAN_KIND_CONSUMER,
}
_RESOURCE_SPANS: Final = b"\x0a"
_SCOPE_SPANS, _SPANS = b"\x12", b"\x12"
_TRACE_ID, _SPAN_ID, _PARENT_ID = b"\x0a\x10", b"\x12\x08", b"\x22\x08"
_START, _END = b"\x39", b"\x41"
"""Of fields: number and kind, and the length where it is always the same."""
_GROUP: Final = 0x7F
_CODES: Final = {
    StatusCode.UNSET: Status.STATUS_CODE_UNSET,
    StatusCode.OK: Status.STATUS_CODE_OK,
    StatusCode.ERROR: Status.STATUS_CODE_ERROR,
}
_KEPT: Final = 2_000
"""Kinds of spans with what they tell; of names of operations, which are in it, callers choose any."""
_DOUBLE: Final = Struct("<d")

_What = tuple[str, SpanKind, bool, StatusCode, str | None, tuple[type, ...]]
_Attributes = tuple[tuple[str, AttributeValue | None], ...]


class SpanEncoder:
    """Puts the spans of one process into the protocol's bytes.

    What comes again in span after span (names, attributes, statuses) the protocol's own classes encode once;
    what is a span's own (ids, instants, ages) is written around it here.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[_What, _Attributes], tuple[bytes, ...]] = {}
        self._around: tuple[bytes, bytes] | None = None

    def encode(self, span: ReadableSpan) -> bytes:
        """Give a span as it stands in a request. All are of the process's one resource and scope."""
        if self._around is None:
            self._around = _around(span)
        return _delimited(_SPANS, self._span(span))

    def body(self, encoded: Iterable[bytes]) -> bytes:
        """Give the request with these spans; nothing where none was ever encoded."""
        if self._around is None:
            return b""
        around, within = self._around
        scope_spans = b"".join((within, *encoded))
        return _delimited(_RESOURCE_SPANS, around + _delimited(_SCOPE_SPANS, scope_spans))

    def _span(self, span: ReadableSpan) -> bytes:
        context, parent, status = span.context, span.parent, span.status
        parts = [_TRACE_ID, context.trace_id.to_bytes(16, "big")]
        parts += (_SPAN_ID, context.span_id.to_bytes(8, "big"))
        if parent is not None:
            parts += (_PARENT_ID, parent.span_id.to_bytes(8, "big"))
        parts += (_START, (span.start_time or 0).to_bytes(8, "little"))
        parts += (_END, (span.end_time or 0).to_bytes(8, "little"))
        attributes = span.attributes or {}
        kinds = tuple(map(type, attributes.values()))  # for True is 1
        is_remote = parent is not None and parent.is_remote
        what = (span.name, span.kind, is_remote, status.status_code, status.description, kinds)
        if float not in kinds:
            parts += self._once(what, tuple(attributes.items()))
        else:
            steady = tuple(
                (key, None if kind is float else attributes[key])
                for key, kind in zip(attributes, kinds, strict=True)
            )
            around = self._once(what, steady)
            numbers = [value for value in attributes.values() if value.__class__ is float]
            for head, number in zip(around, numbers, strict=False):
                parts += (head, _DOUBLE.pack(number))
            parts.append(around[-1])
        if context.trace_state or span.links:
            state = ",".join([f"{key}={value}" for key, value in context.trace_state.items()])
            links = [_link(link) for link in span.links]
            parts.append(Span(trace_state=state, links=links).SerializeToString())
        return b"".join(parts)

    def _once(self, what: _What, attributes: _Attributes) -> tuple[bytes, ...]:
        """The bytes around numbers with a fraction, which differ each time and are not in them."""
        known = self._kept.get((what, attributes))
        if known is None:
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            known = self._kept[what, attributes] = tuple(_around_numbers(what, attributes))
        return known


class OtlpSpanExport(OTLPSpanExporter):
    """The SDK's exporter with its connection, retries and settings; only the encoding is ours.

    Its own takes several times what a span's recording takes. It sends what `SpansEncodedAtEnd` hands on.
    """

    def __init__(self, endpoint: str, *, timeout_seconds: float, encoder: SpanEncoder) -> None:
        super().__init__(endpoint=endpoint, timeout=timeout_seconds)
        self._encoder = encoder

    def export(self, spans: Sequence[Any]) -> SpanExportResult:
        """Send one batch; a failed one is lost."""
        if self._shutdown:
            return SpanExportResult.FAILURE
        sent = self._client.export(self._encoder.body(span.encoded for span in spans))
        return SpanExportResult.SUCCESS if sent.success else SpanExportResult.FAILURE


class EncodedSpan(msgspec.Struct, frozen=True, gc=False):
    """A span as it goes out, with what batches ask of one."""

    context: ClassVar[SpanContext] = SpanContext(
        1, 1, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED)
    )
    encoded: bytes


class SpansEncodedAtEnd(SpanProcessor):
    """Encodes each span as it ends, and hands on the bytes.

    What waits to be sent is nothing that the garbage collector looks at, and the thread that sends it takes
    the interpreter from the event loop for a fraction of what it took to encode there.
    """

    def __init__(
        self, batches: SpanProcessor, *, encoder: SpanEncoder, on_lost: Callable[[], object]
    ) -> None:
        self._batches = batches
        self._encoder = encoder
        self._on_lost = on_lost

    def on_end(self, span: ReadableSpan) -> None:
        """Take the span; one that cannot be encoded is lost alone, and told."""
        try:
            encoded: Any = EncodedSpan(self._encoder.encode(span))
        except (ValueError, TypeError):
            self._on_lost()
            return
        self._batches.on_end(encoded)

    def shutdown(self) -> None:
        """Send what is left."""
        self._batches.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what is there."""
        return self._batches.force_flush(timeout_millis)


def _around(span: ReadableSpan) -> tuple[bytes, bytes]:
    """What stands around spans: of the resource, and of the scope."""
    resource, scope = span.resource, span.instrumentation_scope
    attributes = [_key_value(*each) for each in (resource.attributes or {}).items()]
    around = ResourceSpans(resource=Resource(attributes=attributes), schema_url=resource.schema_url)
    within = ScopeSpans(scope=InstrumentationScope(name="" if scope is None else scope.name))
    return around.SerializeToString(), within.SerializeToString()


def _value(value: AttributeValue | None) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    return AnyValue(string_value=str(value))


def _key_value(key: str, value: AttributeValue | None) -> KeyValue:
    return KeyValue(key=key, value=_value(value))


def _around_numbers(what: _What, attributes: _Attributes) -> Iterator[bytes]:
    name, kind, is_remote, code, description, kinds = what
    status = Status(code=_CODES[code], message=description or "")
    flags = _flags(is_remote=is_remote)
    head = Span(name=name, kind=_KINDS[kind], flags=flags, status=status).SerializeToString()
    for (key, value), its_kind in zip(attributes, kinds, strict=True):
        if its_kind is float:
            told = Span(attributes=[_key_value(key, 0.0)]).SerializeToString()
            yield head + told[: -_DOUBLE.size]  # the value is what comes last
            head = b""
        else:
            head += Span(attributes=[_key_value(key, value)]).SerializeToString()
    yield head


def _link(link: Link) -> Span.Link:
    return Span.Link(
        trace_id=link.context.trace_id.to_bytes(16, "big"),
        span_id=link.context.span_id.to_bytes(8, "big"),
        attributes=[_key_value(*each) for each in (link.attributes or {}).items()],
        flags=_flags(is_remote=link.context.is_remote),
    )


def _flags(*, is_remote: bool) -> int:
    known = SpanFlags.SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK
    return known | SpanFlags.SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK if is_remote else known


def _delimited(head: bytes, message: bytes) -> bytes:
    """A message within another: its field's number and kind, its length in groups of seven bits, itself."""
    length, groups = len(message), bytearray()
    while length > _GROUP:
        groups.append(length & _GROUP | ~_GROUP & 0xFF)
        length >>= 7
    groups.append(length)
    return b"%b%b%b" % (head, bytes(groups), message)
