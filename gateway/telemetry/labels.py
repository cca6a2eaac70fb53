"""Metric labels: each a closed set of values, or an open one that is bounded by a guard."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final, assert_never

from gateway.domain.errors import ErrorCode
from gateway.domain.listings import ReadSource

OVERFLOW: Final = "_overflow"
"""What every further value becomes once a label has as many as its limit."""

SUCCESS: Final = "OK"
"""The `code` of a request without errors."""


class OperationKind(Enum):
    """What a caller asked to run; `UNKNOWN` where the request could not be read that far."""

    __hash__ = object.__hash__  # members are single; Enum's own is a Python function, and these are keys

    QUERY = "query"
    MUTATION = "mutation"
    SUBSCRIPTION = "subscription"
    UNKNOWN = "unknown"


class UpstreamOutcome(Enum):
    """How one attempt at Evolux ended."""

    OK = "ok"
    REFUSED = "refused"
    REJECTED_CREDENTIALS = "rejected_credentials"
    RATE_LIMITED = "rate_limited"
    FAILED = "failed"
    INVALID = "invalid"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    CANCELLED = "cancelled"


class BreakerState(Enum):
    """A circuit breaker's state; its place in this order is the value on `/metrics`."""

    CLOSED = "closed"
    HALF_OPEN = "half_open"
    OPEN = "open"


class ListingOutcome(Enum):
    """What a reader of a listing met."""

    __hash__ = object.__hash__  # members are single; Enum's own is a Python function, and these are keys

    HIT = "hit"
    STALE = "stale"
    STALE_IF_ERROR = "stale_if_error"
    MISS = "miss"
    COALESCED = "coalesced"
    ERROR = "error"

    @classmethod
    def of(cls, source: ReadSource) -> "ListingOutcome":
        """Give the outcome of a reading; one that failed has no source and is `ERROR`."""
        match source:
            case ReadSource.FRESH:
                return cls.HIT
            case ReadSource.STALE:
                return cls.STALE
            case ReadSource.STALE_IF_ERROR:
                return cls.STALE_IF_ERROR
            case ReadSource.WALKED:
                return cls.MISS
            case ReadSource.COALESCED:
                return cls.COALESCED
            case _:
                assert_never(source)


class WalkOutcome(Enum):
    """How a walk over all pages of a listing ended."""

    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    FAILED = "failed"
    CANCELLED = "cancelled"


class HandOver(Enum):
    """Why the compiled executor hands a query to graphql-core."""

    INTROSPECTION = "introspection"
    """It asks for the schema."""
    FIELD_ERROR = "field_error"
    """A field below the root failed, or gave what its type cannot show."""
    SEVERAL_ERRORS = "several_errors"
    """More than one root field failed: their order is graphql-core's to say."""
    VARIABLES = "variables"
    """A variable does not fit its type."""
    TOO_LARGE = "too_large"
    """It selects more fields than a plan may have."""
    UNPLANNABLE = "unplannable"
    """It uses what plans do not know: abstract types, directives on the operation."""


class Transport(Enum):
    """What a subscription's events leave by."""

    SSE = "sse"
    WEBSOCKET = "websocket"


class PollOutcome(Enum):
    """How a poll for those who listen ended."""

    OK = "ok"
    FAILED = "failed"


class KeyedOutcome(Enum):
    """What became of a write with an idempotency key."""

    RUN = "run"
    REPLAYED = "replayed"
    REFUSED = "refused"


class ExportOutcome(Enum):
    """What became of an export."""

    WHOLE = "whole"
    """The caller has it all."""
    LEFT = "left"
    """The caller left before its end."""
    FAILED = "failed"
    """It could not be made to its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One label: closed where `values` are given, else held to `limit` distinct values by a guard."""

    name: str
    description: str
    values: tuple[str, ...] = ()
    limit: int = 64


def _values(*members: Iterable[Enum]) -> tuple[str, ...]:
    return tuple(member.value for kind in members for member in kind)


TENANT: Final = Label(name="tenant", description="The tenant's id.", limit=200)
ENDPOINT: Final = Label(name="endpoint", description="Method and path template at Evolux.")
ROUTE: Final = Label(name="route", description="The route's template, never the path.")
STATUS: Final = Label(name="status", description="The HTTP status.")
LISTING: Final = Label(name="listing", description="The listing: agents, queues, …")
FIELD: Final = Label(name="field", description="The field of a row that could not be read.")
KIND: Final = Label(name="kind", description="The GraphQL operation type.", values=_values(OperationKind))
CODE: Final = Label(
    name="code",
    description="The first error code of the answer, or OK.",
    values=(SUCCESS, *_values(ErrorCode)),
)
UPSTREAM_OUTCOME: Final = Label(
    name="outcome",
    description="How the attempt ended.",
    values=_values(UpstreamOutcome),
)
LISTING_OUTCOME: Final = Label(
    name="outcome",
    description="Where the reading came from.",
    values=_values(ListingOutcome),
)
KEYED_OUTCOME: Final = Label(
    name="outcome",
    description="Whether it was run, answered from before, or its key belongs to another write.",
    values=_values(KeyedOutcome),
)
TRANSPORT: Final = Label(name="transport", description="What the events leave by.", values=_values(Transport))
POLL_OUTCOME: Final = Label(name="outcome", description="How the poll ended.", values=_values(PollOutcome))
EXPORT_OUTCOME: Final = Label(
    name="outcome",
    description="Whether the caller has it all, left before, or it failed.",
    values=_values(ExportOutcome),
)
FILE_FORMAT: Final = Label(
    name="format", description="What the file is.", values=("csv", "ndjson", "arrow", "parquet")
)
WALK_OUTCOME: Final = Label(name="outcome", description="How the walk ended.", values=_values(WalkOutcome))
HAND_OVER: Final = Label(
    name="reason", description="Why graphql-core ran the query.", values=_values(HandOver)
)


class LabelGuard:
    """Admits the first `limit` distinct values of one label; every later one becomes `_overflow`."""

    __slots__ = ("_limit", "_seen")

    def __init__(self, *, limit: int) -> None:
        self._limit = limit
        self._seen: set[str] = set()

    def admit(self, value: str) -> str:
        """Give the value itself, or `_overflow`."""
        if value in self._seen:
            return value
        if len(self._seen) >= self._limit:
            return OVERFLOW
        self._seen.add(value)
        return value
