"""When keys are fetched, how often, and what holds while they cannot be."""

import asyncio
import json
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from gateway.domain.errors import UpstreamUnavailable
from gateway.telemetry import events
from gateway.telemetry.incidents import IncidentLog
from gateway.tenancy.issuer_keys import IssuerKeys, KeysMissing, KeyTimes
from gateway.tenancy.jwks import KeyRing, parse_jwks
from tests.issuer import EDWARDS, ELLIPTIC, public

TIMES = KeyTimes(refresh_seconds=300, keep_seconds=3600, retry_seconds=10)


class Source:
    """An issuer without a socket: what it shows, how often it was asked, and a clock."""

    def __init__(self) -> None:
        self.shown = [public(EDWARDS, kid="first")]
        self.fault: Exception | None = None
        self.gate: asyncio.Event | None = None
        self.began = asyncio.Event()
        self.fetches = 0
        self.now = 1000.0
        incidents = IncidentLog(
            structlog.get_logger(),
            failed=events.KEYS_FAILED,
            recovered=events.KEYS_RECOVERED,
            monotonic=lambda: self.now,
        )
        self.keys = IssuerKeys(self.fetch, times=TIMES, monotonic=lambda: self.now, incidents=incidents)

    async def fetch(self) -> KeyRing:
        self.fetches += 1
        self.began.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.fault is not None:
            raise self.fault
        return parse_jwks(json.dumps({"keys": self.shown}).encode())

    async def knows(self, kid: str, *, family: str = "EdDSA") -> bool:
        return await self.keys.find(family=family, key_id=kid) is not None


async def test_keys_are_fetched_once_for_all_tokens() -> None:
    source = Source()
    assert all([await source.knows("first") for _ in range(50)])
    assert source.fetches == 1


async def test_a_rotated_key_is_found_by_one_fetch_and_the_old_one_is_gone() -> None:
    source = Source()
    assert await source.knows("first")
    source.shown = [public(ELLIPTIC, kid="second")]
    source.now += TIMES.retry_seconds
    assert await source.knows("second", family="ES256")
    assert source.fetches == 2
    assert not await source.knows("first")
    assert source.fetches == 2


async def test_many_tokens_of_a_new_key_make_one_fetch() -> None:
    source = Source()
    await source.knows("first")
    source.now += TIMES.retry_seconds
    source.shown.append(public(ELLIPTIC, kid="second"))
    source.gate = asyncio.Event()
    source.began.clear()
    asked = [asyncio.create_task(source.knows("second", family="ES256")) for _ in range(200)]
    await source.began.wait()
    assert await source.knows("first")  # who has a known key waits for nobody
    source.gate.set()
    assert await asyncio.gather(*asked) == [True] * 200
    assert source.fetches == 2


async def test_invented_ids_make_one_fetch_per_interval() -> None:
    source = Source()
    for second in range(100):
        source.now = 1000.0 + second
        assert not await source.knows(f"invented-{second}")
        assert await source.knows("first")
    assert source.fetches == 10


async def test_a_caller_who_leaves_ends_neither_the_fetch_nor_the_others_wait() -> None:
    source = Source()
    source.gate = asyncio.Event()
    leaving = asyncio.create_task(source.knows("first"))
    staying = asyncio.create_task(source.knows("first"))
    await source.began.wait()
    leaving.cancel()
    await asyncio.wait([leaving])
    source.gate.set()
    assert await staying
    assert source.fetches == 1


@pytest.mark.parametrize("fault", [KeysMissing("HTTP status 500"), RuntimeError("a defect of ours")])
async def test_in_an_outage_the_last_good_keys_serve_for_their_time(fault: Exception) -> None:
    source = Source()
    assert await source.knows("first")
    source.fault = fault
    with capture_logs() as logs:
        for _ in range(100):
            source.now += 35
            assert await source.knows("first")
            with pytest.raises(UpstreamUnavailable) as unknown:
                await source.knows("second")
            assert unknown.value.retry_after_seconds == TIMES.retry_seconds
    told = {line["reason"] for line in logs if line["event"] == events.KEYS_FAILED}
    assert told == {str(fault) if isinstance(fault, KeysMissing) else "RuntimeError"}
    assert sum(line["count"] == 1 for line in logs) == 1
    source.now += 3600
    with pytest.raises(UpstreamUnavailable):
        await source.knows("first")
    source.fault = None
    source.now += 10
    with capture_logs() as logs:
        assert await source.knows("first")
    assert [line["event"] for line in logs] == [events.KEYS_RECOVERED]


async def test_where_keys_never_came_nobody_is_told_that_a_token_is_bad() -> None:
    source = Source()
    source.fault = KeysMissing("ClientConnectorError")
    for _ in range(20):
        with pytest.raises(UpstreamUnavailable):
            await source.knows("first")
    assert source.fetches == 1


async def test_keys_are_followed_behind_the_callers_and_sooner_after_a_failure() -> None:
    source = Source()
    slept: list[float] = []
    script: list[Any] = [None, KeysMissing("down"), None]

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if not script:
            raise asyncio.CancelledError
        source.fault = script.pop(0)

    with pytest.raises(asyncio.CancelledError):
        await source.keys.follow(sleep=sleep)
    assert slept == [300, 300, 10, 300]
    assert source.fetches == 4


async def test_closing_ends_a_fetch_and_condemns_nobody_who_waits_for_it() -> None:
    source = Source()
    source.gate = asyncio.Event()
    asking = asyncio.create_task(source.knows("first"))
    await source.began.wait()
    await source.keys.close()
    with pytest.raises(UpstreamUnavailable):
        await asking
