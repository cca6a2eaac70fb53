"""The circuit breaker: a failing Evolux is left alone for a while, then one request finds out how it is."""

from collections.abc import Callable
from enum import Enum
from typing import Final

import msgspec

from gateway.domain.errors import (
    OutcomeUnknown,
    Refusal,
    UpstreamCredentialsRejected,
    UpstreamInvalidResponse,
    UpstreamRateLimited,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from gateway.evolux.protection.recent import RecentCount
from gateway.telemetry.labels import BreakerState

FAILED_SHARE: Final = 0.5
"""Of the requests in the window so many must have failed: one that fails now and then is asked on."""
PROBE_SECONDS: Final = 1.0
"""When to come again while a probe is under way."""
_SERVER_ERROR: Final = 500


class Verdict(Enum):
    """What the end of an attempt tells of Evolux."""

    WELL = "well"
    FAILED = "failed"
    TELLS_NOTHING = "tells_nothing"


def verdict_on(error: BaseException | None) -> Verdict:
    """Judge an attempt by its error: any answer is well but a 5xx or 429; a caller who left tells nothing.

    OutcomeUnknown is a fault only where Evolux failed, not where it answered in words that nobody can read.
    """
    match error:
        case None | Refusal() | UpstreamCredentialsRejected() | UpstreamInvalidResponse():
            return Verdict.WELL
        case UpstreamUnavailable() | UpstreamTimeout() | UpstreamRateLimited():
            return Verdict.FAILED
        case OutcomeUnknown(upstream_status=status):
            return Verdict.FAILED if status is None or status >= _SERVER_ERROR else Verdict.WELL
        case _:
            return Verdict.TELLS_NOTHING


class BreakerLimits(msgspec.Struct, frozen=True, kw_only=True):
    """`failures` within the window open it; after `open_seconds` one request at a time probes."""

    failures: int = 10
    window_seconds: float = 10.0
    open_seconds: float = 5.0


class Permit(msgspec.Struct, frozen=True):
    """Leave to ask, given in one epoch: what comes of it tells nothing about a later one."""

    epoch: int
    is_probe: bool


class Breaker:
    """One tenant's. Every `begin` is followed by one `end`; nothing here waits, so nothing can interleave."""

    def __init__(
        self,
        limits: BreakerLimits,
        *,
        monotonic: Callable[[], float],
        on_change: Callable[[BreakerState], object] = lambda _state: None,
    ) -> None:
        self._limits = limits
        self._monotonic = monotonic
        self._on_change = on_change
        self._asked = RecentCount(limits.window_seconds)
        self._failed = RecentCount(limits.window_seconds)
        self._open_until: float | None = None
        self._epoch = 0
        self._is_probing = False
        self._told = BreakerState.CLOSED

    @property
    def state(self) -> BreakerState:
        """The state at this instant; an open one becomes half open by time alone."""
        open_until = self._open_until
        if open_until is None:
            return BreakerState.CLOSED
        return BreakerState.OPEN if self._monotonic() < open_until else BreakerState.HALF_OPEN

    @property
    def failures(self) -> int:
        """Failures in the window."""
        return self._failed.total(now=self._monotonic())

    @property
    def open_seconds_left(self) -> float:
        """Time until a probe is let through; 0 where none is awaited."""
        return 0.0 if self._open_until is None else max(0.0, self._open_until - self._monotonic())

    def check(self) -> None:
        """UpstreamUnavailable: nothing may be sent now."""
        state = self.state
        if state is BreakerState.OPEN or (state is BreakerState.HALF_OPEN and self._is_probing):
            raise self.refusal()

    def refusal(self) -> UpstreamUnavailable:
        """The error for those who may not ask."""
        return UpstreamUnavailable(
            "Evolux failed too often: the gateway has stopped asking it for now, and nothing was sent",
            retry_after_seconds=self.open_seconds_left or PROBE_SECONDS,
        )

    def begin(self) -> Permit:
        """Leave to ask. UpstreamUnavailable: none is given."""
        self.check()
        is_probe = self._open_until is not None
        if is_probe:
            self._is_probing = True
            self._tell(BreakerState.HALF_OPEN)
        return Permit(self._epoch, is_probe)

    def end(self, permit: Permit, verdict: Verdict) -> None:
        """Take note of how it went. A probe that tells nothing leaves its place to the next."""
        if permit.epoch != self._epoch:
            return
        if permit.is_probe:
            self._is_probing = False
            if verdict is not Verdict.TELLS_NOTHING:
                self._move(is_open=verdict is Verdict.FAILED)
        elif verdict is not Verdict.TELLS_NOTHING:
            self._count(verdict)

    def _count(self, verdict: Verdict) -> None:
        now = self._monotonic()
        self._asked.add(now=now)
        if verdict is Verdict.WELL:
            return
        self._failed.add(now=now)
        failures = self._failed.total(now=now)
        if failures >= max(self._limits.failures, self._asked.total(now=now) * FAILED_SHARE):
            self._move(is_open=True)

    def _move(self, *, is_open: bool) -> None:
        self._epoch += 1
        self._asked.clear()
        self._failed.clear()
        self._open_until = self._monotonic() + self._limits.open_seconds if is_open else None
        self._tell(BreakerState.OPEN if is_open else BreakerState.CLOSED)

    def _tell(self, state: BreakerState) -> None:
        if state is not self._told:
            self._told = state
            self._on_change(state)
