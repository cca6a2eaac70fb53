"""Open spans: a sampled one that records, and one that costs next to nothing."""

from asyncio import CancelledError
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from http import HTTPStatus
from types import TracebackType
from typing import Final, Self

from opentelemetry import context as otel_context
from opentelemetry.trace import (
    INVALID_SPAN,
    Span,
    SpanContext,
    Status,
    StatusCode,
    set_span_in_context,
)

from gateway.domain.errors import ErrorCode, GatewayError, Refusal
from gateway.telemetry import names
from gateway.telemetry.names import Attribute

_UNSAMPLED_TRACE: Final[ContextVar[str]] = ContextVar("gateway_unsampled_trace", default="")
_RECORDED: Final[ContextVar[Span | None]] = ContextVar("gateway_recorded", default=None)
"""The current span, where it records. Each question costs a look here; at the SDK's context it costs ten."""
_REFUSALS: Final = frozenset(refusal.code for refusal in Refusal.__subclasses__())


class OpenSpan:
    """A span that is current while its `with` (or `async with`) block runs, and ends with it.

    An exception that leaves the block sets the code and the status; a cancellation is only noted, and a
    refusal is an answer. No message, stack or argument is ever recorded.
    """

    __slots__ = ("_error_status", "_outside", "_span", "_token")

    _outside: Token[Span | None]

    def __init__(self, span: Span, *, error_status: int = HTTPStatus.INTERNAL_SERVER_ERROR) -> None:
        self._span = span
        self._error_status = error_status

    @property
    def context(self) -> SpanContext | None:
        """What another span needs to link to this one; None where this is not sampled."""
        return self._span.get_span_context() if self.is_recording else None

    @property
    def trace_id(self) -> str:
        """The trace's id as 32 hex digits, sampled or not; empty where there is no trace."""
        return trace_id_of(self._span)

    @property
    def is_recording(self) -> bool:
        """Whether attributes are worth computing."""
        return self._span.is_recording()

    def note(self, attribute: Attribute, value: str | float | bool) -> None:  # noqa: FBT001 - a value, not a switch
        """Set one declared attribute."""
        self._span.set_attribute(attribute, value)

    def link(self, other: SpanContext | None) -> None:
        """Point to the span that did this one's work."""
        if other is not None:
            self._span.add_link(other)

    def answered(self, status: int) -> None:
        """Note the HTTP status; 5xx is an error of a server, 4xx one of a client's request too."""
        self.note(names.HTTP_STATUS, status)
        if status >= self._error_status:
            self.fail(str(status))

    def fail(self, code: str) -> None:
        """Mark the span as failed with an error code of the catalogue, a status or a class name."""
        self.note(names.ERROR_TYPE, code)
        self._span.set_status(Status(StatusCode.ERROR, code))

    def end_with(self, code: ErrorCode | None) -> None:
        """Take up the first error code of an answer, none where it has no error."""
        if code in _REFUSALS and code is not None:
            self.note(names.REFUSAL, code.value)
        elif code is not None:
            self.fail(code.value)

    def hang_up(self) -> None:
        """Note that the caller left: not an error."""
        self.note(names.CANCELLED, True)

    @contextmanager
    def current(self) -> Iterator[None]:
        """Make it current for a block of ours, and leave it open, to be entered once more or ended."""
        outside = _RECORDED.set(self._span if self.is_recording else None)
        try:
            yield
        finally:
            _RECORDED.reset(outside)

    def end(self) -> None:
        """End one that was not entered."""
        self._span.end()

    def __enter__(self) -> Self:
        self._token = otel_context.attach(set_span_in_context(self._span))
        self._outside = _RECORDED.set(self._span if self.is_recording else None)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None and self.is_recording:
            self._judge(error)
        _RECORDED.reset(self._outside)
        otel_context.detach(self._token)
        self._span.end()

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, trace)

    def _judge(self, error: BaseException) -> None:
        match error:
            case CancelledError() | GeneratorExit():
                self.hang_up()
            case Refusal():
                self.note(names.REFUSAL, error.code.value)
            case GatewayError():
                self.fail(error.code.value)
            case _:
                self.fail(type(error).__qualname__)


class UnsampledSpan(OpenSpan):
    """Stands for every span below one that is not sampled: touches nothing, may be entered often."""

    __slots__ = ()

    @property
    def trace_id(self) -> str:
        """The id of the trace that goes on around it."""
        return current_trace_id()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass


UNSAMPLED: Final = UnsampledSpan(INVALID_SPAN)


class UnsampledRoot(OpenSpan):
    """The server span of a trace that is not sampled: nothing but the trace's id, which goes on from here.

    The SDK knows nothing of it: a span that records nothing costs it 40 µs.
    """

    __slots__ = ("_outer", "_trace_id")

    _outer: Token[str]

    def __init__(self, trace_id: str) -> None:
        self._trace_id = trace_id

    @property
    def trace_id(self) -> str:
        """The trace's id as 32 hex digits."""
        return self._trace_id

    @property
    def context(self) -> SpanContext | None:
        """Nothing that a link could point to."""
        return None

    @property
    def is_recording(self) -> bool:
        """Never."""
        return False

    def note(self, attribute: Attribute, value: str | float | bool) -> None:  # noqa: FBT001 - a value, not a switch
        """Nothing."""

    def answered(self, status: int) -> None:
        """Nothing."""

    def fail(self, code: str) -> None:
        """Nothing."""

    def __enter__(self) -> Self:
        self._outer = _UNSAMPLED_TRACE.set(self._trace_id)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _UNSAMPLED_TRACE.reset(self._outer)


def is_sampled() -> bool:
    """Whether the current span records; asked before any attribute is put together."""
    return _RECORDED.get() is not None


def recorded_context() -> SpanContext | None:
    """What a child of the current span, or a link to it, needs; None where nothing is recorded."""
    span = _RECORDED.get()
    return None if span is None else span.get_span_context()


def link_current_span(other: SpanContext | None) -> None:
    """Point from the current span to the one that did its work."""
    span = _RECORDED.get()
    if span is not None and other is not None:
        span.add_link(other)


def current_trace_id() -> str:
    """The current trace's id as 32 hex digits, sampled or not; empty outside of one."""
    span = _RECORDED.get()
    return unsampled_trace_id() if span is None else trace_id_of(span)


def unsampled_trace_id() -> str:
    """The id of the trace that goes on here without being sampled; empty where there is none."""
    return _UNSAMPLED_TRACE.get()


def trace_id_of(span: Span) -> str:
    """Give the trace's id as 32 hex digits; empty where there is no trace."""
    context = span.get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else unsampled_trace_id()
