"""From settings to what runs by them."""

from collections.abc import Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

from gateway.cache.freshness import FreshnessPolicy
from gateway.cache.store import ListingKind
from gateway.domain.ids import TenantId
from gateway.evolux.connection import ConnectionLimits
from gateway.evolux.protection.breaker import BreakerLimits
from gateway.evolux.protection.turnstile import TurnstileLimits
from gateway.evolux.retries import Retries
from gateway.settings import CacheSettings, CallerSettings, LimitSettings, Settings, TenantSettings
from gateway.tenancy import (
    ALL_TENANTS,
    Caller,
    Callers,
    DocumentMode,
    EnvironmentToken,
    FileToken,
    InlineToken,
    Scope,
    Tenant,
    TokenSource,
)


def tenants_of(settings: Settings, *, environ: Mapping[str, str]) -> list[Tenant]:
    """The tenants, with their tokens read for the first time."""
    return [
        Tenant(
            id=TenantId(name),
            base_url=table.base_url.rstrip("/"),
            token=_token_source(table, environ=environ),
            timezone=ZoneInfo(table.timezone),
        )
        for name, table in settings.tenants.items()
    ]


def callers_of(settings: Settings) -> Callers:
    """The callers with an API key."""
    return Callers((table.key_sha256, _caller(name, table)) for name, table in settings.callers.items())


def connection_limits(limits: LimitSettings) -> ConnectionLimits:
    """How the client of each tenant behaves."""
    return ConnectionLimits(
        connections=limits.upstream_concurrency,
        connect_seconds=limits.upstream_connect_seconds,
        read_seconds=limits.upstream_read_seconds,
        max_body_bytes=limits.upstream_max_body_bytes,
    )


def retries_of(limits: LimitSettings) -> Retries:
    """How often a read is tried, and how long apart."""
    return Retries(
        attempts=limits.read_attempts,
        wait_seconds=limits.retry_wait_seconds,
        max_wait_seconds=limits.retry_max_wait_seconds,
    )


def turnstile_limits(limits: LimitSettings) -> TurnstileLimits:
    """How many requests at a time, waiting, and a second."""
    return TurnstileLimits(
        concurrency=limits.upstream_concurrency,
        max_waiting=limits.upstream_max_waiting,
        requests_per_second=limits.upstream_requests_per_second,
        burst=limits.upstream_burst,
    )


def breaker_limits(limits: LimitSettings) -> BreakerLimits:
    """When Evolux is left alone, and for how long."""
    return BreakerLimits(
        failures=limits.breaker_failures,
        window_seconds=limits.breaker_window_seconds,
        open_seconds=limits.breaker_open_seconds,
    )


def policies_of(cache: CacheSettings) -> Mapping[ListingKind, FreshnessPolicy]:
    """The freshness policy of each listing."""
    policy = FreshnessPolicy(
        fresh_seconds=cache.fresh_seconds,
        stale_seconds=cache.stale_seconds,
        stale_if_error_seconds=cache.stale_if_error_seconds,
    )
    return dict.fromkeys(ListingKind, policy)


def _token_source(table: TenantSettings, *, environ: Mapping[str, str]) -> TokenSource:
    if table.token_file is not None:
        return FileToken(Path(table.token_file))
    if table.token_env is not None:
        return EnvironmentToken(table.token_env, environ=environ)
    assert table.token is not None  # noqa: S101 - the settings hold exactly one of the three
    return InlineToken(table.token)


def _caller(name: str, table: CallerSettings) -> Caller:
    all_tenants = tuple(table.tenants) == (ALL_TENANTS,)
    return Caller(
        name=name,
        tenants=ALL_TENANTS if all_tenants else frozenset(TenantId(one) for one in table.tenants),
        scopes=frozenset(Scope(scope) for scope in table.scopes),
        documents=DocumentMode(table.documents),
        may_introspect=table.introspection,
    )
