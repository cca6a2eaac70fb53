"""Who waits for a turn, and who is next: writes before reads, reads by errand in turn."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Iterator
from typing import Final

from gateway.domain.errors import GatewayError

WRITES_IN_A_ROW: Final = 4
"""After so many writes one read has its turn, so that a flood of writes stops no read for ever."""


class Waiter:
    """One request that waits. `turn` gets None when it may go, or the error with which it is turned away."""

    __slots__ = ("ends_at", "errand", "is_write", "turn")

    def __init__(
        self, turn: "asyncio.Future[GatewayError | None]", *, errand: object, is_write: bool, ends_at: float
    ) -> None:
        self.turn = turn
        self.errand = errand
        self.is_write = is_write
        self.ends_at = ends_at


class FairQueue:
    """An errand is what one caller's request, or one walk, asks: with 100 pages it is one among others."""

    def __init__(self) -> None:
        self._writes: deque[Waiter] = deque()
        self._reads: OrderedDict[object, deque[Waiter]] = OrderedDict()
        self._waiting = 0
        self._writes_in_a_row = 0

    def __len__(self) -> int:
        return self._waiting

    def __iter__(self) -> Iterator[Waiter]:
        yield from tuple(self._writes)
        for lane in tuple(self._reads.values()):
            yield from tuple(lane)

    @property
    def has_writes(self) -> bool:
        """Whether a write waits."""
        return bool(self._writes)

    def append(self, waiter: Waiter) -> None:
        """Let it wait at the end of its lane."""
        lane = self._writes if waiter.is_write else self._reads.setdefault(waiter.errand, deque())
        lane.append(waiter)
        self._waiting += 1

    def discard(self, waiter: Waiter) -> None:
        """Let it wait no more, if it does."""
        lane = self._writes if waiter.is_write else self._reads.get(waiter.errand, deque())
        if waiter not in lane:
            return
        lane.remove(waiter)
        self._waiting -= 1
        if not lane:
            self._reads.pop(waiter.errand, None)

    def ahead_of(self, waiter: Waiter) -> int:
        """How many of those that wait now go before this one."""
        if waiter.is_write:
            return self._writes.index(waiter)
        place = self._reads[waiter.errand].index(waiter)
        others = (lane for errand, lane in self._reads.items() if errand is not waiter.errand)
        return len(self._writes) + place + sum(min(len(lane), place + 1) for lane in others)

    def pop(self, *, with_reads: bool) -> Waiter | None:
        """Take the next; None where nobody may go."""
        reads_wait = with_reads and bool(self._reads)
        if self._writes and not (reads_wait and self._writes_in_a_row >= WRITES_IN_A_ROW):
            self._writes_in_a_row += 1
            self._waiting -= 1
            return self._writes.popleft()
        self._writes_in_a_row = 0
        return self._pop_read() if reads_wait else None

    def _pop_read(self) -> Waiter:
        errand, lane = next(iter(self._reads.items()))
        waiter = lane.popleft()
        self._waiting -= 1
        if lane:
            self._reads.move_to_end(errand)
        else:
            del self._reads[errand]
        return waiter
