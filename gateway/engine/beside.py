"""An event loop beside the main one, for work that would hold it; what is read is read on the main one."""

import asyncio
import threading
from asyncio import AbstractEventLoop
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from typing import Any, Final, TypeVar

T = TypeVar("T")

Work = Callable[[], Coroutine[Any, Any, T]]

_HOME: Final[ContextVar[AbstractEventLoop | None]] = ContextVar("gateway_home_loop", default=None)


class Departure:
    """Whether the caller has left: work that cannot be cancelled while it computes looks here."""

    __slots__ = ("has_left",)

    def __init__(self) -> None:
        self.has_left = False

    def check(self) -> None:
        """Raise `CancelledError` once the caller has left."""
        if self.has_left:
            raise asyncio.CancelledError

    def note(self) -> None:
        """The caller has left."""
        self.has_left = True


class SideLoop:
    """One thread with an event loop, there while there is work.

    One for all that computes: of several threads each would make the main loop wait for its turn.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: AbstractEventLoop | None = None
        self._idle = asyncio.Event()
        self._at_work = 0

    async def run(self, work: Callable[[Departure], Coroutine[Any, Any, T]]) -> T:
        """Run it there, in the caller's context; one that is cancelled has ended when this does."""
        departure = Departure()
        token = _HOME.set(asyncio.get_running_loop())
        loop = self._enter()
        try:
            return await across(lambda: work(departure), to=loop, on_cancel=departure.note)
        finally:
            self._leave(loop)
            _HOME.reset(token)

    def _enter(self) -> AbstractEventLoop:
        with self._lock:
            self._at_work += 1
            if self._loop is None:
                self._loop, self._idle = asyncio.new_event_loop(), asyncio.Event()
                serving = threading.Thread(
                    target=_serve, args=(self._loop, self._idle), name="beside-the-loop", daemon=True
                )
                serving.start()
            return self._loop

    def _leave(self, loop: AbstractEventLoop) -> None:
        with self._lock:
            self._at_work -= 1
            if not self._at_work:
                self._loop = None
                loop.call_soon_threadsafe(self._idle.set)


def _serve(loop: AbstractEventLoop, idle: asyncio.Event) -> None:
    """Run until there is nothing to do; what work left behind is cancelled."""
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(_wait(idle))


async def _wait(idle: asyncio.Event) -> None:
    await idle.wait()


def home_beyond() -> AbstractEventLoop | None:
    """The main loop, for what runs beside it; None for what runs on it, or was not sent beside it."""
    home = _HOME.get()
    if home is None:
        return None
    try:
        return None if home is asyncio.get_running_loop() else home
    except RuntimeError:  # a thread without a loop works for the main one
        return None


def is_at_home() -> bool:
    """Whether this is run by the main loop: not beside it, nor by a thread that works for it."""
    try:
        return _HOME.get() in {None, asyncio.get_running_loop()}
    except RuntimeError:
        return False


async def across(work: Work[T], *, to: AbstractEventLoop, on_cancel: Callable[[], None] = lambda: None) -> T:
    """Run it on another thread's loop, in this context; once cancelled, wait until it has ended there."""
    here = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = here.create_future()
    begun: list[asyncio.Task[T]] = []

    def begin() -> None:
        task = to.create_task(work())
        begun.append(task)
        task.add_done_callback(lambda task: here.call_soon_threadsafe(_settle, outcome, task))

    def give_up() -> None:
        begun[0].cancel()

    to.call_soon_threadsafe(begin)
    try:
        await asyncio.wait([outcome])
    except asyncio.CancelledError:
        on_cancel()
        to.call_soon_threadsafe(give_up)
        await _end_of(outcome)
        raise
    return outcome.result()


def _settle(outcome: "asyncio.Future[T]", task: "asyncio.Task[T]") -> None:
    failure = None if task.cancelled() else task.exception()
    if task.cancelled():
        outcome.cancel()
    elif failure is not None:
        outcome.set_exception(failure)
    else:
        outcome.set_result(task.result())


async def _end_of(outcome: "asyncio.Future[Any]") -> None:
    """Wait for it, however often this is cancelled; what came of it is of no interest."""
    while not outcome.done():
        try:
            await asyncio.wait([outcome])
        except asyncio.CancelledError:
            continue
    if not outcome.cancelled():
        outcome.exception()
