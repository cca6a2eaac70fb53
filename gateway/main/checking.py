"""`gateway check`: one page from each tenant's Evolux with its token, and what came of it as a table."""

import asyncio
import time
from collections.abc import Mapping, Sequence

import msgspec

from gateway.domain.errors import GatewayError
from gateway.evolux.client import EvoluxClient
from gateway.evolux.envelope import Envelope
from gateway.evolux.operations import Operation
from gateway.evolux.requests import Request
from gateway.main.configuration import connection_limits, tenants_of
from gateway.settings import LimitSettings, Settings
from gateway.tenancy import Tenant


class TenantCheck(msgspec.Struct, frozen=True, kw_only=True):
    """What one tenant's Evolux answered."""

    tenant: str
    base_url: str
    result: str
    detail: str
    seconds: float
    limits: str
    is_fine: bool


async def check_tenants(settings: Settings, *, environ: Mapping[str, str]) -> tuple[str, bool]:
    """Ask every tenant's Evolux for the first page of agents; gives the table and whether all are fine."""
    tenants = tenants_of(settings, environ=environ)
    checks = await asyncio.gather(*(_check(tenant, settings=settings) for tenant in tenants))
    return _table(checks), all(check.is_fine for check in checks)


async def _check(tenant: Tenant, *, settings: Settings) -> TenantCheck:
    client = EvoluxClient(
        tenant.base_url, tokens=tenant.token, limits=connection_limits(settings.limits), deadline_seconds=10.0
    )
    began_at = time.perf_counter()
    try:
        envelope = await client.read(Request(operation=Operation.LIST_AGENTS, page=1))
        result, detail, is_fine = "ok", _agents_in(envelope), True
    except GatewayError as error:
        result, detail, is_fine = error.code.value, error.message, False
    finally:
        await client.aclose()
    return TenantCheck(
        tenant=tenant.id,
        base_url=tenant.base_url,
        result=result,
        detail=detail,
        seconds=time.perf_counter() - began_at,
        limits=_limits_in(settings.limits),
        is_fine=is_fine,
    )


def _agents_in(envelope: Envelope) -> str:
    total = envelope.pagination.total if envelope.pagination else None
    return "agents: not told" if total is None else f"{total} agents"


def _limits_in(limits: LimitSettings) -> str:
    """How Evolux is protected: as it is set, for a breaker's state is the running service's to tell."""
    return (
        f"{limits.upstream_concurrency} at once, {limits.upstream_requests_per_second:g}/s, "
        f"off after {limits.breaker_failures} failures"
    )


def _table(checks: Sequence[TenantCheck]) -> str:
    if not checks:
        return "No tenants are configured."
    rows = [("TENANT", "EVOLUX", "SECONDS", "LIMITS", "RESULT", "DETAIL")]
    rows += [
        (check.tenant, check.base_url, f"{check.seconds:.2f}", check.limits, check.result, check.detail)
        for check in checks
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
