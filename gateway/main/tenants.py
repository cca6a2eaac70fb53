"""One running tenant: its client, its call centre, what is watched of them, and the credential they use."""

from collections.abc import Callable
from hashlib import sha256
from typing import Final

from gateway.cache.call_center import CachedCallCenter
from gateway.cache.generations import Generations
from gateway.cache.sharing import SharedListings, SharedWalks
from gateway.cache.store import ListingStore
from gateway.domain.clock import Clock
from gateway.domain.errors import ErrorCode, GatewayError
from gateway.evolux.call_center import EvoluxCallCenter
from gateway.evolux.client import EvoluxClient
from gateway.evolux.protection.protection import Protection
from gateway.evolux.turns import Turns
from gateway.main.configuration import (
    breaker_limits,
    connection_limits,
    policies_of,
    retries_of,
    turnstile_limits,
)
from gateway.main.watching import TenantWatch
from gateway.settings import Settings
from gateway.telemetry.telemetry import Telemetry
from gateway.tenancy import Tenant

_CREDENTIAL_SECONDS: Final = 1.0
"""How long a fingerprint is held before the token's source is asked again: a stat of its file each."""


class RunningTenant:
    """A tenant that is being served."""

    def __init__(
        self,
        tenant: Tenant,
        *,
        settings: Settings,
        store: ListingStore,
        generations: Generations,
        telemetry: Telemetry,
        clock: Clock,
        turns: Turns,
        shared: SharedListings | None = None,
    ) -> None:
        self.tenant = tenant
        self._watch = TenantWatch(tenant.id, base_url=tenant.base_url, telemetry=telemetry)
        self.protection = Protection(
            turnstile=turnstile_limits(settings.limits),
            breaker=breaker_limits(settings.limits),
            on_breaker_change=self._watch.breaker_changed,
        )
        self.client = EvoluxClient(
            tenant.base_url,
            tokens=tenant.token,
            limits=connection_limits(settings.limits),
            retries=retries_of(settings.limits),
            deadline_seconds=settings.limits.upstream_deadline_seconds,
            observer=self._watch,
            gate=self.protection.gate,
            may_retry=self.protection.may_retry,
            trace_headers=telemetry.tracing.headers if settings.telemetry.trace_evolux else dict,
        )
        self.evolux = EvoluxCallCenter(
            self.client,
            clock=clock.now,
            on_odd=self._watch.odd_seen,
            concurrency=settings.limits.upstream_concurrency,
            walk_attempts=settings.cache.walk_attempts,
            turns=turns,
        )
        self._walks = (
            None
            if shared is None
            else SharedWalks(shared, clock=clock, wait_seconds=settings.limits.upstream_deadline_seconds)
        )
        self.call_center = CachedCallCenter(
            self.evolux,
            tenant_id=tenant.id,
            credential=_Credential(tenant, monotonic=clock.monotonic),
            store=store,
            generations=generations,
            clock=clock,
            policies=policies_of(settings.cache),
            observer=self._watch,
            walks=self._walks,
            tracing=telemetry.tracing,
        )

    async def greet(self) -> None:
        """Read the queue listing once, so that a wrong address or token is known before the first caller."""
        try:
            await self.call_center.queues()
        except GatewayError:
            return

    @property
    def problem(self) -> ErrorCode | None:
        """What its Evolux last failed with; None while it answers."""
        return self._watch.problem

    async def close(self) -> None:
        """End writes under way, abandon walks, close connections."""
        await self.call_center.close()
        if self._walks is not None:
            await self._walks.close()
        await self.client.aclose()


class _Credential:
    """A fingerprint of base URL and token: what was read with one is never served under another."""

    def __init__(self, tenant: Tenant, *, monotonic: Callable[[], float]) -> None:
        self._tenant = tenant
        self._monotonic = monotonic
        self._asked_at = -_CREDENTIAL_SECONDS
        self._fingerprint = ""

    def __call__(self) -> str:
        now = self._monotonic()
        if now - self._asked_at >= _CREDENTIAL_SECONDS:
            token = self._tenant.token.current().reveal()
            text = f"{self._tenant.base_url}\n{token}"
            self._fingerprint = sha256(text.encode()).hexdigest()[:16]
            self._asked_at = now
        return self._fingerprint
