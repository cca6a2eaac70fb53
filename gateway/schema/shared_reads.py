"""A read that many fields of one operation share."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator
from types import coroutine
from typing import Any, Generic, TypeVar

from gateway.engine.beside import across, home_beyond, is_at_home

T = TypeVar("T")
R = TypeVar("R")


class SharedRead(Generic[T]):
    """Starts at its first use, once; its failure fails each user. Cancelled when its last user is.

    `read` and `at_hand` are called with `args`; what is `known` was read already. `on_use` is told the result
    when a field first uses it.
    """

    __slots__ = (
        "_args",
        "_at_hand",
        "_begun",
        "_on_use",
        "_outcome",
        "_read",
        "_task",
        "_users",
        "is_alone",
        "uses",
    )

    def __init__(
        self,
        read: Callable[..., Coroutine[Any, Any, T]],
        args: tuple[Any, ...] = (),
        at_hand: Callable[..., T | None] | None = None,
        on_use: Callable[[T], None] | None = None,
        known: T | None = None,
    ) -> None:
        self._read = read
        self._args = args
        self._at_hand = at_hand
        self._on_use = on_use
        self._outcome: tuple[T | None, Exception | None] | None = None if known is None else (known, None)
        self._begun: tuple[Coroutine[Any, Any, T], Any] | None = None
        self._task: asyncio.Task[T] | None = None
        self._users = 0
        self.uses = 0
        self.is_alone = False
        """Whether only one user at a time asks: the read then runs in that user's own task."""

    def use(self, then: Callable[[T], R | Awaitable[R]]) -> R | Awaitable[R]:
        """Give what `then` makes of the result: at once where it is here, else an awaitable of it.

        `then` may have to wait in turn, and then gives an awaitable itself.
        """
        if self._outcome is not None:
            return then(self.note_use())
        return then(self.note_use()) if self._is_here() or self._take() else self._use_later(then)

    async def result(self) -> T:
        """Wait for the result, or raise the read's failure."""
        await self.ready()
        self._is_here()
        return self.note_use()

    async def ready(self) -> None:
        """Wait until it is here, whatever comes of it: that is no use of it.

        Where this runs beside the main loop, it is read there.
        """
        if self._is_here() or self._take():
            return
        home = home_beyond()
        if home is not None:
            await across(self.ready, to=home)
            return
        if self.is_alone and self._task is None:
            await self.settle()
        else:
            await self._wait()

    def peek(self) -> T | None:
        """The result if it is here, which is no use of it; None where it is not, or the read failed."""
        outcome = self._outcome
        if outcome is not None:
            return outcome[0]
        return self._outcome[0] if self._is_here() and self._outcome is not None else None

    def settle_at_once(self) -> bool:
        """Have it read if that takes no waiting, and say so; else it is begun, and `settle` has to follow."""
        if self._is_here():
            return True
        if self._task is not None or self._begun is not None:
            return False
        if self._take():
            return True
        work = self._read(*self._args)
        try:
            self._begun = (work, work.send(None))
        except StopIteration as done:
            self._outcome = (done.value, None)
        except Exception as failure:  # noqa: BLE001 - whatever it is, it is raised where the result is used
            self._outcome = (None, failure)
        return self._outcome is not None

    def _take(self) -> bool:
        """Take what can be had without a coroutine, and say whether there was something.

        Only the main loop's thread does: what is held may be read anew behind the reader.
        """
        at_hand = None
        if self._at_hand is not None and self._task is None and self._begun is None and is_at_home():
            at_hand = self._at_hand(*self._args)
        if at_hand is not None:
            self._outcome = (at_hand, None)
        return at_hand is not None

    async def settle(self, *, on_wait: Callable[[], None] = lambda: None) -> None:
        """Have it read, whatever comes of it, for a caller who knows that nobody else asks meanwhile.

        It runs in the caller's own task: what is at hand is had without one. `on_wait` is called before the
        caller has to wait.
        """
        if self.settle_at_once() or self._begun is None:
            return
        (work, awaited), self._begun = self._begun, None
        on_wait()
        try:
            self._outcome = (await _go_on(work, awaited), None)
        except Exception as failure:  # noqa: BLE001 - whatever it is, it is raised where the result is used
            self._outcome = (None, failure)

    def _is_here(self) -> bool:
        if self._outcome is None and self._task is not None:
            task = self._task
            if task.done() and not task.cancelled():
                failure = task.exception()
                if failure is None:
                    self._outcome = (task.result(), None)
                elif isinstance(failure, Exception):
                    self._outcome = (None, failure)
        return self._outcome is not None

    def note_use(self) -> T:
        """Count a use of what is here, and give it, or raise the read's failure."""
        assert self._outcome is not None  # noqa: S101 - callers have waited
        value, failure = self._outcome
        if failure is not None:
            raise failure
        self.uses += 1
        if self._on_use is not None:
            self._on_use(value)  # type: ignore[arg-type]  # an outcome without a failure has a value
            self._on_use = None
        return value  # type: ignore[return-value]  # the same

    async def _use_later(self, then: Callable[[T], R | Awaitable[R]]) -> R:
        made = then(await self.result())
        return await made if isinstance(made, Awaitable) else made

    async def _wait(self) -> None:
        task = self._task
        if task is None:
            task = self._task = asyncio.create_task(self._read(*self._args))
        self._users += 1
        try:
            await asyncio.wait([task])
        finally:
            self._users -= 1
            if not self._users and not task.done():
                self._task = None
                task.cancel()
        if not self._is_here():
            task.result()


@coroutine
def _go_on(work: Coroutine[Any, Any, T], awaited: Any) -> Generator[Any, Any, T]:
    """Await `work`, which has begun, and waits for this."""
    try:
        while True:
            try:
                given = yield awaited
            except BaseException as thrown:  # noqa: BLE001 - a cancellation, too, is for the work to see
                awaited = work.throw(thrown)
            else:
                awaited = work.send(given)
    except StopIteration as done:
        result: T = done.value
        return result
