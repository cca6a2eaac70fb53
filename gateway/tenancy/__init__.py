"""Tenants and callers: who may use which Evolux, with which token, and where that comes from."""

from gateway.tenancy.callers import ALL_TENANTS, Caller, Callers, DocumentMode, Scope
from gateway.tenancy.directory import TENANT_HEADER, Directory, TokenAuthority, TokenUnfit
from gateway.tenancy.tenants import EnvironmentToken, FileToken, InlineToken, Tenant, TokenSource
from gateway.tenancy.watching import ConfigWatcher

__all__ = [
    "ALL_TENANTS",
    "TENANT_HEADER",
    "Caller",
    "Callers",
    "ConfigWatcher",
    "Directory",
    "DocumentMode",
    "EnvironmentToken",
    "FileToken",
    "InlineToken",
    "Scope",
    "Tenant",
    "TokenAuthority",
    "TokenSource",
    "TokenUnfit",
]
