"""Spans of resolvers that do work: those whose value has to be waited for, in a trace that is sampled."""

from collections.abc import Awaitable, Generator
from typing import Any

from gateway.engine.resolvers import Resolve
from gateway.telemetry.tracing import Tracing


def spanned(resolve: Resolve, *, coordinate: str) -> Resolve:
    """The resolver within a span named by its schema coordinate; what is at hand has none."""

    def resolve_in_span(row: object, info: Any, **given: object) -> Any:
        value = resolve(row, info, **given)
        tracing = info.context.tracing
        return value if tracing is None else in_span(value, tracing=tracing, coordinate=coordinate)

    return resolve_in_span


def in_span(value: Any, *, tracing: Tracing, coordinate: str) -> Any:
    """A value that is to be awaited, within a span; what is at hand has none."""
    return _Spanned(value, tracing=tracing, coordinate=coordinate) if hasattr(value, "__await__") else value


class _Spanned:
    """An awaitable whose span begins when it is awaited; one that never is can be closed."""

    __slots__ = ("_coordinate", "_tracing", "_value")

    def __init__(self, value: Awaitable[Any], *, tracing: Tracing, coordinate: str) -> None:
        self._value = value
        self._tracing = tracing
        self._coordinate = coordinate

    def __await__(self) -> Generator[Any, Any, Any]:
        with self._tracing.resolver_span(self._coordinate):
            return (yield from self._value.__await__())

    def close(self) -> None:
        """Give the value up."""
        close = getattr(self._value, "close", None)
        if close is not None:
            close()
