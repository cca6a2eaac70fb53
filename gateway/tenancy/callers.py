"""Callers: who calls the gateway, for which tenants, and what they may do there."""

from collections.abc import Iterable
from enum import Enum
from typing import Final, Literal

import msgspec

from gateway.domain.ids import TenantId
from gateway.domain.secrets import KeyDigest

ALL_TENANTS: Final = "*"


class Scope(Enum):
    """What a caller may do in each of its tenants."""

    READ_AGENTS = "agents:read"
    WRITE_AGENTS = "agents:write"
    READ_STATUS = "gateway:status"


class DocumentMode(Enum):
    """What persisted documents are to a caller."""

    OFF = "off"
    """Documents are sent as text alone."""
    ALLOW = "allow"
    """As text, by an id of a manifest, or automatically stored under their sha256."""
    REQUIRE = "require"
    """Those of a manifest and nothing else."""


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who calls: a name for the log, its tenants (or `ALL_TENANTS`) and its scopes."""

    name: str
    tenants: frozenset[TenantId] | Literal["*"]
    scopes: frozenset[Scope]
    documents: DocumentMode = DocumentMode.ALLOW
    may_introspect: bool = True
    scope_names: frozenset[str] = frozenset()
    """The scopes as GraphQL and REST know them; follows from `scopes`."""

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "scope_names", frozenset(scope.value for scope in self.scopes))

    def may_use(self, tenant: TenantId) -> bool:
        """Whether this tenant is one of the caller's."""
        return self.tenants == ALL_TENANTS or tenant in self.tenants

    def has(self, scope: Scope) -> bool:
        """Whether the caller was given this scope."""
        return scope in self.scopes


class Callers:
    """Every caller with an API key, under the digest of that key."""

    def __init__(self, known: Iterable[tuple[KeyDigest, Caller]] = ()) -> None:
        self._known = tuple(known)
        self._by_name = {caller.name: caller for _, caller in self._known}

    def knows(self, caller: Caller) -> bool:
        """Whether this very caller is one of them."""
        return self._by_name.get(caller.name) is caller

    def authenticate(self, key: str) -> Caller | None:
        """The caller with this key, or None; the time taken tells neither which nor how near."""
        asked = KeyDigest.of(key)
        found: Caller | None = None
        for digest, caller in self._known:
            if digest.matches(asked):
                found = caller
        return found
