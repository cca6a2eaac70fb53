"""Pools of connections to Valkey."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from valkey.asyncio.connection import AbstractConnection, BlockingConnectionPool

from gateway.domain.secrets import SecretUrl

CONNECT_SECONDS: Final = 1.0

Greet = Callable[[AbstractConnection], Awaitable[None]]


def open_pool(
    url: SecretUrl, *, wait_seconds: float, connections: int = 16, greet: Greet | None = None
) -> BlockingConnectionPool:
    """A pool without a bound of its own on how long is asked: who asks has one, by `asyncio.timeout`.

    The client bounds what it sends by `asyncio.wait_for`, which until Python 3.12 loses a cancellation that
    comes with the end of it: a task that is cancelled then goes on for ever. `wait_seconds` is for a free
    connection; `greet` is called with each new one.
    """
    pool: BlockingConnectionPool = BlockingConnectionPool.from_url(
        url.reveal(),
        max_connections=connections,
        timeout=wait_seconds,
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=None,
        client_name="evolux-gateway",
        valkey_connect_func=greet,
        **_verified(url),
    )
    return pool


def _verified(url: SecretUrl) -> dict[str, Any]:
    """With TLS, hold the certificate to the host's name, which the client does not do of itself."""
    scheme = url.reveal().partition("://")[0]
    return {"ssl_check_hostname": True} if scheme in {"valkeys", "rediss"} else {}
