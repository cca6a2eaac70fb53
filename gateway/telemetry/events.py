"""Log events, declared once. The event says what happened; fields say to whom; nothing else is free text."""

from collections.abc import Iterator
from typing import Final, Self


class LogEvent(str):
    """The name of a log event, with what it means and which fields come with it."""

    __slots__ = ("description", "fields")
    description: str
    fields: tuple[str, ...]

    def __new__(cls, name: str, description: str, fields: tuple[str, ...] = ()) -> Self:
        declared = super().__new__(cls, name)
        declared.description = description
        declared.fields = fields
        return declared


ACCESS: Final = LogEvent(
    "http.access",
    "One answered request.",
    ("method", "route", "status", "duration_ms", "operation_kind", "operation_name", "code"),
)
UNREAD: Final = LogEvent(
    "http.unread",
    "A request that is no HTTP, or whose head was too long or too slow, refused on the connection itself; "
    "without a status where the connection was ended without an answer, for an earlier one was under way.",
    ("status", "code"),
)
CALLER_HUNG_UP: Final = LogEvent("http.caller_hung_up", "The caller left before its answer.", ("route",))
CHANGES_FAILED: Final = LogEvent(
    "changes.failed",
    "Replicas cannot tell each other of changes: who comes back to another one begins anew.",
    ("reason", "count", "seconds"),
)
CHANGES_RECOVERED: Final = LogEvent(
    "changes.recovered", "Replicas tell each other of changes again.", ("count", "seconds")
)
SOCKET_CLOSED: Final = LogEvent(
    "socket.closed",
    "One WebSocket from its opening to its end; each of its operations has an access line of its own.",
    ("close_code", "duration_ms", "operations", "tenant", "caller"),
)
INTERNAL_ERROR: Final = LogEvent(
    "internal_error",
    "A failure of ours; the caller saw INTERNAL_SERVER_ERROR and the request id.",
    ("exception",),
)
AT_ONCE_FAILED: Final = LogEvent(
    "http.at_once_failed",
    "A failure of ours where a query was to be answered at once; it went the usual way instead.",
    ("exception", "suppressed"),
)
AUDIT: Final = LogEvent(
    "audit.mutation",
    "One change that somebody asked for, done or not; in a write to many one line for each agent. Written "
    "whatever the level of the log.",
    (
        "operation",
        "outcome",
        "agent_id",
        "changed",
        "reconciled",
        "dry_run",
        "caller_left",
        "tenant",
        "caller",
        "request_id",
    ),
)
EXPORTED: Final = LogEvent(
    "audit.export",
    "One export that somebody had, whole or in part. Written whatever the level of the log.",
    ("operation", "outcome", "format", "rows", "bytes", "tenant", "caller", "request_id"),
)
STARTED: Final = LogEvent("service.started", "The gateway serves.", ("version", "host", "port", "tenants"))
DRAINING: Final = LogEvent(
    "service.draining", "A stop was asked for: unready from now on, and still serving.", ("seconds",)
)
STOPPED: Final = LogEvent("service.stopped", "The gateway has shut down.", ())
CONFIG_LOADED: Final = LogEvent("config.loaded", "A configuration was taken up.", ("tenants", "callers"))
CONFIG_APPLIED: Final = LogEvent("config.applied", "The configuration file was followed.", ("file",))
CONFIG_KEPT: Final = LogEvent(
    "config.kept",
    "The configuration file is broken; the last good one stays. Told once per reason.",
    ("file", "reason"),
)
TOKEN_REPLACED: Final = LogEvent("tenant.token_replaced", "A token file has another token now.", ("file",))
TOKEN_KEPT: Final = LogEvent(
    "tenant.token_kept", "A token file cannot be read; the last good token stays.", ("file", "reason")
)
UPSTREAM_FAILED: Final = LogEvent(
    "upstream.failed",
    "Evolux does not answer a tenant's requests well; told once per change.",
    ("tenant", "endpoint", "outcome", "status"),
)
UPSTREAM_RECOVERED: Final = LogEvent(
    "upstream.recovered",
    "Evolux answers the tenant again.",
    ("tenant", "count", "seconds"),
)
UPSTREAM_SAID: Final = LogEvent(
    "upstream.said",
    "Evolux's own words, where the caller is told less: a few a minute, `suppressed` counts the others.",
    ("tenant", "endpoint", "code", "status", "fault", "texts", "suppressed"),
)
CREDENTIALS_REJECTED: Final = LogEvent(
    "upstream.credentials_rejected",
    "Evolux refuses the tenant's token: an operator must act. Told once per change.",
    ("tenant", "status"),
)
CREDENTIALS_ACCEPTED: Final = LogEvent(
    "upstream.credentials_accepted",
    "Evolux takes the tenant's token again.",
    ("tenant", "count", "seconds"),
)
ODD_FIELD: Final = LogEvent(
    "listing.odd_field",
    "A field of a row could not be read and is served as null; told once per field.",
    ("tenant", "listing", "field"),
)
KEYS_FAILED: Final = LogEvent(
    "issuer.keys_failed",
    "The issuer of JWTs does not show its keys; the last good ones serve. Told once per change.",
    ("reason",),
)
KEYS_RECOVERED: Final = LogEvent(
    "issuer.keys_recovered",
    "The issuer of JWTs shows its keys again.",
    ("count", "seconds"),
)
SHARING_FAILED: Final = LogEvent(
    "sharing.failed",
    "Listings are not shared with the other replicas: Valkey fails; told once per change.",
    ("reason",),
)
SHARING_RECOVERED: Final = LogEvent(
    "sharing.recovered",
    "Listings are shared again; what was held from before is read anew.",
    ("count", "seconds"),
)
ANSWERS_FAILED: Final = LogEvent(
    "answers.failed",
    "Idempotency keys cannot be looked up: writes that carry one are turned away; told once per change.",
    ("reason",),
)
ANSWERS_RECOVERED: Final = LogEvent(
    "answers.recovered",
    "Idempotency keys can be looked up again.",
    ("count", "seconds"),
)
WALK_TORN: Final = LogEvent(
    "walk.torn",
    "The listing changed its length while it was walked; a few a minute, `suppressed` counts the others.",
    ("tenant", "listing", "walks", "suppressed"),
)
WALK_FAILED: Final = LogEvent(
    "walk.failed",
    "A listing cannot be read from Evolux; told once per change.",
    ("tenant", "listing", "code"),
)
WALK_RECOVERED: Final = LogEvent(
    "walk.recovered",
    "The listing can be read again.",
    ("tenant", "listing", "count", "seconds"),
)
BREAKER_CHANGED: Final = LogEvent(
    "breaker.changed",
    "A tenant's circuit breaker changed its state.",
    ("tenant", "state"),
)
EXPORT_FAILED: Final = LogEvent(
    "telemetry.export_failed",
    "The OTLP collector takes nothing; told once per change, the data are lost.",
    ("signal",),
)
EXPORT_RECOVERED: Final = LogEvent(
    "telemetry.export_recovered",
    "The OTLP collector takes data again.",
    ("signal", "count", "seconds"),
)


def log_events() -> Iterator[LogEvent]:
    """Every declared event, in the order of this file."""
    return (value for value in globals().values() if isinstance(value, LogEvent))
