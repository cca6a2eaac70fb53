"""When an issuer's keys are fetched: behind the callers, and once more where a token names an unknown one."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

import msgspec

from gateway.domain.errors import UpstreamUnavailable
from gateway.telemetry.incidents import IncidentLog

if TYPE_CHECKING:
    from joserfc.jwk import Key

    from gateway.tenancy.jwks import KeyRing

Fetch = Callable[[], Awaitable["KeyRing"]]

_UNREACHABLE: Final = "The issuer of tokens does not show its keys: nobody can say now whether yours is good."


class KeysMissing(Exception):
    """What the issuer's address gave is no set of usable keys; the text is for the log and quotes nothing."""


class KeyTimes(msgspec.Struct, frozen=True, kw_only=True):
    """How old keys may be.

    They are fetched anew every `refresh_seconds`; while that fails the last good ones serve for
    `keep_seconds`. An unknown `kid`, or a failure, is followed by a fetch at most every `retry_seconds`.
    """

    refresh_seconds: float = 300.0
    keep_seconds: float = 86_400.0
    retry_seconds: float = 10.0


class IssuerKeys:
    """The keys of one issuer, as they were last fetched.

    `fetch` raises `KeysMissing` where there are none to be had. One fetch runs at a time and does not end
    with the request that began it.
    """

    def __init__(
        self,
        fetch: Fetch,
        *,
        times: KeyTimes,
        monotonic: Callable[[], float],
        incidents: IncidentLog,
    ) -> None:
        self._fetch = fetch
        self._times = times
        self._monotonic = monotonic
        self._incidents = incidents
        self._ring: KeyRing | None = None
        self._is_failing = False
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")
        self._flight: asyncio.Task[None] | None = None

    async def find(self, *, family: str, key_id: str | None) -> "Key | None":
        """The key, or None where the issuer shows none of this id.

        `UpstreamUnavailable` where that cannot be told: a caller who heard "unauthenticated" would throw
        a good token away.
        """
        key = self._held(family=family, key_id=key_id)
        if key is not None:
            return key
        await self._fetch_once_more()
        key = self._held(family=family, key_id=key_id)
        if key is None and self._is_failing:
            raise UpstreamUnavailable(_UNREACHABLE, retry_after_seconds=self._times.retry_seconds)
        return key

    async def follow(self, *, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
        """Fetch now, and again and again until cancelled."""
        while True:
            await self._join()
            await sleep(self._times.retry_seconds if self._is_failing else self._times.refresh_seconds)

    async def close(self) -> None:
        """Abandon a fetch under way."""
        if self._flight is not None:
            self._flight.cancel()
            await asyncio.wait([self._flight])

    def _held(self, *, family: str, key_id: str | None) -> "Key | None":
        if self._ring is None or self._monotonic() - self._fetched_at > self._times.keep_seconds:
            return None
        return self._ring.find(family=family, key_id=key_id)

    async def _fetch_once_more(self) -> None:
        """Join the fetch under way, or begin one unless the last was a moment ago: anybody can invent ids."""
        if self._flight is not None or self._monotonic() - self._tried_at >= self._times.retry_seconds:
            await self._join()

    async def _join(self) -> None:
        if self._flight is None:
            self._tried_at = self._monotonic()
            self._flight = asyncio.create_task(self._take())
        await asyncio.wait([self._flight])  # a caller who leaves ends its own wait alone

    async def _take(self) -> None:
        try:
            self._ring = await self._fetch()
        except asyncio.CancelledError:
            self._is_failing = True  # whoever waits must not hear that its token is bad
            raise
        except KeysMissing as missing:
            self._note_failure(str(missing))
        except Exception as unforeseen:  # noqa: BLE001 - the task's root: a defect must not log everybody out
            self._note_failure(type(unforeseen).__name__)
        else:
            self._is_failing = False
            self._fetched_at = self._monotonic()
            self._incidents.recover()
        finally:
            self._flight = None

    def _note_failure(self, reason: str) -> None:
        self._is_failing = True
        self._incidents.fail(reason=reason)
