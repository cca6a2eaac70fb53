"""The way to one tenant's Evolux: so many at a time, so many a second, none while Evolux asked for rest."""

import asyncio
from collections.abc import Callable
from math import inf
from typing import Final

import msgspec

from gateway.domain.errors import GatewayError, Overloaded, RateLimited, UpstreamRateLimited
from gateway.evolux.protection.quota import Quota
from gateway.evolux.protection.timers import Cancellable, Timers
from gateway.evolux.protection.waiting import FairQueue, Waiter

MAX_HOLD_SECONDS: Final = 60.0
"""Longest rest that Evolux's `Retry-After` gets before it is asked again."""
_LEAST_RETRY_SECONDS: Final = 1.0


class TurnstileLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The cap, the bound on those who wait for it, and the quota."""

    concurrency: int = 10
    max_waiting: int = 500
    requests_per_second: float = 50.0
    burst: int = 200


class Turnstile:
    """Who has entered must leave. Who is cancelled, late or turned away while waiting has never entered."""

    def __init__(self, limits: TurnstileLimits, *, timers: Timers) -> None:
        self._limits = limits
        self._timers = timers
        self._quota = Quota(limits.requests_per_second, burst=limits.burst, now=timers.monotonic())
        self._queue = FairQueue()
        self._held_until = -inf
        self._wake: Cancellable | None = None
        self.in_flight = 0

    @property
    def waiting(self) -> int:
        """Requests that wait for their turn."""
        return len(self._queue)

    @property
    def tokens(self) -> float:
        """Requests that the quota has left."""
        return self._quota.tokens(now=self._timers.monotonic())

    @property
    def held_seconds(self) -> float:
        """For how long Evolux asked not to be read; 0 where it did not."""
        return max(0.0, self._held_until - self._timers.monotonic())

    async def enter(self, *, is_write: bool, errand: object, left_seconds: float = inf) -> None:
        """Wait for a turn, no longer than `left_seconds`; at once where it cannot come in time.

        RateLimited: the quota; UpstreamRateLimited: Evolux asked for rest; Overloaded: too many, too slow.
        """
        waiter = Waiter(
            asyncio.get_running_loop().create_future(),
            errand=errand,
            is_write=is_write,
            ends_at=self._timers.monotonic() + left_seconds,
        )
        self._queue.append(waiter)
        self._let_in()
        if not waiter.turn.done():
            self._turn_away_if_hopeless(waiter)
            await self._turn_of(waiter, left_seconds=left_seconds)

    def leave(self, *, unused: bool = False) -> None:
        """Make room; `unused` where nothing was sent."""
        self.in_flight -= 1
        if unused:
            self._quota.give_back(now=self._timers.monotonic())
        self._let_in()

    def hold_back(self, seconds: float) -> None:
        """Let no read in for so long; those that cannot wait for it go away now."""
        until = self._timers.monotonic() + min(seconds, MAX_HOLD_SECONDS)
        self._held_until = max(self._held_until, until)
        for waiter in self._queue:
            if not waiter.is_write and waiter.ends_at <= self._held_until:
                self._turn_away(waiter, self._rest())
        self._plan_wake()

    def dismiss(self, error: Callable[[], GatewayError]) -> None:
        """Turn everybody away who waits."""
        for waiter in self._queue:
            self._turn_away(waiter, error())

    async def _turn_of(self, waiter: Waiter, *, left_seconds: float) -> None:
        expiry = (
            self._timers.call_later(left_seconds, lambda: self._expire(waiter))
            if left_seconds < inf
            else None
        )
        try:
            refusal = await waiter.turn
        except asyncio.CancelledError:
            if not waiter.turn.cancelled() and waiter.turn.result() is None:
                self.leave(unused=True)
            raise
        finally:
            self._queue.discard(waiter)
            if expiry is not None:
                expiry.cancel()
        if refusal is not None:
            raise refusal

    def _let_in(self) -> None:
        while self.in_flight < self._limits.concurrency:
            now = self._timers.monotonic()
            if self._quota.wait_seconds(now=now) > 0:
                break
            waiter = self._queue.pop(with_reads=now >= self._held_until)
            if waiter is None:
                break
            if not waiter.turn.done():
                self._quota.take(now=now)
                self.in_flight += 1
                waiter.turn.set_result(None)
        self._plan_wake()

    def _plan_wake(self) -> None:
        """Look again when quota and rest let the next one go; a slot that frees looks by itself."""
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None
        if not self._queue or self.in_flight >= self._limits.concurrency:
            return
        seconds = self._quota.wait_seconds(now=self._timers.monotonic())
        if not self._queue.has_writes:
            seconds = max(seconds, self.held_seconds)
        self._wake = self._timers.call_later(seconds, self._let_in)

    def _turn_away_if_hopeless(self, waiter: Waiter) -> None:
        now = self._timers.monotonic()
        ahead = self._queue.ahead_of(waiter)
        if len(self._queue) > self._limits.max_waiting:
            self._turn_away(waiter, self._crowd("too many requests wait for Evolux"))
        elif not waiter.is_write and waiter.ends_at <= self._held_until:
            self._turn_away(waiter, self._rest())
        elif now + self._quota.wait_seconds(now=now, tokens=ahead + 1) >= waiter.ends_at:
            self._turn_away(waiter, self._over_quota(ahead))

    def _expire(self, waiter: Waiter) -> None:
        if not waiter.is_write and self.held_seconds > 0:
            self._turn_away(waiter, self._rest())
        elif self.tokens < 1:
            self._turn_away(waiter, self._over_quota(0))
        else:
            self._turn_away(waiter, self._crowd("no turn at Evolux came in time"))

    def _turn_away(self, waiter: Waiter, error: GatewayError) -> None:
        self._queue.discard(waiter)
        if not waiter.turn.done():
            waiter.turn.set_result(error)

    def _rest(self) -> GatewayError:
        return UpstreamRateLimited(
            "Evolux asked to be left alone for a while: the gateway holds reads back until then",
            retry_after_seconds=self.held_seconds,
        )

    def _over_quota(self, ahead: int) -> GatewayError:
        wait_seconds = self._quota.wait_seconds(now=self._timers.monotonic(), tokens=ahead + 1)
        return RateLimited(
            "the tenant asks more of Evolux than the gateway allows", retry_after_seconds=wait_seconds
        )

    def _crowd(self, message: str) -> GatewayError:
        drained_seconds = len(self._queue) / self._limits.requests_per_second
        return Overloaded(message, retry_after_seconds=max(_LEAST_RETRY_SECONDS, drained_seconds))
