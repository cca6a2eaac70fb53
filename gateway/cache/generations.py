"""Generations: a number per tenant and listing kind that writes move on, so that nothing older is served.

A listing carries the generation at which its walk began. It may be served or stored only while that number
is still the current one: a walk begun before a write's end never outlives the write.
"""

import fcntl
import mmap
import tempfile
from pathlib import Path
from typing import Protocol
from zlib import crc32

_SLOTS = 4096
_NUMBER_BYTES = 8


class Generations(Protocol):
    """Numbers that only grow, each under a name of tenant and listing kind."""

    def current(self, counter: str) -> int:
        """The generation now."""
        ...

    def advance(self, counter: str) -> int:
        """Move it on, before the write's caller is answered; gives the new number."""
        ...


class LocalGenerations:
    """Generations of one process."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def current(self, counter: str) -> int:
        return self._numbers.get(counter, 0)

    def advance(self, counter: str) -> int:
        self._numbers[counter] = self.current(counter) + 1
        return self._numbers[counter]


class WorkerGenerations:
    """Generations that all workers of one host share through a small memory-mapped file.

    A slot is a hash of the name: two names in one slot only cost each other a needless walk.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("r+b")
        self._map = mmap.mmap(self._file.fileno(), _SLOTS * _NUMBER_BYTES)
        # Items of such a view are written at one stroke; `struct` clears the bytes first, and another worker
        # would see numbers go back.
        self._numbers = memoryview(self._map).cast("Q")

    @staticmethod
    def create_file() -> Path:
        """Make the zeroed file that the workers will share; the maker removes it."""
        with tempfile.NamedTemporaryFile(prefix="gateway-generations-", delete=False) as file:
            file.write(bytes(_SLOTS * _NUMBER_BYTES))
        return Path(file.name)

    def current(self, counter: str) -> int:
        return self._numbers[_slot(counter)]

    def advance(self, counter: str) -> int:
        slot = _slot(counter)
        fcntl.lockf(self._file, fcntl.LOCK_EX, _NUMBER_BYTES, slot * _NUMBER_BYTES)
        try:
            number = self._numbers[slot] + 1
            self._numbers[slot] = number
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN, _NUMBER_BYTES, slot * _NUMBER_BYTES)
        return number

    def close(self) -> None:
        """Let go of the file; the process ends."""
        self._numbers.release()
        self._map.close()
        self._file.close()


def _slot(counter: str) -> int:
    return crc32(counter.encode()) % _SLOTS
