"""What a listing's rows amount to: a version that is the same for the same rows, and their size."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from hashlib import sha256
from typing import Any, Final, Generic, NamedTuple, TypeVar

import msgspec

_DIGEST_BYTES: Final = 12
PORTION_ROWS: Final = 50
"""Of any listing, for versions must not depend on how many rows a page held: Evolux's usual number."""
_ROWS_A_TURN: Final = 500
"""Their digests take less than a millisecond."""

Row_co = TypeVar("Row_co", covariant=True)


class Content(NamedTuple):
    """What a snapshot's rows amount to: their version, and the bytes they take when encoded."""

    version: str
    encoded_bytes: int


class Portion(Generic[Row_co]):
    """Rows that stand together in a listing. What they amount to is worked out once, while they are kept."""

    __slots__ = ("__weakref__", "_digest", "encoded_bytes", "rows")

    def __init__(self, rows: tuple[Row_co, ...]) -> None:
        self.rows = rows
        self._digest: bytes | None = None
        self.encoded_bytes = 0
        """Known once the digest is."""

    @property
    def is_weighed(self) -> bool:
        """Whether the digest is there."""
        return self._digest is not None

    def digest(self) -> bytes:
        """A digest of the rows."""
        if self._digest is None:
            encoded = msgspec.msgpack.encode(self.rows)
            self._digest, self.encoded_bytes = sha256(encoded).digest(), len(encoded)
        return self._digest


def portions_of(rows: tuple[Any, ...]) -> list[Portion[Any]]:
    """The rows in portions."""
    return [Portion(rows[at : at + PORTION_ROWS]) for at in range(0, len(rows), PORTION_ROWS)]


def are_portions(pages: Sequence[Portion[Any]]) -> bool:
    """Whether pages are the very portions that `portions_of` makes of their rows."""
    *others, last = pages or [Portion(())]
    return all(len(page.rows) == PORTION_ROWS for page in others) and 0 < len(last.rows) <= PORTION_ROWS


async def weigh(
    portions: Iterable[Portion[Any]], *, missing: str | None, rest: Callable[[], Awaitable[None]]
) -> Content:
    """What the portions amount to, as a snapshot of them says; it rests before each few hundred rows."""
    weighed, unrested = list[Portion[Any]](), _ROWS_A_TURN
    for portion in portions:
        if not portion.is_weighed:
            unrested += len(portion.rows)
            if unrested > _ROWS_A_TURN:
                await rest()
                unrested = len(portion.rows)
            portion.digest()
        weighed.append(portion)
    return content_of(weighed, missing=missing)


def content_of(portions: Iterable[Portion[Any]], *, missing: str | None) -> Content:
    """The same without a rest."""
    digest, encoded_bytes = sha256(), 0
    for portion in portions:
        digest.update(portion.digest())
        encoded_bytes += portion.encoded_bytes
    digest.update(msgspec.msgpack.encode(missing))
    return Content(_shown(digest.digest()), encoded_bytes)


def content_after(version: str, row: object, *, encoded_bytes: int) -> Content:
    """What rows of this version amount to once one of them is replaced by the row, or the row is added.

    It follows from the version and the row, for it must not cost what a whole digest does.
    """
    encoded = msgspec.msgpack.encode((version, row))
    return Content(_shown(sha256(encoded).digest()), encoded_bytes + len(encoded))


def _shown(digest: bytes) -> str:
    return digest[:_DIGEST_BYTES].hex()
