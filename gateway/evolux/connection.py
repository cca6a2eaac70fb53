"""The pool of connections to one tenant's Evolux: http/1.1 keep-alive, and nothing that leaks a token."""

import functools
import ssl

import aiohttp
import httpx
import msgspec
from httpx_aiohttp import AiohttpTransport

from gateway.evolux.faults import WatchedConnector, send_once

USER_AGENT = "evolux-gateway"
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "gzip, deflate", "User-Agent": USER_AGENT}
"""Of every request: the session has them at hand, where httpx would look at each for each request."""


class ConnectionLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How long and how much, for one attempt.

    `read_seconds` is the longest silence within an answer, `attempt_seconds` the whole attempt's deadline,
    waiting for a free connection included.
    """

    connections: int = 10
    keepalive_seconds: float = 15.0
    connect_seconds: float = 2.0
    read_seconds: float = 10.0
    attempt_seconds: float = 15.0
    max_body_bytes: int = 16 * 1024 * 1024


@functools.cache
def public_trust() -> ssl.SSLContext:
    """Trust in the public authorities; loading them takes a while, so that all tenants share one."""
    return httpx.create_ssl_context(trust_env=False)


def open_transport(
    *, limits: ConnectionLimits, is_tls: bool = True, verify: ssl.SSLContext | None = None
) -> httpx.AsyncBaseTransport:
    """A pool that follows no redirect, keeps no cookie, and asks no environment for proxy or netrc.

    It is httpx's transport without `httpx.AsyncClient` in front: what that adds (authentication, redirects,
    cookies, event hooks) must not happen here, and costs more than the request itself. `verify` is the trust
    in Evolux's certificate, by default the public authorities; where there is no TLS, nobody is trusted.
    """
    trust = verify or (public_trust() if is_tls else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))

    def open_session() -> aiohttp.ClientSession:
        connector = WatchedConnector(
            ssl=trust, limit=limits.connections, keepalive_timeout=limits.keepalive_seconds
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=_HEADERS,
            skip_auto_headers=("Content-Type",),
            middlewares=(send_once,),
            trust_env=False,
        )

    return AiohttpTransport(verify=trust, trust_env=False, client=open_session)


def timeouts_of(limits: ConnectionLimits) -> dict[str, float]:
    """The timeouts of one attempt, as httpx's transports take them."""
    return {
        "connect": limits.connect_seconds,
        "read": limits.read_seconds,
        "write": limits.read_seconds,
        "pool": limits.attempt_seconds,
    }
