"""A real OTLP receiver, and the trees of spans that it was sent."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.trace.v1.trace_pb2 import Span
from oteltap import OtelTapHttpProtobufReceiver, OtelTapHttpProtobufReceiverSettings

CALLER_TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER_SPAN = "b7ad6b7169203331"
TRACEPARENT = {"traceparent": f"00-{CALLER_TRACE}-{CALLER_SPAN}-01"}

Tree = dict[str, Any]


@dataclass(kw_only=True)
class Received:
    """The spans that came, and where to send them."""

    endpoint: str
    spans: list[Span] = field(default_factory=list)

    def of(self, trace_id: str = CALLER_TRACE) -> list[Span]:
        """The spans of one trace, in the order of their beginning."""
        found = [span for span in self.spans if span.trace_id.hex() == trace_id]
        return sorted(found, key=lambda span: span.start_time_unix_nano)

    def tree(self, trace_id: str = CALLER_TRACE, *, root: str = CALLER_SPAN) -> Tree:
        """The trace as names within names, repeated ones counted: `GET /x *3`."""
        return _tree(self.of(trace_id), root)

    def named(self, name: str, *, trace_id: str = CALLER_TRACE) -> list[Span]:
        """The trace's spans of this name."""
        return [span for span in self.of(trace_id) if span.name == name]


@asynccontextmanager
async def receiving() -> AsyncIterator[Received]:
    """Run a receiver on a port that the system chose."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = OtelTapHttpProtobufReceiverSettings(http_port=port)
    async with OtelTapHttpProtobufReceiver(settings) as tap:
        received = Received(endpoint=f"http://127.0.0.1:{port}")
        reading = asyncio.create_task(_read(tap, into=received.spans))
        try:
            yield received
        finally:
            reading.cancel()
            with suppress(asyncio.CancelledError):
                await reading


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for what cannot be awaited: the receiver hands spans on one by one, a log grows line by line."""
    async with asyncio.timeout(20):
        while not is_so():  # noqa: ASYNC110 - neither has an event of its own
            await asyncio.sleep(0.02)


def attributes_of(span: Span) -> dict[str, Any]:
    """The attributes as plain values."""
    return {one.key: getattr(one.value, str(one.value.WhichOneof("value"))) for one in span.attributes}


async def _read(tap: OtelTapHttpProtobufReceiver, *, into: list[Span]) -> None:
    async for span in tap.stream_traces():
        into.append(span)  # noqa: PERF401 - looked at while it grows


def _tree(spans: list[Span], root: str) -> Tree:
    tree: Tree = {}
    for name, same in _by_name([span for span in spans if span.parent_span_id.hex() == root]):
        below = [_tree(spans, span.span_id.hex()) for span in same]
        tree[name if len(same) == 1 else f"{name} *{len(same)}"] = below[0]
        assert all(one == below[0] for one in below)
    return tree


def _by_name(spans: list[Span]) -> Iterator[tuple[str, list[Span]]]:
    for name in dict.fromkeys(span.name for span in spans):
        yield name, [span for span in spans if span.name == name]
