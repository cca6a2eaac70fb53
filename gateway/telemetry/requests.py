"""The request that is under way: what log lines say of it, and how long it waited for Evolux.

What is left of its time is the gateway's own.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Final, Self


class RequestUnderWay:
    """What is known of one request; lines within its `with` block, in tasks begun there too, say it."""

    __slots__ = (
        "_monotonic",
        "_outer",
        "_waiting",
        "_waits_since",
        "caller",
        "request_id",
        "tenant",
        "trace_id",
        "upstream_seconds",
    )

    _outer: "Token[RequestUnderWay | None]"

    def __init__(
        self, request_id: str, *, trace_id: str = "", monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.request_id = request_id
        self.trace_id = trace_id
        self.tenant: str | None = None
        self.caller: str | None = None
        self.upstream_seconds = 0.0
        self._monotonic = monotonic
        self._waiting = 0
        self._waits_since = 0.0

    @property
    def fields(self) -> dict[str, str]:
        """What is known, by the names that log lines have for it."""
        known = {
            "request_id": self.request_id,
            "trace_id": self.trace_id,
            "tenant": self.tenant,
            "caller": self.caller,
        }
        return {name: value for name, value in known.items() if value}

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the block as waiting for Evolux; blocks that overlap count once."""
        if self._waiting == 0:
            self._waits_since = self._monotonic()
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1
            if self._waiting == 0:
                self.upstream_seconds += self._monotonic() - self._waits_since

    def __enter__(self) -> Self:
        self._outer = _CURRENT.set(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _CURRENT.reset(self._outer)


_CURRENT: Final[ContextVar[RequestUnderWay | None]] = ContextVar("gateway_request", default=None)


def request_under_way() -> RequestUnderWay | None:
    """Whose work this is; None where it is nobody's."""
    return _CURRENT.get()


@contextmanager
def upstream_wait() -> Iterator[None]:
    """Count the block as waiting for Evolux; outside of a request it does nothing.

    Stands where somebody waits (a miss, a coalesced reader, a write), not around a refresh behind readers.
    """
    request = _CURRENT.get()
    if request is None:
        yield
        return
    with request.waiting():
        yield
