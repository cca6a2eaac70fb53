"""Retry-After, and when a read is tried again."""

from datetime import UTC, datetime

import pytest

from gateway.domain.errors import (
    GatewayError,
    UpstreamCredentialsRejected,
    UpstreamInvalidResponse,
    UpstreamRateLimited,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from gateway.evolux.answers import retry_after_seconds
from gateway.evolux.retries import Retries

NOW = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        (" 0 ", 0.0),
        ("99999999999999999999", 86_400.0),
        ("Tue, 10 Mar 2026 15:00:30 GMT", 30.0),
        ("Tue, 10 Mar 2026 12:00:30 -0300", 30.0),
        ("Tue, 10 Mar 2026 14:00:00 GMT", 0.0),
        ("Tue, 10 Mar 2099 14:00:00 GMT", 86_400.0),
        ("Tue, 10 Mar 2026 15:00:30 -0000", 30.0),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
        ("", None),
        ("٣", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(header, now=NOW) == seconds


@pytest.mark.parametrize(
    ("error", "waits"),
    [
        (UpstreamUnavailable("x"), [0.1, 0.2, None]),
        (UpstreamTimeout("x", upstream_status=408), [0.1, 0.2, None]),
        (UpstreamInvalidResponse("x", upstream_status=200), [0.1, 0.2, None]),
        (UpstreamRateLimited("x", upstream_status=429, retry_after_seconds=1.5), [1.5, 1.5, None]),
        (UpstreamRateLimited("x", upstream_status=429, retry_after_seconds=60.0), [None, None, None]),
        (UpstreamInvalidResponse("x", upstream_status=404), [None, None, None]),
        (UpstreamInvalidResponse("x", upstream_status=302), [None, None, None]),
        (UpstreamCredentialsRejected("x", upstream_status=401), [None, None, None]),
    ],
)
def test_a_read_is_tried_again_where_that_may_help(error: GatewayError, waits: list[float | None]) -> None:
    retries = Retries(attempts=3, wait_seconds=0.1, max_wait_seconds=2.0)
    found = [
        retries.wait_before(attempt, error=error, left_seconds=10.0, random=lambda: 1.0)
        for attempt in (2, 3, 4)
    ]
    assert found == waits


def test_waits_double_to_their_bound_and_are_jittered() -> None:
    retries = Retries(attempts=9, wait_seconds=0.1, max_wait_seconds=0.5)
    found = [
        retries.wait_before(attempt, error=UpstreamUnavailable("x"), left_seconds=10.0, random=lambda: 0.5)
        for attempt in (2, 3, 4, 5, 6)
    ]
    assert found == [0.05, 0.1, 0.2, 0.25, 0.25]
