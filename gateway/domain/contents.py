"""What a listing's rows amount to: a version that is the same for the same rows, and their size."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from hashlib import sha256
from typing import Any, Final, Generic, NamedTuple, TypeVar

import msgspec

_DIGEST_BYTES: Final = 12
_LEAST_ROWS, _MOST_ROWS = 20, 500
"""Of a portion: fewer are not worth a digest, and that of more takes longer than a millisecond."""

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


def portions_of(rows: tuple[Any, ...], *, page_rows: int) -> list[Portion[Any]]:
    """The rows as portions of a page each, where pages are of a size to be weighed by."""
    size = page_rows if _LEAST_ROWS <= page_rows <= _MOST_ROWS else _MOST_ROWS
    return [Portion(rows[at : at + size]) for at in range(0, len(rows), size)]


def are_portions(pages: Sequence[Portion[Any]], *, page_rows: int) -> bool:
    """Whether pages are the very portions that `portions_of` makes of their rows."""
    *others, last = pages or [Portion(())]
    return (
        _LEAST_ROWS <= page_rows <= _MOST_ROWS
        and all(len(page.rows) == page_rows for page in others)
        and 0 < len(last.rows) <= page_rows
    )


async def weigh(
    portions: Iterable[Portion[Any]], *, missing: str | None, rest: Callable[[], Awaitable[None]]
) -> Content:
    """What the portions amount to, as a snapshot of them says; it rests before each few hundred rows."""
    weighed, unrested = list[Portion[Any]](), _MOST_ROWS
    for portion in portions:
        if not portion.is_weighed:
            unrested += len(portion.rows)
            if unrested > _MOST_ROWS:
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
