"""Requests that come again: what was decided for the first one holds for the next.

A board asks the same every few seconds. Who it is, what form it takes, which document and operation it means
follow from its bytes and the configuration alone; variables, and what may change in time (rates, listings,
ages), are looked at anew.
"""

import secrets
from hashlib import blake2b
from typing import Any, Final

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
    """A query that was understood before: who asks what, in which form, and how old the answer may be.

    `operation` has the variables of the request that was understood.
    """

    visitor: Visitor
    kind: AnswerType
    operation: Operation
    operation_name: str | None
    bound: FreshnessBound
    hides: bool

    def with_variables(self, variables: dict[str, Any] | None) -> Operation:
        """The operation of a request that differs in nothing but these."""
        operation = self.operation
        if not variables and not operation.variables:
            return operation
        return Operation(
            document=operation.document, read=operation.read, name=operation.name, variables=variables
        )


class Asked(msgspec.Struct, forbid_unknown_fields=True):
    """A request's body, read as strictly as the endpoint does; what does not fit is for it to refuse.

    What the decoder would skip it would not look at: such a body goes to the endpoint as well.
    """

    query: str | None = None
    operation_name: str | None = msgspec.field(default=None, name="operationName")
    document_id: str | None = msgspec.field(default=None, name="documentId")
    variables: dict[str, Any] | None = None
    extensions: msgspec.Raw = msgspec.Raw(b"null")


Question = tuple[bytes, str | None, str | None, str | None, bytes]
"""All of a request that decides anything but its variables: a digest of its head, and what its body names."""


class Recognition:
    """Remembers understood queries; of a head it keeps a keyed digest, so no key or token."""

    def __init__(self, *, max_bytes: int = 16 * 2**20) -> None:
        self._known: BoundedMap[Question, Recognized] = BoundedMap(max_bytes=max_bytes)
        self._asked: set[int] = set()
        self._secret = secrets.token_bytes(32)

    def question_of(self, scope: Scope, body: bytes) -> tuple[Question, dict[str, Any] | None] | None:
        """What the request asks, and its variables; None where only the endpoint can say what it is."""
        decisive = [part for header in scope["headers"] if header[0] in _DECISIVE for part in header]
        head = b"\x00".join([scope["method"].encode(), scope["query_string"], *decisive])
        digest = blake2b(head, digest_size=16, key=self._secret).digest()
        if not body:
            return (digest, None, None, None, b""), None
        try:
            if not body.isascii():
                body.decode()  # of `extensions`, which stay as they are, the decoder does not look at it
            asked = _DECODER.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError):
            return None
        named = (digest, asked.query, asked.operation_name, asked.document_id, bytes(asked.extensions))
        return named, asked.variables

    def find(self, question: Question) -> Recognized | None:
        """What was understood, if it was remembered."""
        return self._known.get(question)

    def remember(self, question: Question, recognized: Recognized, *, size: int) -> None:
        """Take it up at the second time it comes: most that come once never come again."""
        asked = hash(question)
        if asked not in self._asked:
            if len(self._asked) >= _MAX_ASKED:
                self._asked.clear()
            self._asked.add(asked)
            return
        self._known.put(question, recognized, weight=1024 + size * _WEIGHT_PER_BYTE)


_DECODER: Final = msgspec.json.Decoder(Asked)


class Memo:
    """Where one request that was not recognized will be remembered once it is understood."""

    __slots__ = ("_question", "_recognition", "_size")

    def __init__(self, recognition: Recognition, *, question: Question, size: int) -> None:
        self._recognition = recognition
        self._question = question
        self._size = size

    def put_in(self, scope: Scope) -> None:
        """Let whoever understands the request of this scope find it."""
        scope[_KEY] = self

    def remember(self, recognized: Recognized) -> None:
        """Let the request be recognized when it comes again."""
        self._recognition.remember(self._question, recognized, size=self._size)


def remember_query(
    operation: Operation, *, visitor: Visitor, request: Request, kind: AnswerType, hides: bool
) -> None:
    """Let a query be recognized when it comes again; not where a JWT says who asks."""
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
