"""Who is cancelled while Valkey is asked goes no further, at whatever step that is."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import pytest

from gateway.cache.valkey_answers import EXTEND, ValkeyAnswers
from gateway.cache.valkey_changes import ValkeyChanges
from gateway.domain.idempotency import Claim
from gateway.domain.ids import TenantId
from gateway.domain.secrets import SecretUrl
from tests.integration.test_idempotency import incidents
from tests.replicas import ACME, Evolux, RunningValkey, replicas, running_valkey

MOST_TURNS = 60
"""Of the event loop, more than one call takes."""
Ask = Callable[[], Awaitable[object]]


@pytest.fixture(scope="module")
def valkey() -> Iterator[RunningValkey]:
    with running_valkey() as running:
        yield running


async def turns_at_which_it_went_on(ask: Ask) -> list[int]:
    """Cancel the call after one turn of the loop, two, and so on; those turns after which it went on."""
    went_on = []
    for turns in [*range(1, MOST_TURNS)] * 3:
        asking = asyncio.ensure_future(ask())
        for _ in range(turns):
            await asyncio.sleep(0)
        if not asking.done():
            asking.cancel()
            await asyncio.wait([asking])
            if not asking.cancelled():
                went_on.append(turns)
    return went_on


async def test_a_reading_of_the_clock_ends(valkey: RunningValkey) -> None:
    async with replicas(valkey.url, evolux=Evolux()) as [replica]:
        assert await turns_at_which_it_went_on(replica.shared.hear_clock) == []
        await replica.shared.hear_clock()


async def test_who_looks_for_a_listing_ends(valkey: RunningValkey) -> None:
    async with replicas(valkey.url, evolux=Evolux()) as [replica]:
        looking = lambda: replica.shared.fetch(ACME, max_age_seconds=1)  # noqa: E731 - it is one call
        assert await turns_at_which_it_went_on(looking) == []
        assert replica.shared.is_sharing


async def test_who_prolongs_a_claim_ends(valkey: RunningValkey) -> None:
    answers = ValkeyAnswers(SecretUrl(valkey.url), incidents=incidents())
    try:
        claiming = lambda: answers._run(EXTEND, Claim("one", "two"), "nobody", 1000)  # noqa: E731 - as above
        assert await turns_at_which_it_went_on(claiming) == []
    finally:
        await answers.close()


async def test_who_reads_changes_ends(valkey: RunningValkey) -> None:
    changes = ValkeyChanges(SecretUrl(valkey.url), keep_seconds=60, incidents=incidents())
    try:
        assert await turns_at_which_it_went_on(lambda: changes.links(TenantId("acme"))) == []
    finally:
        await changes.close()
