"""How long a request waited for Evolux: what is left of its time is the gateway's own."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from typing import Final


class UpstreamWait:
    """The time during which at least one task of a request waited for Evolux; overlaps count once."""

    __slots__ = ("_began_at", "_monotonic", "_waiting", "seconds")

    def __init__(self, *, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._waiting = 0
        self._began_at = 0.0
        self.seconds = 0.0

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the block as waiting."""
        if self._waiting == 0:
            self._began_at = self._monotonic()
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1
            if self._waiting == 0:
                self.seconds += self._monotonic() - self._began_at


_CURRENT: Final[ContextVar[UpstreamWait | None]] = ContextVar("gateway_upstream_wait", default=None)


@contextmanager
def measured_wait(*, monotonic: Callable[[], float]) -> Iterator[UpstreamWait]:
    """Collect the waits of one request, those of tasks begun within the block too."""
    wait, token = begin_measured_wait(monotonic=monotonic)
    try:
        yield wait
    finally:
        end_measured_wait(token)


def begin_measured_wait(*, monotonic: Callable[[], float]) -> tuple[UpstreamWait, Token[UpstreamWait | None]]:
    """As `measured_wait`, without the cost of a block; `end_measured_wait` takes the token."""
    wait = UpstreamWait(monotonic=monotonic)
    return wait, _CURRENT.set(wait)


def end_measured_wait(token: Token[UpstreamWait | None]) -> None:
    """Collect no more."""
    _CURRENT.reset(token)


@contextmanager
def upstream_wait() -> Iterator[None]:
    """Count the block as waiting for Evolux; outside of a request it does nothing.

    Stands where somebody waits (a miss, a coalesced reader, a write), not around a refresh behind readers.
    """
    wait = _CURRENT.get()
    if wait is None:
        yield
        return
    with wait.waiting():
        yield
