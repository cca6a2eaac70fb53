"""A bound on lines: what comes a thousand times a minute, each time in other words, is told a few times."""

from collections.abc import Callable
from typing import Final

from structlog.typing import FilteringBoundLogger

from gateway.telemetry.events import LogEvent

_MINUTE_SECONDS: Final = 60.0


class LineBudget:
    """At most `lines_per_minute` lines of one event; the next one after a gap says how many were left out."""

    def __init__(
        self,
        log: FilteringBoundLogger,
        *,
        event: LogEvent,
        monotonic: Callable[[], float],
        lines_per_minute: int = 10,
    ) -> None:
        self._log = log
        self._event = event
        self._monotonic = monotonic
        self._lines_per_minute = lines_per_minute
        self._minute_began_at = monotonic()
        self._told = 0
        self._suppressed = 0

    def tell(self, **fields: object) -> None:
        """Write the line, or count it."""
        now = self._monotonic()
        if now - self._minute_began_at >= _MINUTE_SECONDS:
            self._minute_began_at, self._told = now, 0
        if self._told >= self._lines_per_minute:
            self._suppressed += 1
            return
        self._told += 1
        suppressed, self._suppressed = self._suppressed, 0
        self._log.warning(self._event, **fields, **({"suppressed": suppressed} if suppressed else {}))
