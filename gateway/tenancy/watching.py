"""The watch over the configuration file: a good edit is applied, a broken one is told and left."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Generic, TypeVar

import structlog

from gateway.telemetry import events
from gateway.tenancy.signatures import Signature, signature_of

_log = structlog.get_logger("gateway.config")
T = TypeVar("T")


class ConfigWatcher(Generic[T]):
    """Looks at the file every interval; after a change loads it and applies it, or keeps the last good one.

    `load` reads the file (in a thread); what it raises as `refusal` must be safe to log in full. `apply` runs
    in the event loop and takes the whole of the new configuration or, where it raises, nothing. Make the
    watcher before the first load, so that no edit falls between the two.
    """

    def __init__(
        self,
        path: Path,
        *,
        load: Callable[[], T],
        apply: Callable[[T], object],
        refusal: type[Exception],
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        interval_seconds: float = 1.0,
    ) -> None:
        self._path = path
        self._load = load
        self._apply = apply
        self._refusal = refusal
        self._sleep = sleep
        self._interval_seconds = interval_seconds
        self._seen: Signature | None = signature_of(path)
        self._refused: str | None = None

    @property
    def refused(self) -> str | None:
        """Why the file as it is now is not taken; None where it is."""
        return self._refused

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await self._sleep(self._interval_seconds)
            await self.look()

    async def look(self) -> bool:
        """Look once; says whether a configuration was applied.

        A refused file is loaded again at every look, for it may name a token file that is still to come.
        """
        now = signature_of(self._path)
        changed = now != self._seen
        self._seen = now
        return await self._take(changed=changed) if changed or self._refused is not None else False

    async def _take(self, *, changed: bool) -> bool:
        try:
            self._apply(await asyncio.to_thread(self._load))
        except self._refusal as refused:
            self._keep(str(refused), changed=changed)
        except Exception as unforeseen:  # noqa: BLE001 - the task's root: a defect must not end the watch
            # The text of an unforeseen error may quote a value of the file, and so may its traceback.
            self._keep(type(unforeseen).__name__, changed=changed)
        else:
            self._refused = None
            _log.info(events.CONFIG_APPLIED, file=str(self._path))
            return True
        return False

    def _keep(self, reason: str, *, changed: bool) -> None:
        if changed or reason != self._refused:
            _log.error(events.CONFIG_KEPT, file=str(self._path), reason=reason)
        self._refused = reason
