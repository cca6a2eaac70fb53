"""When what is held may stand in for what Evolux did not show, and when to read again: pure functions."""

from typing import Final

from gateway.cache.freshness import FreshnessPolicy, Verdict, judge, may_serve_on_error
from gateway.cache.store import Held
from gateway.domain.errors import Failure, UpstreamCredentialsRejected
from gateway.domain.listings import ANY_AGE

FAILING_SECONDS: Final = 30.0
"""An Evolux that failed so recently is taken to fail still: readers do not wait to find out."""

CONFIRM_SECONDS: Final = 1.0
"""What a write put into a listing is confirmed by a walk that readers cause from then on."""


def may_be_covered(error: Exception | None) -> bool:
    """Whether this is a failure to answer; a refused token is an answer, and a fault of ours is ours."""
    return isinstance(error, Failure) and not isinstance(error, UpstreamCredentialsRejected)


def covers_at_once(held: Held, *, now: float) -> bool:
    """Whether Evolux is known to fail in a way that this listing may cover."""
    is_failing = held.failed_at is not None and now - held.failed_at < FAILING_SECONDS
    return is_failing and held.may_cover and held.snapshot.complete


def is_better(held: Held, *, failure: Failure | None, policy: FreshnessPolicy, now: float) -> bool:
    """Whether this listing is better than nothing, or than one that lacks rows.

    For long only where Evolux failed: rows that Evolux itself does not show right may never come right.
    """
    if not held.snapshot.complete:
        return False
    age_seconds = now - held.read_at
    if failure is None:
        return judge(age_seconds, policy=policy, bound=ANY_AGE) is not Verdict.WAIT
    return may_serve_on_error(age_seconds, policy=policy, bound=ANY_AGE)


def frameless(failure: Failure | None) -> Failure | None:
    """The failure alone: held for long, its frames would keep the pages of the walk that it ended."""
    if failure is not None:
        failure.__traceback__ = failure.__context__ = failure.__cause__ = None
    return failure


def is_to_be_read_again(held: Held, *, now: float) -> bool:
    """Whether a write's outcome is to be confirmed, or a part is missing that Evolux may show by now."""
    if held.failure is not None:
        return True
    return held.patched_at is not None and now - held.patched_at >= CONFIRM_SECONDS
