"""Documents: read once in a thread of their own, held by their text within a bound of bytes."""

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final, TypeVar

import cachetools

from gateway.domain.errors import Overloaded, RateLimited
from gateway.engine.costs import CostModel
from gateway.engine.limits import FormLimits
from gateway.engine.reading import Document, read_document

MAX_WAITING: Final = 200
MAX_WAITING_OF_ONE_CALLER: Final = 16
"""Documents never seen before that wait to be read; a hostile one takes about a tenth of a second."""

_Work = tuple[str, bool]
T = TypeVar("T")


class Documents:
    """Reads documents against one schema.

    Parsing and validating are too long for the event loop, even at the limits. They are done in one thread:
    the loop goes on, at the interpreter's switch interval, and a flood of documents costs one core at most.
    """

    def __init__(self, *, limits: FormLimits, costs: CostModel, max_held_bytes: int = 32 * 2**20) -> None:
        self._limits = limits
        self._costs = costs
        self._max_held_bytes = max_held_bytes
        self._held: cachetools.LRUCache[str, Document] = cachetools.LRUCache(
            maxsize=max_held_bytes, getsizeof=_weigh
        )
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="documents")
        self._under_way: dict[_Work, asyncio.Future[Document]] = {}
        self._waiting: Counter[str] = Counter()

    async def read(self, text: str, *, caller: str, hide_suggestions: bool = False) -> Document:
        """Read the text, or take what is held; errors stand in the document.

        `RateLimited` and `Overloaded` where the caller, or all together, wait for too many already.
        """
        held = self._held.get(text)
        if held is not None:
            return held
        work = (text, hide_suggestions)
        future = self._under_way.get(work)
        if future is None:
            self._check_room(caller)
            self._waiting[caller] += 1
            future = self._begin(work)
            future.add_done_callback(partial(self._settle, work, caller))
        return await asyncio.shield(future)

    async def beside_the_loop(self, work: Callable[[], T]) -> T:
        """Run other work that is CPU alone in the same thread."""
        if len(self._under_way) >= MAX_WAITING:
            raise _overloaded()
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def close(self) -> None:
        """End the thread once what it does is done."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _check_room(self, caller: str) -> None:
        if self._waiting[caller] >= MAX_WAITING_OF_ONE_CALLER:
            raise RateLimited(
                f"Over {MAX_WAITING_OF_ONE_CALLER} documents of yours wait to be read for the first time.",
                retry_after_seconds=1.0,
            )
        if len(self._under_way) >= MAX_WAITING:
            raise _overloaded()

    def _begin(self, work: _Work) -> "asyncio.Future[Document]":
        text, hide_suggestions = work
        read = partial(
            read_document, text, limits=self._limits, costs=self._costs, hide_suggestions=hide_suggestions
        )
        future = asyncio.get_running_loop().run_in_executor(self._thread, read)
        self._under_way[work] = future
        return future

    def _settle(self, work: _Work, caller: str, future: "asyncio.Future[Any]") -> None:
        del self._under_way[work]
        self._waiting[caller] -= 1
        if not self._waiting[caller]:
            del self._waiting[caller]
        if future.cancelled() or future.exception() is not None:
            return
        document = future.result()
        if not document.errors and _weigh(document) <= self._max_held_bytes:
            self._held[work[0]] = document


_SYNTAX_BYTES_PER_TEXT_BYTE: Final = 40
"""What a parsed document takes in memory over its text; measured on the queries of the benchmarks."""


def _weigh(document: Document) -> int:
    body = document.syntax.loc.source.body if document.syntax and document.syntax.loc else ""
    return 512 + len(body) * _SYNTAX_BYTES_PER_TEXT_BYTE


def _overloaded() -> Overloaded:
    return Overloaded(f"Over {MAX_WAITING} documents wait to be read.", retry_after_seconds=1.0)
