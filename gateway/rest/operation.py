"""What a REST operation is: what is asked where, by what it is answered, and which scope it needs."""

from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Any

import msgspec

from gateway.domain.errors import ErrorCode
from gateway.rest.context import Answered, Asked, RestContext
from gateway.rest.exports.formats import ExportFormat

Handle = Callable[[RestContext, Asked], Awaitable[Answered]]


class Tag(Enum):
    """What an operation is about, as the document groups them; the value says it in words."""

    AGENTS = "Agents of the call centre, and writes to one of them."
    BULK = "Writes to up to 500 agents at once, with a result for each."
    QUEUES = "Queues and who serves them."
    PAUSES = "The reasons for pauses."
    STATES = "How many agents are in which state."
    EXPORTS = "Whole tables as files, for analytics."
    CALLER = "Who calls."


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One operation. `body_optional` where leaving the body out means all its defaults.

    Where it has `formats`, `answer` is a row of the file.
    """

    name: str
    method: str
    path: str
    summary: str
    description: str
    tag: Tag
    handle: Handle
    answer: type
    scope: str | None
    status: int = 200
    path_type: type | None = None
    query: type | None = None
    body: Any = None
    body_optional: bool = False
    codes: tuple[ErrorCode, ...] = ()
    formats: tuple[ExportFormat, ...] = ()

    @property
    def is_write(self) -> bool:
        """Whether it changes something, and takes an idempotency key."""
        return self.method != "GET"
