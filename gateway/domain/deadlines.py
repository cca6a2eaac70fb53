"""One deadline for everything that a caller's request does; it travels with the task, not by argument."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from typing import Final, TypeVar

from gateway.domain.errors import UpstreamTimeout

T = TypeVar("T")


class Deadline:
    """An instant by one monotonic clock. Each is an errand of its own: equal only to itself."""

    __slots__ = ("_monotonic", "ends_at")

    def __init__(self, seconds: float, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self.ends_at = monotonic() + seconds

    @property
    def left_seconds(self) -> float:
        """Time that is left; negative when it is over."""
        return self.ends_at - self._monotonic()


_CURRENT: Final[ContextVar[Deadline | None]] = ContextVar("gateway_deadline", default=None)


def current_deadline() -> Deadline | None:
    """The deadline of what runs here, None where nobody set one."""
    return _CURRENT.get()


class one_deadline:  # noqa: N801 - used as a verb; a class, because every request has one
    """Bound the block and the tasks begun in it: by the deadline that holds already, else by a new one."""

    __slots__ = ("_monotonic", "_seconds", "_token")

    def __init__(self, seconds: float, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._monotonic = monotonic
        self._token: Token[Deadline | None] | None = None

    def __enter__(self) -> Deadline:
        deadline = _CURRENT.get()
        if deadline is None:
            deadline = Deadline(self._seconds, monotonic=self._monotonic)
            self._token = _CURRENT.set(deadline)
        return deadline

    def __exit__(self, *_raised: object) -> None:
        if self._token is not None:
            _CURRENT.reset(self._token)


@contextmanager
def apart_from_caller() -> Iterator[None]:
    """Begin in the block what outlives this caller: a walk that others share takes a deadline of its own."""
    token = _CURRENT.set(None)
    try:
        yield
    finally:
        _CURRENT.reset(token)


async def by_deadline(awaited: Awaitable[T]) -> T:
    """Wait no longer than the deadline allows. UpstreamTimeout: it came first."""
    deadline = _CURRENT.get()
    if deadline is None:
        return await awaited
    scope = asyncio.timeout(max(0.0, deadline.left_seconds))
    try:
        async with scope:
            return await awaited
    except TimeoutError:
        if not scope.expired():
            raise
        raise UpstreamTimeout("the time for this request ended before Evolux had answered") from None
