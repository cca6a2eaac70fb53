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
CALLER_HUNG_UP: Final = LogEvent("http.caller_hung_up", "The caller left before its answer.", ("route",))
INTERNAL_ERROR: Final = LogEvent(
    "internal_error",
    "A failure of ours; the caller saw INTERNAL_SERVER_ERROR and the request id.",
    ("exception",),
)
STARTED: Final = LogEvent("service.started", "The gateway serves.", ("version", "host", "port", "tenants"))
DRAINING: Final = LogEvent(
    "service.draining", "A stop was asked for: unready from now on, and still serving.", ("seconds",)
)
STOPPED: Final = LogEvent("service.stopped", "The gateway has shut down.", ())
CONFIG_LOADED: Final = LogEvent("config.loaded", "A configuration was taken up.", ("tenants", "callers"))
CONFIG_REJECTED: Final = LogEvent(
    "config.rejected",
    "A new configuration is broken; the last good one stays.",
    ("reason",),
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
UPSTREAM_REFUSED: Final = LogEvent(
    "upstream.refused",
    "Evolux refused a write in words that the gateway does not know.",
    ("tenant", "endpoint", "status", "text"),
)
CREDENTIALS_REJECTED: Final = LogEvent(
    "upstream.credentials_rejected",
    "Evolux refused the tenant's token: an operator must act.",
    ("tenant", "status"),
)
ODD_FIELD: Final = LogEvent(
    "listing.odd_field",
    "A field of a row could not be read and is served as null; told once per field.",
    ("tenant", "listing", "field"),
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
WALK_TORN: Final = LogEvent(
    "walk.torn",
    "The listing changed its length while it was walked.",
    ("tenant", "listing", "walks"),
)
REFRESH_FAILED: Final = LogEvent(
    "listing.refresh_failed",
    "A listing could not be refreshed behind its readers; told once per change.",
    ("tenant", "listing", "code"),
)
REFRESH_RECOVERED: Final = LogEvent(
    "listing.refresh_recovered",
    "The listing is refreshed again.",
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
