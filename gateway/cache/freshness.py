"""The freshness policy as pure functions: what may be served at which age, and what must be read first."""

from enum import Enum

import msgspec

from gateway.domain.listings import FreshnessBound


class FreshnessPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How long a listing is fresh, and how long after that it may still be served (RFC 5861)."""

    fresh_seconds: float = 5
    stale_seconds: float = 30
    stale_if_error_seconds: float = 600


class Verdict(Enum):
    """What to do with a request for a listing."""

    SERVE = "serve"
    SERVE_AND_REFRESH = "serve and refresh"
    WAIT = "wait"


def judge(age_seconds: float | None, *, policy: FreshnessPolicy, bound: FreshnessBound) -> Verdict:
    """Say what to do with a listing of this age (None: nothing is held) for a caller with this bound."""
    if age_seconds is None or _is_over_bound(age_seconds, bound):
        return Verdict.WAIT
    if age_seconds < policy.fresh_seconds:
        return Verdict.SERVE
    if age_seconds < policy.fresh_seconds + policy.stale_seconds:
        return Verdict.SERVE_AND_REFRESH
    return Verdict.WAIT


def servable_seconds(policy: FreshnessPolicy, *, bound: FreshnessBound | None) -> float:
    """Say how old what another replica read may be: servable for a caller who waits, fresh for a refresh."""
    if bound is None:
        return policy.fresh_seconds
    servable = policy.fresh_seconds + policy.stale_seconds
    return servable if bound.max_age_seconds is None else min(servable, bound.max_age_seconds)


def is_stale(age_seconds: float, *, policy: FreshnessPolicy) -> bool:
    """Say whether a listing of this age is to be marked stale."""
    return age_seconds >= policy.fresh_seconds


def may_serve_on_error(age_seconds: float | None, *, policy: FreshnessPolicy, bound: FreshnessBound) -> bool:
    """Say whether a listing of this age may stand in while Evolux fails; a caller's own bound still holds."""
    if age_seconds is None or _is_over_bound(age_seconds, bound):
        return False
    return age_seconds < policy.fresh_seconds + policy.stale_if_error_seconds


def _is_over_bound(age_seconds: float, bound: FreshnessBound) -> bool:
    """`max-age=0` and `no-cache` accept nothing that was held before the request."""
    if bound.max_age_seconds is None:
        return False
    return bound.max_age_seconds <= 0 or age_seconds > bound.max_age_seconds
