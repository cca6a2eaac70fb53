"""What no single value can tell: rules between settings, and the files and variables they name."""

import ssl
from collections.abc import Mapping
from pathlib import Path

from gateway.domain.secrets import ApiToken, KeyDigest
from gateway.settings.errors import Place, suggestion
from gateway.settings.formats import CALLER_NAME, TENANT_ID, is_loopback, split_http_url
from gateway.settings.tree import (
    CallerSettings,
    ServerSettings,
    Settings,
    TelemetrySettings,
    TenantSettings,
)

_AUDIT_LOGGER = "gateway.audit"
_TOKEN_KEYS = ("token_file", "token_env", "token")


def check(settings: Settings, *, at: Place, environ: Mapping[str, str]) -> None:
    """Raises `SettingsError` for the first rule that is broken."""
    if not settings.tenants:
        raise (at / "tenants").refusal("at least one table [tenants.<id>]")
    _check_tls(settings.server, at=at / "server")
    for name, tenant in settings.tenants.items():
        _check_tenant(tenant, name=name, at=at / "tenants" / name, environ=environ)
    for name, caller in settings.callers.items():
        _check_caller(caller, name=name, at=at / "callers" / name, tenants=settings.tenants)
    _check_documents(settings, at=at)
    _check_keys_differ(settings.callers, at=at / "callers")
    _check_order(settings, at=at)
    _check_audit(settings.telemetry, at=at / "telemetry" / "log_levels")


def _check_tls(server: ServerSettings, *, at: Place) -> None:
    if server.tls_certificate_file is None:
        if server.tls_key_file is not None:
            raise (at / "tls_certificate_file").refusal("the certificate of tls_key_file; it is missing")
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
            server.tls_certificate_file, server.tls_key_file, password=""
        )
    except OSError:  # SSLError is one
        raise (at / "tls_certificate_file").refusal(
            "a readable PEM certificate whose key, without a passphrase, is beside it or in tls_key_file"
        ) from None


def _check_tenant(tenant: TenantSettings, *, name: str, at: Place, environ: Mapping[str, str]) -> None:
    if not TENANT_ID.fullmatch(name):
        raise at.refusal(f"a tenant id that matches ^{TENANT_ID.pattern}$")
    _check_base_url(tenant, at=at / "base_url")
    given = [key for key in _TOKEN_KEYS if getattr(tenant, key) is not None]
    if len(given) != 1:
        found = "none is given" if not given else " and ".join(given) + " are given"
        raise (at / (given[-1] if given else "token_file")).refusal(
            f"exactly one of {', '.join(_TOKEN_KEYS)}; {found}"
        )
    _check_token(tenant, at=at / given[0], environ=environ)


def _check_base_url(tenant: TenantSettings, *, at: Place) -> None:
    parts = split_http_url(tenant.base_url)
    if parts is None or parts.path.rstrip("/").endswith("/api/v1"):
        raise at.refusal("the address of Evolux without /api/v1, which the gateway adds")
    if parts.scheme == "http" and not (tenant.allow_insecure or is_loopback(parts.hostname or "")):
        raise at.refusal("an https:// URL (http:// for loopback, or with allow_insecure = true)")


def _check_token(tenant: TenantSettings, *, at: Place, environ: Mapping[str, str]) -> None:
    try:
        if tenant.token_file is not None:
            ApiToken.parse(Path(tenant.token_file).read_text(encoding="utf-8"))
        if tenant.token_env is not None:
            ApiToken.parse(environ[tenant.token_env])
    except (OSError, KeyError, ValueError):  # ValueError: not UTF-8, a NUL in the path, not a token
        kind = "a readable file" if tenant.token_env is None else "an environment variable that is set and"
        raise at.refusal(f"{kind} with {ApiToken.expected}") from None


def _check_caller(
    caller: CallerSettings, *, name: str, at: Place, tenants: Mapping[str, TenantSettings]
) -> None:
    if not CALLER_NAME.fullmatch(name):
        raise at.refusal(f"a caller's name that matches ^{CALLER_NAME.pattern}$")
    if caller.tenants == ("*",):
        return
    for index, tenant in enumerate(caller.tenants):
        if tenant not in tenants:
            raise (at / "tenants").refusal(_known(tenant, tenants=tenants), index=index)


def _known(tenant: str, *, tenants: Mapping[str, object]) -> str:
    if tenant == "*":
        return '"*" alone, or tenant ids'
    return f"a tenant of this file, {suggestion(tenant, known=tenants)}"


def _check_documents(settings: Settings, *, at: Place) -> None:
    for index, file in enumerate(settings.documents.manifest_files):
        if not Path(file).is_file():
            raise (at / "documents" / "manifest_files").refusal("a file; there is none", index=index)
    for name, caller in settings.callers.items():
        if caller.documents == "require" and not settings.documents.manifest_files:
            raise (at / "callers" / name / "documents").refusal(
                "documents.manifest_files, for this caller may run nothing else"
            )


def _check_keys_differ(callers: Mapping[str, CallerSettings], *, at: Place) -> None:
    owners: dict[KeyDigest, str] = {}
    for name, caller in callers.items():
        owner = owners.setdefault(caller.key_sha256, name)
        if owner != name:
            raise (at / name / "key_sha256").refusal(f"a key of its own; callers.{owner} has the same")


def _check_audit(telemetry: TelemetrySettings, *, at: Place) -> None:
    """Who did what is on record whatever else is quiet."""
    if _AUDIT_LOGGER in telemetry.log_levels:
        raise (at / _AUDIT_LOGGER).refusal("another logger: records of the audit are always written")


def _check_order(settings: Settings, *, at: Place) -> None:
    cache, limits = settings.cache, settings.limits
    if cache.stale_if_error_seconds < cache.stale_seconds:
        raise (at / "cache" / "stale_if_error_seconds").refusal("at least cache.stale_seconds")
    for name in ("upstream_connect_seconds", "upstream_read_seconds"):
        if getattr(limits, name) > limits.upstream_deadline_seconds:
            raise (at / "limits" / name).refusal("at most limits.upstream_deadline_seconds")
    if limits.retry_wait_seconds > limits.retry_max_wait_seconds:
        raise (at / "limits" / "retry_wait_seconds").refusal("at most limits.retry_max_wait_seconds")
