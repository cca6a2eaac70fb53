"""The directory: tenants and callers as they are now, replaced in one step when the settings change."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, Protocol

import msgspec

from gateway.domain.errors import BadRequest, CredentialsRejected, UnknownTenant
from gateway.domain.ids import TenantId
from gateway.tenancy.callers import Caller, Callers
from gateway.tenancy.tenants import Tenant

TENANT_HEADER: Final = "X-Tenant"


class TokenUnfit(CredentialsRejected):
    """A token that our issuer signed, and that is not good here or now: its bearer is no stranger."""


class TokenAuthority(Protocol):
    """Who can say whose a signed token is."""

    async def authenticate(self, token: str) -> Caller:
        """The caller; `CredentialsRejected`, or `UpstreamUnavailable` where that cannot be told now."""
        ...


class _Entries(msgspec.Struct, frozen=True):
    tenants: Mapping[TenantId, Tenant]
    callers: Callers
    tokens: TokenAuthority | None


class Directory:
    """Tenants and callers of this moment; somebody else's tenant is answered as one that does not exist."""

    def __init__(
        self,
        *,
        tenants: Iterable[Tenant] = (),
        callers: Callers | None = None,
        tokens: TokenAuthority | None = None,
    ) -> None:
        self._entries = _entries(tenants, callers=callers or Callers(), tokens=tokens)

    @property
    def tenants(self) -> Mapping[TenantId, Tenant]:
        """Every tenant by its id; the mapping never changes, a replacement makes another."""
        return self._entries.tenants

    @property
    def epoch(self) -> object:
        """The configuration of this moment, by identity: another one after each replacement."""
        return self._entries

    def has_key_of(self, caller: Caller) -> bool:
        """Whether this is a caller with an API key."""
        return self._entries.callers.knows(caller)

    def authenticate(self, key: str) -> Caller | None:
        """The caller with this API key, or None."""
        return self._entries.callers.authenticate(key)

    async def authenticate_token(self, token: str) -> Caller:
        """The caller with this JWT; raises as `TokenAuthority` does, for every key where there is none."""
        tokens = self._entries.tokens
        if tokens is None:
            raise CredentialsRejected("The API key is not known.")
        return await tokens.authenticate(token)

    def resolve(self, caller: Caller, *, tenant_header: str | None) -> Tenant:
        """The tenant a request is for; raises `BadRequest` (which of several?) or `UnknownTenant`.

        `UnknownTenant` also answers for a tenant that exists and is not the caller's, in the same words, so
        that a caller cannot learn who the other customers are.
        """
        mine = {one: tenant for one, tenant in self.tenants.items() if caller.may_use(one)}
        asked = (tenant_header or "").strip()
        if not asked and len(mine) > 1:
            raise BadRequest(f"Send {TENANT_HEADER}: you may use more than one tenant.")
        found = mine.get(TenantId(asked)) if asked else next(iter(mine.values()), None)
        if found is None:
            raise UnknownTenant("There is no such tenant for you.")
        return found

    def replace(
        self, *, tenants: Iterable[Tenant], callers: Callers, tokens: TokenAuthority | None = None
    ) -> frozenset[TenantId]:
        """Take these instead, at once; gives the tenants that were added, removed or changed.

        A tenant that stays the same keeps its object, and with it the token that was last good.
        """
        before = self._entries.tenants
        kept = [before[new.id] if before.get(new.id) == new else new for new in tenants]
        self._entries = _entries(kept, callers=callers, tokens=tokens)
        after = self._entries.tenants
        return frozenset(one for one in before.keys() | after.keys() if before.get(one) != after.get(one))


def _entries(tenants: Iterable[Tenant], *, callers: Callers, tokens: TokenAuthority | None) -> _Entries:
    return _Entries(MappingProxyType({tenant.id: tenant for tenant in tenants}), callers, tokens)
