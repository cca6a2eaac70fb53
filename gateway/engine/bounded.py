"""A map within a bound of bytes."""

from collections import OrderedDict
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class BoundedMap(Generic[K, V]):
    """Holds values of stated weights up to `max_bytes` in all; the least recently used go first.

    cachetools weighs a value once, when it is put; here plans and fragments grow while they are held.
    """

    def __init__(self, *, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._held: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._held)

    def get(self, key: K) -> V | None:
        """The value, which is then the most recently used."""
        held = self._held.get(key)
        if held is None:
            return None
        self._held.move_to_end(key)
        return held[0]

    def put(self, key: K, value: V, *, weight: int) -> None:
        """Hold the value, or weigh it anew; one over the whole bound is not held."""
        self.drop(key)
        if weight > self._max_bytes:
            return
        self._held[key] = (value, weight)
        self.bytes += weight
        while self.bytes > self._max_bytes:
            _, (_, lost) = self._held.popitem(last=False)
            self.bytes -= lost

    def drop(self, key: K) -> None:
        """Hold it no longer."""
        held = self._held.pop(key, None)
        if held is not None:
            self.bytes -= held[1]
