"""Who calls, and for which tenant: decided once per request, the same for GraphQL and REST."""

import re
from collections.abc import Callable

import msgspec
from starlette.datastructures import Headers

from gateway.domain.call_center import CallCenter, HoldsListings
from gateway.domain.errors import BadRequest, CredentialsRejected, Unauthenticated, UnknownTenant
from gateway.domain.ids import TenantId
from gateway.tenancy import TENANT_HEADER, Caller, Directory, TokenUnfit
from gateway.web.rates import RequestRates

_BEARER = re.compile(r"Bearer +([^\s]{1,8192})", re.IGNORECASE)


class Visitor(msgspec.Struct, frozen=True, kw_only=True):
    """An authenticated caller at the tenant that this request is for."""

    caller: Caller
    tenant_id: TenantId
    call_center: CallCenter
    held: HoldsListings | None = None
    """The same call centre, where it remembers listings."""
    epoch: object = None
    """Of whom an API key says who it is: what was configured then. A JWT says it anew each time."""


class Authentication:
    """Turns a request's headers into a visitor.

    Raises `Unauthenticated`, `BadRequest`, `UnknownTenant`, `RateLimited`, or `UpstreamUnavailable` where
    the issuer of a JWT shows no keys.
    """

    def __init__(
        self,
        directory: Directory,
        *,
        call_center_of: Callable[[TenantId], CallCenter],
        rates: RequestRates,
    ) -> None:
        self._directory = directory
        self._call_center_of = call_center_of
        self._rates = rates

    async def admit(self, headers: Headers) -> Visitor:
        """Say who calls, count the call, and open the caller's tenant and no other."""
        epoch = self._directory.epoch
        caller = await self.identify(headers)
        tenant = self._directory.resolve(caller, tenant_header=_tenant_of(headers))
        self._rates.count_tenant(tenant.id)
        call_center = self._call_center_of(tenant.id)
        return Visitor(
            caller=caller,
            tenant_id=tenant.id,
            call_center=call_center,
            held=call_center if isinstance(call_center, HoldsListings) else None,
            epoch=epoch if self._directory.has_key_of(caller) else None,
        )

    def knows(self, visitor: Visitor) -> bool:
        """Whether who was admitted before would be admitted as the same now, by the same headers."""
        return (
            visitor.epoch is self._directory.epoch
            and self._call_center_of(visitor.tenant_id) is visitor.call_center
        )

    def call_center_of(self, tenant_id: TenantId) -> CallCenter:
        """The tenant's call centre as it is by now; `UnknownTenant` where there is none any more."""
        try:
            return self._call_center_of(tenant_id)
        except KeyError:
            raise UnknownTenant("There is no such tenant any more.") from None

    def count(self, visitor: Visitor) -> None:
        """Count a call of somebody known; raises `RateLimited`."""
        self._rates.count_caller(visitor.caller.name)
        self._rates.count_tenant(visitor.tenant_id)

    async def confirm(self, headers: Headers, *, visitor: Visitor) -> None:
        """Raise where these headers would not let the same visitor in any more; counts nothing."""
        caller = await self._recognize(headers)
        tenant = self._directory.resolve(caller, tenant_header=_tenant_of(headers))
        if tenant.id != visitor.tenant_id or caller != visitor.caller:
            raise CredentialsRejected("What you may do here has changed: come again.")

    async def identify(self, headers: Headers) -> Caller:
        """Say who calls, and count the call; for what is of no tenant."""
        try:
            caller = await self._recognize(headers)
        except TokenUnfit:
            raise  # whoever's token has expired is to hear so, whatever strangers do meanwhile
        except Unauthenticated:
            self._rates.count_stranger()
            raise
        self._rates.count_caller(caller.name)
        return caller

    async def _recognize(self, headers: Headers) -> Caller:
        credential = _credential_of(headers)
        caller = self._directory.authenticate(credential)
        return await self._directory.authenticate_token(credential) if caller is None else caller


def _credential_of(headers: Headers) -> str:
    given = headers.getlist("authorization")
    if not given:
        raise Unauthenticated("Send Authorization: Bearer with an API key or a JWT.")
    match = _BEARER.fullmatch(given[0].strip()) if len(given) == 1 else None
    if match is None:
        raise Unauthenticated("The Authorization header is not one Bearer key or token.")
    return match.group(1)


def _tenant_of(headers: Headers) -> str | None:
    given = headers.getlist(TENANT_HEADER)
    if len(given) > 1:
        raise BadRequest(f"Send {TENANT_HEADER} once.")
    return given[0] if given else None
