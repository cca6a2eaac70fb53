"""Rates: how many requests a caller, and all callers of a tenant, may send to this process."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import msgspec

from gateway.domain.errors import RateLimited
from gateway.domain.ids import TenantId

_MAX_KEYS: Final = 10_000
"""Buckets kept; the least used goes first and is full again when it comes back."""


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """A sustained rate, and how many may come at once after a rest."""

    requests_per_second: float
    burst: int


class TokenBuckets:
    """A token bucket per key."""

    def __init__(self, rate: Rate, *, monotonic: Callable[[], float]) -> None:
        self._rate = rate
        self._monotonic = monotonic
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> float:
        """Take a token: 0.0 where there was one, else the seconds until there will be."""
        now, burst = self._monotonic(), self._rate.burst
        level, at = self._levels.get(key, (burst, now))
        level = min(burst, level + (now - at) * self._rate.requests_per_second)
        self._levels[key] = (level if level < 1 else level - 1, now)
        self._levels.move_to_end(key)
        if len(self._levels) > _MAX_KEYS:
            self._levels.popitem(last=False)
        return (1 - level) / self._rate.requests_per_second if level < 1 else 0.0


class RequestRates:
    """The rates of callers and tenants, and of all strangers; each process counts for itself."""

    def __init__(
        self, *, caller: Rate, tenant: Rate, strangers: Rate, monotonic: Callable[[], float]
    ) -> None:
        self._caller = caller
        self._tenant = tenant
        self._strangers = strangers
        self._unknown = TokenBuckets(strangers, monotonic=monotonic)
        self._callers = TokenBuckets(caller, monotonic=monotonic)
        self._tenants = TokenBuckets(tenant, monotonic=monotonic)

    def count_caller(self, name: str) -> None:
        """`RateLimited` where the caller sends more than it may."""
        _check(self._callers.take(name), rate=self._caller, whose="You send")

    def count_tenant(self, tenant_id: TenantId) -> None:
        """`RateLimited` where the tenant is asked more than it may be."""
        _check(self._tenants.take(tenant_id), rate=self._tenant, whose="This tenant is sent")

    def count_stranger(self) -> None:
        """`RateLimited` where more requests than there may be come from nobody we know, all together."""
        _check(self._unknown.take(""), rate=self._strangers, whose="Strangers send")


def _check(wait_seconds: float, *, rate: Rate, whose: str) -> None:
    if wait_seconds > 0:
        raise RateLimited(
            f"{whose} over {rate.requests_per_second:g} requests per second.",
            retry_after_seconds=wait_seconds,
        )
