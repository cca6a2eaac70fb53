"""Requests that come again word for word: what was decided for the first one holds for the next.

A board asks the same every few seconds. Who it is, what form it takes, which document and operation it means
follow from its bytes and the configuration alone; what may change (rates, listings, ages) is decided anew.
"""

import secrets
from hashlib import blake2b
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.types import Scope

from gateway.domain.listings import FreshnessBound
from gateway.engine.bounded import BoundedMap
from gateway.engine.execution import Operation
from gateway.web.authentication import Visitor
from gateway.web.freshness import bound_of
from gateway.web.media_types import AnswerType
from gateway.web.notes import name_of

_DECISIVE: Final = frozenset(
    {
        b"accept",
        b"authorization",
        b"cache-control",
        b"content-encoding",
        b"content-type",
        b"x-operation-cost",
        b"x-tenant",
    }
)
"""The headers that decide anything about a query; the outer layers have judged the others already."""
_MAX_ASKED: Final = 10_000
_WEIGHT_PER_BYTE: Final = 45
"""What a remembered request may keep alive, over its own bytes: mostly its parsed document."""


class Recognized(msgspec.Struct, frozen=True, kw_only=True):
    """A query that was understood before: who asks what, in which form, and how old the answer may be."""

    visitor: Visitor
    kind: AnswerType
    operation: Operation
    operation_name: str | None
    bound: FreshnessBound
    hides: bool


class Recognition:
    """Remembers understood queries by a keyed digest of their bytes: no key or token is kept for it."""

    def __init__(self, *, max_bytes: int = 16 * 2**20) -> None:
        self._known: BoundedMap[bytes, Recognized] = BoundedMap(max_bytes=max_bytes)
        self._asked: set[bytes] = set()
        self._secret = secrets.token_bytes(32)

    def digest(self, scope: Scope, body: bytes) -> bytes:
        """What names the request: all of it that decides anything."""
        decisive = [part for header in scope["headers"] if header[0] in _DECISIVE for part in header]
        text = b"\x00".join([scope["query_string"], *decisive, body])
        return blake2b(text, digest_size=16, key=self._secret).digest()

    def find(self, digest: bytes) -> Recognized | None:
        """What was understood, if it was remembered."""
        return self._known.get(digest)

    def remember(self, digest: bytes, recognized: Recognized, *, size: int) -> None:
        """Take it up at the second time it comes: most that come once never come again."""
        if digest not in self._asked:
            if len(self._asked) >= _MAX_ASKED:
                self._asked.clear()
            self._asked.add(digest)
            return
        self._known.put(digest, recognized, weight=1024 + size * _WEIGHT_PER_BYTE)


class Memo:
    """Where one request that was not recognized will be remembered once it is understood."""

    __slots__ = ("_digest", "_recognition", "_size")

    def __init__(self, recognition: Recognition, *, digest: bytes, size: int) -> None:
        self._recognition = recognition
        self._digest = digest
        self._size = size

    def put_in(self, scope: Scope) -> None:
        """Let whoever understands the request of this scope find it."""
        scope[_KEY] = self

    def remember(self, recognized: Recognized) -> None:
        """Let the request be recognized when it comes again."""
        self._recognition.remember(self._digest, recognized, size=self._size)


def remember_query(
    operation: Operation, *, visitor: Visitor, request: Request, kind: AnswerType, hides: bool
) -> None:
    """Let a query be recognized when it comes again word for word; not where a JWT says who asks."""
    memo: Memo | None = request.scope.get(_KEY)
    if memo is None or visitor.epoch is None:
        return
    memo.remember(
        Recognized(
            visitor=visitor,
            kind=kind,
            operation=operation,
            operation_name=name_of(operation),
            bound=bound_of(request.headers.get("cache-control")),
            hides=hides,
        )
    )


def drop_memo(scope: Scope) -> None:
    """Do not recognize the request of this scope: its answer is made another way."""
    scope.pop(_KEY, None)


_KEY: Final = "gateway.memo"
