"""TLS to Valkey, with real handshakes: a front ends it before a plain Valkey, an authority of ours signs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.cache import valkey_writes
from gateway.domain.listings import ReadSource
from tests.certificates import Authority
from tests.replicas import PATIENT, Evolux, RunningValkey, replicas, running_valkey, until
from tests.wires import Wire, wired


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(valkey_writes, "ACKNOWLEDGEMENT_SECONDS", PATIENT)


@pytest.fixture
def server() -> Iterator[RunningValkey]:
    with running_valkey() as running:
        yield running


def trusting(authority: Authority, wire: Wire, *, scheme: str = "valkeys") -> str:
    """The address of a front, for who trusts this authority."""
    return f"{scheme}://127.0.0.1:{wire.listens_on}/0?ssl_ca_certs={authority.file}"


@pytest.mark.parametrize("scheme", ["valkeys", "rediss"])
async def test_replicas_share_listings_and_writes_by_tls(
    server: RunningValkey, tmp_path: Path, scheme: str
) -> None:
    authority, evolux = Authority("ours", folder=tmp_path), Evolux()
    async with wired(server.port, tls=authority.server_context("127.0.0.1")) as (wire,):
        url = trusting(authority, wire, scheme=scheme)
        async with replicas(url, url, evolux=evolux) as (one, other):
            await one.read()
            await until(lambda: not one.walks._ending)
            assert (await other.read()).source is ReadSource.COALESCED
            await one.write("after")
            assert await other.state() == "after"
            assert (one.log.names, other.log.names) == ([], [])
    assert evolux.walks == 2
    assert wire.handshakes >= 2


@pytest.mark.parametrize(
    ("trusts", "names"),
    [("another", "127.0.0.1"), ("ours", "valkey.example.com"), ("ours", "127.0.0.2")],
    ids=["an authority that is not trusted", "another name", "another address"],
)
async def test_a_server_that_does_not_show_who_it_is_is_told_nothing(
    server: RunningValkey, tmp_path: Path, trusts: str, names: str
) -> None:
    authorities = {name: Authority(name, folder=tmp_path) for name in ("ours", "another")}
    async with wired(server.port, tls=authorities["ours"].server_context(names)) as (wire,):
        async with replicas(trusting(authorities[trusts], wire), evolux=Evolux()) as (one,):
            assert await one.state() == "before"
            assert not one.shared.is_sharing
            assert one.log.names == ["sharing.failed"]
            assert set(one.log.lines[0][1]) == {"count", "reason"}
        assert wire.handshakes == 0
    assert server.values() == {}


async def test_a_client_without_tls_gets_nothing_of_a_server_with_it(
    server: RunningValkey, tmp_path: Path
) -> None:
    authority = Authority("ours", folder=tmp_path)
    async with (
        wired(server.port, tls=authority.server_context("127.0.0.1")) as (wire,),
        replicas(wire.url, evolux=Evolux()) as (one,),
    ):
        assert await one.state() == "before"
        assert not one.shared.is_sharing
    assert server.values() == {}
