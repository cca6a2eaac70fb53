"""Which Valkey it is, and whether it may be believed: another life, another server, another password."""

import ssl
from collections.abc import Iterator

import pytest
from valkey.asyncio import SSLConnection

from gateway.cache import valkey_writes
from gateway.domain.listings import ReadSource
from tests.replicas import PATIENT, Evolux, Replica, RunningValkey, replicas, running_valkey, until
from tests.wires import wired

FAILED = "sharing.failed"


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(valkey_writes, "ACKNOWLEDGEMENT_SECONDS", PATIENT)


@pytest.fixture
def server() -> Iterator[RunningValkey]:
    with running_valkey() as running:
        yield running


async def test_nothing_from_before_a_restart_is_believed_though_the_server_kept_it() -> None:
    evolux = Evolux()
    with running_valkey(appendonly="yes", appendfsync="always") as server:
        async with replicas(server.url, server.url, evolux=evolux) as (one, other):
            await one.read()
            await until(lambda: not one.walks._ending)
            server.kill()
            evolux.state = "changed by a replica that could not tell and died"
            await until(lambda: not one.shared.is_sharing and not other.shared.is_sharing)
            server.start()
            await until(lambda: one.shared.is_sharing and other.shared.is_sharing)

            assert [name for name in server.values() if b"/listing/" in name]
            assert (await other.read()).source is ReadSource.WALKED
            assert await one.state() == "changed by a replica that could not tell and died"
            assert evolux.walks == 2


async def test_a_connection_that_reaches_another_server_shares_nothing(server: RunningValkey) -> None:
    evolux = Evolux()
    with running_valkey() as another:
        async with wired(server.port) as (wire,), replicas(wire.url, evolux=evolux) as (one,):
            wire.port = another.port
            await one.shared._link._pool.disconnect()
            assert await one.state() == "before"

            assert not one.shared.is_sharing
            assert another.values() == {}
            wire.cut()
            wire.is_cut = False
            await until(lambda: one.shared.is_sharing)
            assert await one.state() == "before"
            await until(another.values)


async def test_neither_password_nor_address_is_told_when_it_is_refused() -> None:
    with running_valkey() as server:
        with server.client() as client:
            client.config_set("requirepass", "planted-password-right")
        url = f"valkey://gateway:planted-password@127.0.0.1:{server.port}/0"
        evolux = Evolux()
        async with replicas(url, evolux=evolux) as (one,):
            assert await one.state() == "before"
            assert not one.shared.is_sharing
            assert one.log.names == [FAILED]
            told = repr([one.log.lines, vars(one.shared), one.shared._link])
            assert "planted-password" not in told
            assert one.log.lines[0][1] == {"count": 1, "reason": "AuthenticationError"}

        right = f"valkey://:planted-password-right@127.0.0.1:{server.port}/0"
        async with replicas(right, evolux=evolux) as (one,):
            assert one.shared.is_sharing


@pytest.mark.parametrize(
    ("scheme", "verifies"), [("valkey", False), ("redis", False), ("valkeys", True), ("rediss", True)]
)
def test_with_tls_the_certificate_has_to_be_of_the_host(scheme: str, *, verifies: bool) -> None:
    link = Replica(f"{scheme}://127.0.0.1:1", evolux=Evolux()).shared._link
    connection = link._pool.make_connection()  # type: ignore[no-untyped-call]  # left untyped

    if verifies:
        assert isinstance(connection, SSLConnection)
        context = connection.ssl_context.get()
        assert context.check_hostname is True
        assert context.verify_mode is ssl.CERT_REQUIRED
    else:
        assert not isinstance(connection, SSLConnection)
