"""The ledger of answered requests: metrics and a line for each, whichever way it went."""

import asyncio
import time
from contextlib import suppress
from contextvars import Context, copy_context
from typing import Final

from gateway.telemetry.spans import is_sampled
from gateway.telemetry.telemetry import Telemetry
from gateway.web.notes import RequestNotes

_Entry = tuple[RequestNotes, str, str, int, float, int, Context | None]
"""The last: what a traced request was answered in, whose trace the metrics name."""
_MOST_ENTRIES: Final = 16
"""As many as are written in a tenth of a millisecond, for that long other requests wait."""
_HELD_SECONDS: Final = 0.01


class RequestLedger:
    """Writes answered requests down: metrics, and a line each.

    Those of a moment are written one after another, which costs half of what it costs between requests.
    """

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._access = telemetry.access_log("gateway.http")
        self._entries: list[_Entry] = []

    def enter(self, notes: RequestNotes, *, method: str, route: str, status: int, seconds: float) -> None:
        """Take one down, to be written in a hundredth of a second, under the span that is the current one."""
        within = copy_context() if is_sampled() else None
        entry = (notes, method, route, status, seconds, time.time_ns(), within)
        if not self._access.may_wait:
            self._write([entry])
            return
        entries = self._entries
        entries.append(entry)
        if len(entries) >= _MOST_ENTRIES:
            self.settle()
        elif len(entries) == 1:
            asyncio.get_running_loop().call_later(_HELD_SECONDS, self.settle)

    def settle(self) -> None:
        """Write what was taken down."""
        if self._entries:
            entries, self._entries = self._entries, []
            Context().run(self._write, entries)  # not under the span of whoever has it done

    def _write(self, entries: list[_Entry]) -> None:
        for entry in entries:
            within = entry[-1]
            if within is None:
                self._count(entry)
            else:
                within.run(self._count, entry)
        with suppress(OSError, ValueError):  # nobody takes the log any more: no request fails for that
            for entry in entries:
                self._tell(entry)
            self._access.flush()

    def _count(self, entry: _Entry) -> None:
        notes, _, route, status, seconds, _, _ = entry
        self._telemetry.record_http(route, status=status)
        if not notes.is_stream:
            self._telemetry.record_request(
                notes.kind,
                code=notes.code,
                duration_seconds=seconds,
                upstream_seconds=notes.upstream_seconds,
            )

    def _tell(self, entry: _Entry) -> None:
        notes, method, route, status, seconds, at_ns, _ = entry
        self._access.tell(
            request_id=notes.request_id,
            trace_id=notes.trace_id,
            tenant=notes.tenant,
            caller=notes.caller,
            method=method,
            route=route,
            status=status,
            duration_ms=round(seconds * 1000, 2),
            operation_kind=notes.kind.value,
            operation_name=notes.operation_name,
            code=notes.code and notes.code.value,
            at_ns=at_ns,
        )
