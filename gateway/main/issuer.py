"""The issuer of JWTs: its keys fetched over HTTP, followed while the gateway runs, replaced by an edit."""

import asyncio
import time
from typing import TYPE_CHECKING, Final

import aiohttp

from gateway.evolux.connection import USER_AGENT, public_trust
from gateway.settings import JwtSettings
from gateway.telemetry import events
from gateway.telemetry.incidents import IncidentLog
from gateway.telemetry.telemetry import Telemetry
from gateway.tenancy import DocumentMode, TokenAuthority
from gateway.tenancy.issuer_keys import IssuerKeys, KeysMissing, KeyTimes

if TYPE_CHECKING:
    from gateway.tenancy.jwks import KeyRing

FETCH_SECONDS: Final = 5.0
MAX_JWKS_BYTES: Final = 256 * 1024
RETRY_SECONDS: Final = 10.0
_OK: Final = 200


class FollowedIssuer:
    """The issuer that the settings name, if any; another table replaces it as a whole."""

    def __init__(self, settings: JwtSettings | None, *, telemetry: Telemetry) -> None:
        self.tokens: TokenAuthority | None = None
        self._incidents = telemetry.incidents(
            "gateway.issuer", failed=events.KEYS_FAILED, recovered=events.KEYS_RECOVERED
        )
        self._settings: JwtSettings | None = None
        self._keys: IssuerKeys | None = None
        self._following: asyncio.Task[None] | None = None
        self._open(settings)

    def take(self, settings: JwtSettings | None) -> None:
        """Serve by this table from now on; equal tables keep the keys that are there."""
        if settings == self._settings:
            return
        if self._following is not None:
            self._following.cancel()  # a fetch under way ends by itself, with those who wait for it
        self._open(settings)
        self.start()

    def start(self) -> None:
        """Fetch the keys, now and from time to time, behind the callers."""
        self._following = None if self._keys is None else asyncio.create_task(self._keys.follow())

    async def close(self) -> None:
        """End what runs."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.wait([self._following])
        if self._keys is not None:
            await self._keys.close()

    def _open(self, settings: JwtSettings | None) -> None:
        self._settings = settings
        self._keys, self.tokens = None, None
        if settings is not None:
            self._keys = _keys_of(settings, incidents=self._incidents)
            self.tokens = _tokens_of(settings, keys=self._keys)


def _keys_of(settings: JwtSettings, *, incidents: IncidentLog) -> IssuerKeys:
    times = KeyTimes(
        refresh_seconds=settings.refresh_seconds,
        keep_seconds=settings.keep_seconds,
        retry_seconds=min(RETRY_SECONDS, settings.refresh_seconds),
    )
    return IssuerKeys(
        lambda: fetch_keys(settings.jwks_url), times=times, monotonic=time.monotonic, incidents=incidents
    )


def _tokens_of(settings: JwtSettings, *, keys: IssuerKeys) -> TokenAuthority:
    from gateway.tenancy.tokens_jwt import TokenCallers, TokenRules  # noqa: PLC0415 - cryptography, if asked for

    rules = TokenRules(
        issuer=settings.issuer,
        audience=settings.audience,
        algorithms=frozenset(settings.algorithms),
        leeway_seconds=settings.leeway_seconds,
        name_claim=settings.name_claim,
        tenants_claim=settings.tenants_claim,
        scopes_claim=settings.scopes_claim,
        may_claim_all_tenants=settings.all_tenants,
        documents=DocumentMode(settings.documents),
        may_introspect=settings.introspection,
    )
    return TokenCallers(rules, keys=keys, now_seconds=time.time)


async def fetch_keys(url: str, *, seconds: float = FETCH_SECONDS) -> "KeyRing":
    """The keys that the issuer shows now; `KeysMissing` for whatever else comes, or comes too late.

    No redirect is followed, no proxy, netrc or cookie is used, nothing beyond the bound is read.
    """
    from gateway.tenancy.jwks import parse_jwks  # noqa: PLC0415 - cryptography, if asked for

    timeout = aiohttp.ClientTimeout(total=seconds)
    connector = aiohttp.TCPConnector(ssl=public_trust() if url.startswith("https:") else False)
    headers = {
        "User-Agent": USER_AGENT,
        "Accept": "application/jwk-set+json, application/json",
        "Accept-Encoding": "identity",
    }
    try:
        async with (
            aiohttp.ClientSession(
                connector=connector,
                timeout=timeout,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers=headers,
                auto_decompress=False,
            ) as session,
            session.get(url, allow_redirects=False) as answer,
        ):
            if answer.status != _OK:
                raise KeysMissing(f"HTTP status {answer.status}")
            content = await _read(answer.content)
    except (aiohttp.ClientError, OSError, ValueError) as fault:  # TimeoutError is an OSError
        raise KeysMissing(type(fault).__name__) from None
    return parse_jwks(content)


async def _read(stream: aiohttp.StreamReader) -> bytes:
    content = bytearray()
    async for part in stream.iter_any():
        content += part
        if len(content) > MAX_JWKS_BYTES:
            raise KeysMissing(f"more than {MAX_JWKS_BYTES} bytes")
    return bytes(content)
