"""Access lines: one per answered request, so that their cost is part of every request's."""

import json
import time
from typing import Final, Protocol, TextIO

from structlog.typing import FilteringBoundLogger

from gateway.telemetry import events
from gateway.telemetry.redaction import redact_text


class AccessLog(Protocol):
    """Writes access lines."""

    def tell(
        self,
        *,
        request_id: str,
        trace_id: str,
        tenant: str | None,
        caller: str | None,
        method: str,
        route: str,
        status: int,
        duration_ms: float,
        operation_kind: str,
        operation_name: str | None,
        code: str | None,
        at_ns: int,
    ) -> None:
        """Write one, of a request that ended at this instant since 1970."""
        ...

    def flush(self) -> None:
        """Hand on what was written."""
        ...

    @property
    def may_wait(self) -> bool:
        """Whether many lines at a time cost less than as many one by one, and nobody reads along."""
        ...


class LoggedAccess:
    """Access lines by way of the logger: for people, or for nobody where the level is above them."""

    def __init__(self, log: FilteringBoundLogger) -> None:
        self._log = log

    may_wait: Final = False

    def tell(self, *, at_ns: int, **fields: str | float | None) -> None:  # noqa: ARG002 - it is now
        """Write one, in the logger's form."""
        self._log.info(events.ACCESS, **{name: value for name, value in fields.items() if value is not None})

    def flush(self) -> None:
        """Nothing: each line is handed on as it is written."""


class JsonAccessLog:
    """Access lines as JSON, with the fields and the redaction of all other lines at a tenth of the cost.

    What requests have in common is encoded once for all of them. Lines that are written together are handed
    on in portions that a pipe takes whole, for other workers write to it too.
    """

    def __init__(self, stream: TextIO, *, name: str) -> None:
        self._stream = stream
        self._held_letters = 0
        self.may_wait = _is_file(stream)
        self._head = _ENCODE({"event": str(events.ACCESS), "level": "info", "logger": name})[:-1]
        self._clock = IsoClock()
        self._common: dict[tuple[str | int | None, ...], str] = {}

    def tell(
        self,
        *,
        request_id: str,
        trace_id: str,
        tenant: str | None,
        caller: str | None,
        method: str,
        route: str,
        status: int,
        duration_ms: float,
        operation_kind: str,
        operation_name: str | None,
        code: str | None,
        at_ns: int,
    ) -> None:
        """Write one; what a caller chose is redacted. No request id has a letter that JSON escapes."""
        key = (tenant, caller, method, route, status, operation_kind, operation_name, code)
        common = self._common.get(key)
        if common is None:
            common = self._encode_common(key, operation_name=operation_name)
        self._write(
            f'{self._head},"request_id":"{redact_text(request_id)}","trace_id":"{trace_id}"{common},'
            f'"duration_ms":{duration_ms},"timestamp":"{self._clock.text_of(at_ns)}"}}\n'
        )

    def flush(self) -> None:
        """Hand on what was written."""
        self._held_letters = 0
        if not self._stream.closed:
            self._stream.flush()

    def _write(self, line: str) -> None:
        held = self._held_letters + len(line)
        if _PORTION < held != len(line):
            self._stream.flush()
            held = len(line)
        self._stream.write(line)
        self._held_letters = held

    def _encode_common(self, key: tuple[str | int | None, ...], *, operation_name: str | None) -> str:
        named = {
            name: redact_text(value) if isinstance(value, str) else value
            for name, value in zip(_COMMON, key, strict=True)
            if value is not None
        }
        common = "," + _ENCODE(named)[1:-1]
        if operation_name is None or len(operation_name) <= _MAX_KEPT_NAME:
            if len(self._common) >= _MAX_COMMON:
                self._common.clear()
            self._common[key] = common
        return common


class IsoClock:
    """Instants as RFC 3339 in UTC, to the microsecond; what lasts a second is put together once in it."""

    def __init__(self) -> None:
        self._began_at = 0
        self._prefix = ""

    def text_of(self, at_ns: int) -> str:
        """As `2026-01-31T12:00:00.000001Z`."""
        microseconds = at_ns // 1000
        fraction = microseconds - self._began_at
        if not 0 <= fraction < _MICROSECONDS:
            second, fraction = divmod(microseconds, _MICROSECONDS)
            self._began_at = second * _MICROSECONDS
            self._prefix = time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(second))
        return f"{self._prefix}{fraction:06d}Z"


def _is_file(stream: TextIO) -> bool:
    try:
        stream.fileno()
    except (OSError, ValueError):
        return False
    return True


_PORTION: Final = 4_096
"""In letters, which JSON makes bytes: what POSIX lets a pipe take at one stroke."""
_MICROSECONDS: Final = 1_000_000
_COMMON: Final = (
    "tenant",
    "caller",
    "method",
    "route",
    "status",
    "operation_kind",
    "operation_name",
    "code",
)
_MAX_COMMON: Final = 1_000
_MAX_KEPT_NAME: Final = 100
"""In letters: a caller may choose a longer name, and another one each time."""
_ENCODE: Final = json.JSONEncoder(separators=(",", ":")).encode
