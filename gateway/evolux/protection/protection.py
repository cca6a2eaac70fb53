"""One tenant's protection, whole: what its client enters for every attempt, and asks before every retry."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from math import inf
from typing import Final

import msgspec

from gateway.domain.deadlines import Deadline, current_deadline
from gateway.domain.errors import GatewayError, UpstreamRateLimited, UpstreamTimeout, UpstreamUnavailable
from gateway.evolux.operations import Operation
from gateway.evolux.protection.breaker import Breaker, BreakerLimits, Verdict, verdict_on
from gateway.evolux.protection.retry_budget import RetryBudget
from gateway.evolux.protection.timers import LoopTimers, Timers
from gateway.evolux.protection.turnstile import Turnstile, TurnstileLimits
from gateway.telemetry.labels import BreakerState

FAIR_CHANCE_SECONDS: Final = 1.0
"""An attempt cut off by its caller's deadline in less than this says more of the caller than of Evolux."""
_TIMER_SECONDS: Final = 0.01
"""How much too early a timer may go off."""


class ProtectionState(msgspec.Struct, frozen=True, kw_only=True):
    """What the protection of one tenant looks like at one instant."""

    breaker: BreakerState
    failures: int
    open_seconds_left: float
    in_flight: int
    waiting: int
    tokens: float
    held_seconds: float
    retries_left: int


class Protection:
    """Of one tenant, in one event loop; nothing of it is shared. Its client gets `gate` and `may_retry`."""

    def __init__(
        self,
        *,
        turnstile: TurnstileLimits,
        breaker: BreakerLimits,
        timers: Timers | None = None,
        on_breaker_change: Callable[[BreakerState], object] = lambda _state: None,
    ) -> None:
        self._timers = timers or LoopTimers()
        self._on_breaker_change = on_breaker_change
        self._turnstile = Turnstile(turnstile, timers=self._timers)
        self._budget = RetryBudget()
        self._breaker = Breaker(breaker, monotonic=self._timers.monotonic, on_change=self._breaker_changed)

    @property
    def state(self) -> ProtectionState:
        """A look at everything; may be taken from another thread."""
        return ProtectionState(
            breaker=self._breaker.state,
            failures=self._breaker.failures,
            open_seconds_left=self._breaker.open_seconds_left,
            in_flight=self._turnstile.in_flight,
            waiting=self._turnstile.waiting,
            tokens=self._turnstile.tokens,
            held_seconds=self._turnstile.held_seconds,
            retries_left=self._budget.left(now=self._timers.monotonic()),
        )

    def may_retry(self) -> bool:
        """Take a retry out of the budget; False where none is left."""
        return self._budget.take(now=self._timers.monotonic())

    @asynccontextmanager
    async def gate(self, operation: Operation) -> AsyncIterator[None]:
        """Enter around one attempt; what is raised on entering was decided before anything was sent.

        UpstreamUnavailable: the breaker is open, or no time is left to write; UpstreamTimeout: or to read;
        RateLimited, Overloaded, UpstreamRateLimited: see `Turnstile.enter`.
        """
        deadline = current_deadline()
        _require_time(deadline, is_write=operation.is_write)
        self._breaker.check()
        await self._turnstile.enter(
            is_write=operation.is_write,
            errand=deadline or object(),
            left_seconds=inf if deadline is None else deadline.left_seconds,
        )
        try:
            permit = self._breaker.begin()
        except UpstreamUnavailable:
            self._turnstile.leave(unused=True)
            raise
        self._budget.asked(now=self._timers.monotonic())
        began_at = self._timers.monotonic()
        verdict = Verdict.TELLS_NOTHING
        try:
            yield
            verdict = Verdict.WELL
        except GatewayError as error:
            verdict = self._judge(error, began_at=began_at, deadline=deadline)
            raise
        finally:
            self._breaker.end(permit, verdict)
            self._turnstile.leave()

    def _judge(self, error: GatewayError, *, began_at: float, deadline: Deadline | None) -> Verdict:
        """The verdict; Evolux's `Retry-After` is taken up here. Of the 429s to one burst only one counts."""
        verdict = verdict_on(error)
        is_late = deadline is not None and deadline.left_seconds <= _TIMER_SECONDS
        if is_late and error.upstream_status is None:
            had_a_chance = self._timers.monotonic() - began_at >= FAIR_CHANCE_SECONDS
            return verdict if had_a_chance else Verdict.TELLS_NOTHING
        if verdict is not Verdict.FAILED or error.retry_after_seconds is None:
            return verdict
        was_held = self._turnstile.held_seconds > 0
        self._turnstile.hold_back(error.retry_after_seconds)
        return Verdict.TELLS_NOTHING if was_held and isinstance(error, UpstreamRateLimited) else verdict

    def _breaker_changed(self, state: BreakerState) -> None:
        if state is not BreakerState.CLOSED:
            self._turnstile.dismiss(self._breaker.refusal)
        self._on_breaker_change(state)


def _require_time(deadline: Deadline | None, *, is_write: bool) -> None:
    """Nothing is sent for a request whose time is over: a write that was not sent has changed nothing."""
    if deadline is None or deadline.left_seconds > 0:
        return
    if is_write:
        raise UpstreamUnavailable("the time for this request ended before anything was sent to Evolux")
    raise UpstreamTimeout("the time for this request ended before Evolux had answered")
