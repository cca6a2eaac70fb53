"""What the executor remembers of what it ran: whole answers, and what a run takes."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec
from graphql import VariableValues

from gateway.engine.plans import Plan
from gateway.engine.running import Completed

_ANSWER_BYTES: Final = 1_000
_HOLE_BYTES: Final = 1_500
"""What a remembered answer takes besides its bytes: itself, and the rows that its holes will be asked of."""


class RememberedAnswer(msgspec.Struct, frozen=True):
    """An answer under the versions of the listings that it was made from."""

    listings: tuple[str, ...]
    versions: tuple[str, ...]
    completed: Completed
    plan: Plan
    values: VariableValues

    @property
    def body(self) -> bytes | None:
        """The bytes, if no instant changes them."""
        return None if self.completed.holes else self.completed.parts[0]

    @property
    def bytes(self) -> int:
        """What it takes, more or less."""
        own = sum(map(len, self.completed.parts))
        return own + _ANSWER_BYTES + len(self.completed.holes) * _HOLE_BYTES

    def holds(self, read: Callable[[str], Any], *, readings: dict[str, Any]) -> bool:
        """Whether all listings are at hand, and the same still.

        `read` gives a listing that is at hand; what was read stands in `readings`, whatever comes of it.
        """
        for name, version in zip(self.listings, self.versions, strict=True):
            reading = read(name)
            if reading is None:
                return False
            readings[name] = reading
            if reading.snapshot.version != version:
                return False
        return True


class KnownRun(NamedTuple):
    """A query whose plan was run before and needed no more than these listings; `key` is the executor's."""

    needs: tuple[str, ...]
    plan: Plan
    values: VariableValues
    key: tuple[int, bytes | None]
