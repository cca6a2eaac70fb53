"""Incidents: what goes wrong a thousand times a minute is told when it begins and when it ends."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from structlog.typing import FilteringBoundLogger

from gateway.telemetry.events import LogEvent
from gateway.telemetry.labels import OVERFLOW

_INCIDENTS_LIMIT: Final = 1000


@dataclass(slots=True)
class _Open:
    began_at: float
    told_at: float
    count: int = 1


class IncidentLog:
    """One line when a thing begins to fail, one when it is well again, and a count in between.

    A long incident is told again every `reminder_seconds`, with its count so far. Keys beyond a bound share
    one incident, so that neither the memory nor the log can be flooded by many keys.
    """

    def __init__(
        self,
        log: FilteringBoundLogger,
        *,
        failed: LogEvent,
        recovered: LogEvent | None = None,
        monotonic: Callable[[], float],
        reminder_seconds: float = 60.0,
    ) -> None:
        self._log = log
        self._failed = failed
        self._recovered = recovered
        self._monotonic = monotonic
        self._reminder_seconds = reminder_seconds
        self._open: dict[tuple[str, ...], _Open] = {}
        self._changed_at: float | None = None

    @property
    def unchanged_seconds(self) -> float | None:
        """For how long nothing has begun to fail and nothing has recovered; None where nothing ever did."""
        return None if self._changed_at is None else self._monotonic() - self._changed_at

    def fail(self, *key: str, **fields: object) -> None:
        """Note one failure of the thing that `key` names."""
        now = self._monotonic()
        if key not in self._open and len(self._open) >= _INCIDENTS_LIMIT:
            key = (OVERFLOW,)
        incident = self._open.get(key)
        if incident is None:
            self._open[key] = _Open(now, now)
            self._changed_at = now
            self._log.warning(self._failed, count=1, **fields)
            return
        incident.count += 1
        if now - incident.told_at >= self._reminder_seconds:
            incident.told_at = now
            self._log.warning(self._failed, count=incident.count, seconds=now - incident.began_at, **fields)

    def recover(self, *key: str, **fields: object) -> None:
        """Note that the thing works; says nothing where no incident is open."""
        incident = self._open.pop(key, None)
        if incident is None:
            return
        self._changed_at = now = self._monotonic()
        if self._recovered is not None:
            seconds = now - incident.began_at
            self._log.warning(self._recovered, count=incident.count, seconds=seconds, **fields)
