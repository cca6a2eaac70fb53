"""What stands in Valkey: named by tenant, ending by itself, without tokens; and what is not ours there."""

import asyncio
import contextlib
from collections.abc import Iterator

import pytest

from gateway.cache import valkey_writes
from gateway.cache.store import ListingKey, ListingKind
from gateway.domain.ids import TenantId
from tests.replicas import ACME, PATIENT, Evolux, RunningValkey, replicas, running_valkey, until


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(valkey_writes, "ACKNOWLEDGEMENT_SECONDS", PATIENT)


@pytest.fixture
def server() -> Iterator[RunningValkey]:
    with running_valkey() as running:
        yield running


@pytest.fixture
def url(server: RunningValkey) -> str:
    return server.url


async def test_keys_are_tenant_first_end_by_themselves_and_tell_no_token(
    server: RunningValkey, url: str
) -> None:
    planted = "planted-token-in-the-credential"
    evolux = Evolux()
    key = ListingKey(TenantId("acme"), planted, ListingKind.AGENT_PAUSES, of_id=7)
    async with replicas(url, url, evolux=evolux) as (one, other):
        await one.read()
        await one.read(key._replace(kind=ListingKind.AGENTS))
        evolux.hold()
        walking = asyncio.create_task(other.read(key))
        await evolux.begun.wait()
        await until(lambda: not one.walks._ending)

        found = server.values()
        with server.client() as client:
            lives = {name: client.pttl(name) for name in found}
        evolux.may_end.set()
        with contextlib.suppress(Exception):
            await walking

    assert {name.rsplit(b"/")[4] for name in found} == {b"generation", b"listing", b"lease"}
    assert all(name.startswith(b"evolux-gateway/acme/") for name in found)
    assert all(life > 0 for life in lives.values()), lives
    assert not [name for name, value in found.items() if planted.encode() in name + value]


@pytest.mark.parametrize("what", ["everything", "generations", "listings"])
async def test_what_is_flushed_or_evicted_in_mid_life_is_walked_again_and_never_stale(
    server: RunningValkey, url: str, what: str
) -> None:
    evolux = Evolux()
    async with replicas(url, url, url, evolux=evolux) as (one, other, third):
        await one.read()
        await until(lambda: not one.walks._ending)
        evolux.state = "changed behind our back"
        with server.client() as client:
            if what == "everything":
                client.flushall()
            else:
                gone = [name for name in client.scan_iter() if f"/{what.rstrip('s')}".encode() in name]
                assert len(gone) == 1
                client.delete(*gone)

        assert await other.state() == "changed behind our back"
        await until(lambda: not other.walks._ending)
        assert await third.state() == "changed behind our back"
        assert await one.state() == "before"
        assert evolux.walks == 2


async def test_a_flush_while_a_walk_is_under_way_keeps_its_result_from_being_shared(
    server: RunningValkey, url: str
) -> None:
    evolux = Evolux()
    async with replicas(url, url, evolux=evolux) as (one, other):
        evolux.hold()
        walking = asyncio.create_task(one.read())
        await evolux.begun.wait()
        with server.client() as client:
            client.flushall()
        await other.write("after")
        evolux.may_end.set()
        await walking
        await until(lambda: not one.walks._ending)

        assert await other.shared.fetch(ACME, max_age_seconds=60) is None
        assert await other.state() == "after"


def plant(server: RunningValkey, *, value: str) -> None:
    """Put something else under every key."""
    with server.client() as client:
        for name in client.scan_iter():
            kind = client.type(name)
            if value == "other type":
                client.delete(name)
                client.set(name, "x") if kind == b"hash" else client.hset(name, "rows", "x")
            elif kind == b"hash":
                client.hset(name, "rows", b"\x00garbage")
            elif b"/lease/" in name:
                client.set(name, b"\xff\xfe garbage")


@pytest.mark.parametrize("value", ["garbage", "other type"])
async def test_garbage_in_valkey_is_walked_over_and_healed(
    server: RunningValkey, url: str, value: str
) -> None:
    evolux = Evolux()
    async with replicas(url, url, url, evolux=evolux) as (one, other, third):
        await one.read()
        await until(lambda: not one.walks._ending)
        plant(server, value=value)

        assert await other.state() == "before"
        assert evolux.walks == 2
        await until(lambda: not other.walks._ending)
        assert await third.state() == "before"
        assert evolux.walks == 2
        assert one.log.names == other.log.names == third.log.names == []


async def test_a_write_that_cannot_be_read_moves_everything_on(server: RunningValkey, url: str) -> None:
    evolux = Evolux()
    async with replicas(url, evolux=evolux) as (one,):
        await one.read()
        losses = one.losses
        with server.client() as client:
            assert client.publish("evolux-gateway/0/writes", b"of another release") == 1
        await until(lambda: one.losses == losses + 1)

        await one.read()
        assert one.told == []
