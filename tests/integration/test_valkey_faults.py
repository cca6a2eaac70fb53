"""A Valkey that is down, slow, silent, full or not itself costs a log line and sharing, never an answer."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from gateway.cache import valkey, valkey_writes
from gateway.cache.store import ListingKey
from gateway.domain.ids import TenantId
from gateway.domain.listings import FreshnessBound
from tests.replicas import ACME, PATIENT, Evolux, RunningValkey, replicas, running_valkey, until
from tests.wires import wired

FAILED, RECOVERED = "sharing.failed", "sharing.recovered"


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(valkey_writes, "ACKNOWLEDGEMENT_SECONDS", PATIENT)


@pytest.fixture
def server() -> Iterator[RunningValkey]:
    with running_valkey() as running:
        yield running


def cold(number: int) -> ListingKey:
    """A listing that nobody holds."""
    return ACME._replace(tenant_id=TenantId(f"tenant-{number}"))


async def test_a_valkey_that_is_down_at_the_start_is_taken_up_when_it_comes(server: RunningValkey) -> None:
    server.kill()
    evolux = Evolux()
    async with replicas(server.url, server.url, evolux=evolux) as (one, other):
        assert [await each.state() for each in (one, other)] == ["before"] * 2
        assert evolux.walks == 2
        await one.write("after")
        assert await one.state() == "after"

        server.start()
        await until(lambda: one.shared.is_sharing and other.shared.is_sharing)
        assert [await each.state() for each in (one, other)] == ["after"] * 2
        assert evolux.walks == 4
        assert one.log.names == other.log.names == [FAILED, RECOVERED]


async def test_killed_and_restarted_under_load_it_costs_no_answer(server: RunningValkey) -> None:
    evolux = Evolux()
    answers = 0
    async with replicas(server.url, server.url, evolux=evolux) as pair:

        async def keep_asking(number: int) -> None:
            nonlocal answers
            while not stop.is_set():
                bound = FreshnessBound(max_age_seconds=0.02 * (number % 3))
                assert (await pair[number % 2].read(bound=bound)).snapshot.complete
                answers += 1
                await asyncio.sleep(0.002)

        stop = asyncio.Event()
        asking = [asyncio.create_task(keep_asking(number)) for number in range(10)]
        await until(lambda: answers > 100)
        server.kill()
        await until(lambda: all(each.log.names == [FAILED] for each in pair))
        at_the_kill = answers
        await until(lambda: answers > at_the_kill + 100)
        losses = [each.losses for each in pair]
        await asyncio.to_thread(server.start)
        await until(lambda: all(each.shared.is_sharing for each in pair))
        at_the_restart = answers
        await until(lambda: answers > at_the_restart + 100)
        stop.set()
        await asyncio.gather(*asking)

        assert [each.log.names for each in pair] == [[FAILED, RECOVERED]] * 2
        assert [each.losses for each in pair] == [each + 1 for each in losses]
        walks = evolux.walks
        await pair[0].write("after")
        assert [await each.state() for each in pair] == ["after"] * 2
        assert evolux.walks == walks + 1


async def test_a_write_that_could_not_be_told_is_told_before_anything_shared_is_used(
    server: RunningValkey,
) -> None:
    evolux = Evolux()
    async with wired(server.port) as (wire,), replicas(wire.url, server.url, evolux=evolux) as (cut, other):
        assert [await each.state() for each in (cut, other)] == ["before"] * 2
        wire.cut()
        await until(lambda: not cut.shared.is_sharing)
        await cut.write("after")
        assert await cut.state() == "after"
        assert other.told == []

        wire.is_cut = False
        await until(lambda: cut.shared.is_sharing)
        assert ACME.counter in other.told
        assert [await each.state() for each in (other, cut)] == ["after"] * 2


async def test_what_was_missed_while_cut_off_is_not_served_afterwards(server: RunningValkey) -> None:
    evolux = Evolux()
    async with wired(server.port) as (wire,), replicas(wire.url, server.url, evolux=evolux) as (cut, other):
        assert [await each.state() for each in (cut, other)] == ["before"] * 2
        wire.cut()
        await until(lambda: not cut.shared.is_sharing)
        await other.write("after")
        assert cut.told == []

        wire.is_cut = False
        await until(lambda: cut.shared.is_sharing)
        assert await cut.state() == "after"


async def test_a_slow_valkey_is_waited_for_once(server: RunningValkey) -> None:
    evolux = Evolux()
    async with (
        wired(server.port) as (wire,),
        replicas(wire.url, evolux=evolux, call_seconds=valkey.CALL_SECONDS) as (one,),
    ):
        wire.delay_seconds = 0.8
        began_at = time.monotonic()
        assert await one.state(cold(0)) == "before"
        first_seconds = time.monotonic() - began_at
        for number in range(1, 50):
            assert await one.state(cold(number)) == "before"
        others_seconds = time.monotonic() - began_at - first_seconds
        await one.write("after")

        assert first_seconds > 0.2
        assert others_seconds < 49 * valkey.CALL_SECONDS / 4  # one wait each would be four times that
        assert evolux.walks == 50
        assert one.log.names == [FAILED]

        wire.delay_seconds = 0
        await until(lambda: one.shared.is_sharing)
        assert one.log.names == [FAILED, RECOVERED]


async def test_a_connection_that_went_silent_is_noticed_and_what_was_missed_is_not_served(
    server: RunningValkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    evolux = Evolux()
    async with wired(server.port) as (wire,), replicas(wire.url, server.url, evolux=evolux) as (deaf, other):
        assert [await each.state() for each in (deaf, other)] == ["before"] * 2
        monkeypatch.setattr(valkey_writes, "ACKNOWLEDGEMENT_SECONDS", 0.1)
        wire.is_silent = True
        began_at = time.monotonic()
        await other.write("after")
        assert time.monotonic() - began_at < 2
        await until(lambda: not deaf.shared.is_sharing)
        assert time.monotonic() - began_at < 4

        wire.is_silent = False
        await until(lambda: deaf.shared.is_sharing)
        assert await deaf.state() == "after"


@pytest.mark.parametrize(
    "garbage",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"*3\r\n$-7\r\n",
        b":notanumber\r\n",
        b"+OK\r\n",
        b"*2\r\n*1\r\n:1\r\n",
        b"\xff\xfe\x00\r\n",
        b"-ERR no\r\n",
    ],
)
async def test_a_valkey_that_talks_garbage_is_done_without(server: RunningValkey, garbage: bytes) -> None:
    evolux = Evolux()
    async with wired(server.port) as (wire,), replicas(wire.url, evolux=evolux) as (one,):
        wire.garbage = garbage
        assert await one.state() == "before"
        await one.write("after")
        assert await one.state() == "after"
        await until(lambda: not one.shared.is_sharing)
        assert one.log.names == [FAILED]

        wire.garbage = None
        wire.cut()
        wire.is_cut = False
        await until(lambda: one.shared.is_sharing, seconds=15)
        assert await one.state() == "after"


async def test_a_full_valkey_still_carries_writes(server: RunningValkey) -> None:
    evolux = Evolux()
    async with replicas(server.url, server.url, evolux=evolux) as (one, other):
        assert [await each.state() for each in (one, other)] == ["before"] * 2
        with server.client() as client:
            client.config_set("maxmemory-policy", "noeviction")
            client.config_set("maxmemory", "1")
        await one.write("after")

        assert other.told == [ACME.counter]
        assert [await each.state() for each in (one, other)] == ["after"] * 2
        assert one.log.names == [FAILED]
        with server.client() as client:
            client.config_set("maxmemory", "0")
        assert await one.state(cold(1)) == "after"
        assert one.log.names == [FAILED, RECOVERED]


async def test_a_write_that_was_cut_off_while_it_was_told_is_told_again(server: RunningValkey) -> None:
    evolux = Evolux()
    async with wired(server.port) as (wire,), replicas(wire.url, server.url, evolux=evolux) as (one, other):
        await one.write("first")
        wire.delay_seconds = 0.2
        telling = asyncio.create_task(one.shared.advance([ACME.counter]))
        await until(lambda: len(other.told) == 2)
        telling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await telling
        assert not one.shared.is_sharing

        wire.delay_seconds = 0
        await until(lambda: one.shared.is_sharing)
        assert other.told == [ACME.counter] * 3
        assert one.log.names == []
