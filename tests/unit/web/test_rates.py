"""Token buckets on a clock moved by hand."""

import pytest

from gateway.domain.errors import RateLimited
from gateway.domain.ids import TenantId
from gateway.web.rates import Rate, RequestRates, TokenBuckets


class HandClock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    clock = HandClock()
    buckets = TokenBuckets(Rate(requests_per_second=2, burst=3), monotonic=clock)
    assert [buckets.take("a") for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    clock.now += 0.25
    assert buckets.take("a") == 0.25
    clock.now += 0.25
    assert [buckets.take("a") for _ in range(2)] == [0.0, 0.5]


def test_a_rest_fills_a_bucket_to_its_burst_and_no_further() -> None:
    clock = HandClock()
    buckets = TokenBuckets(Rate(requests_per_second=2, burst=3), monotonic=clock)
    buckets.take("a")
    clock.now += 1_000_000
    assert [buckets.take("a") for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]


def test_one_key_does_not_use_anothers_tokens() -> None:
    buckets = TokenBuckets(Rate(requests_per_second=1, burst=1), monotonic=HandClock())
    assert buckets.take("a") == 0.0
    assert buckets.take("a") == 1.0
    assert buckets.take("b") == 0.0


def test_who_is_over_a_rate_is_told_whose_it_is_and_when_to_come_again() -> None:
    one = Rate(requests_per_second=4, burst=1)
    rates = RequestRates(caller=one, tenant=one, strangers=one, monotonic=HandClock())
    rates.count_caller("board")
    rates.count_tenant(TenantId("acme"))
    with pytest.raises(RateLimited, match=r"^You send over 4 requests per second\.$") as caller:
        rates.count_caller("board")
    with pytest.raises(RateLimited, match=r"^This tenant is sent over 4 requests per second\.$") as tenant:
        rates.count_tenant(TenantId("acme"))
    rates.count_stranger()
    with pytest.raises(RateLimited, match=r"^Strangers send over 4 requests per second\.$"):
        rates.count_stranger()
    assert caller.value.retry_after_seconds == tenant.value.retry_after_seconds == 0.25
    rates.count_caller("other")
    rates.count_tenant(TenantId("outra"))
