"""Admissions that last: whoever is let in for long is asked for again, and ends when no longer let in."""

import asyncio
import hashlib
from collections.abc import Callable
from contextvars import Context

from starlette.datastructures import Headers

from gateway.domain.errors import Failure, GatewayError, UpstreamUnavailable
from gateway.domain.ids import TenantId
from gateway.tenancy import TENANT_HEADER, Caller
from gateway.web.authentication import Authentication, Visitor

End = Callable[[GatewayError], None]
_Key = tuple[bytes, TenantId, Caller]
"""A credential, and as whom it let somebody in: who comes by it later may be another to the configuration."""


class _Group:
    """All who came with one credential for one tenant, and are therefore judged once."""

    __slots__ = ("ends", "headers", "visitor")

    def __init__(self, headers: Headers, visitor: Visitor) -> None:
        self.headers = headers
        self.visitor = visitor
        self.ends: dict[object, End] = {}


class Admissions:
    """Asks every so many seconds whether each credential is still good, while anybody is here by it."""

    def __init__(
        self,
        authentication: Authentication,
        *,
        check_seconds: float,
        on_fault: Callable[[Exception], None] = lambda _fault: None,
    ) -> None:
        self._authentication = authentication
        self._check_seconds = check_seconds
        self._on_fault = on_fault
        self._groups: dict[_Key, _Group] = {}
        self._checking: asyncio.Task[None] | None = None

    def hold(self, headers: Headers, *, visitor: Visitor, end: End) -> Callable[[], None]:
        """Have `end` called, once, when this visitor would not be admitted as such any more."""
        kept = {name: headers[name] for name in ("authorization", TENANT_HEADER) if name in headers}
        digest = hashlib.blake2b(repr(sorted(kept.items())).encode(), digest_size=16).digest()
        key = (digest, visitor.tenant_id, visitor.caller)
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = _Group(Headers(kept), visitor)
        token = object()
        group.ends[token] = end
        if self._checking is None:
            self._checking = asyncio.get_running_loop().create_task(self._check_on(), context=Context())
        return lambda: self._release(key, token)

    def _release(self, key: _Key, token: object) -> None:
        group = self._groups.get(key)
        if group is not None:
            group.ends.pop(token, None)
            if not group.ends:
                del self._groups[key]
        if not self._groups and self._checking is not None:
            self._checking.cancel()
            self._checking = None

    async def _check_on(self) -> None:
        while True:
            await asyncio.sleep(self._check_seconds)
            for key, group in tuple(self._groups.items()):
                error = await self._find_fault(group)
                if error is not None and self._groups.get(key) is group:
                    del self._groups[key]  # who comes anew with this credential is judged anew
                    for end in tuple(group.ends.values()):
                        end(error)

    async def _find_fault(self, group: _Group) -> GatewayError | None:
        """Why they are let in no more; None as well where that cannot be told just now."""
        try:
            await self._authentication.confirm(group.headers, visitor=group.visitor)
        except UpstreamUnavailable:
            return None
        except Failure as error:
            return error
        except Exception as fault:  # noqa: BLE001 - one check that cannot be made must not end all others
            self._on_fault(fault)
        return None
