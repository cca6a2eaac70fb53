"""A read that many fields of one operation share."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class SharedRead(Generic[T]):
    """Starts at its first use, once; its failure fails each user. Cancelled when its last user is."""

    __slots__ = ("_read", "_task", "_users")

    def __init__(self, read: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self._read = read
        self._task: asyncio.Task[T] | None = None
        self._users = 0

    def use(self, then: Callable[[T], R]) -> R | Awaitable[R]:
        """Give what `then` makes of the result: at once where it is here, else an awaitable of it."""
        task = self._task
        if task is not None and task.done() and not task.cancelled():
            return then(task.result())
        return self._use_later(then)

    async def result(self) -> T:
        """Wait for the result, or raise the read's failure."""
        task = self._begun()
        self._users += 1
        try:
            return await asyncio.shield(task)
        finally:
            self._users -= 1
            if not self._users and not task.done():
                self._task = None
                task.cancel()

    async def _use_later(self, then: Callable[[T], R]) -> R:
        return then(await self.result())

    def _begun(self) -> asyncio.Task[T]:
        if self._task is None:
            self._task = asyncio.create_task(self._read())
        return self._task
