"""Shedding: beyond so many requests at a time, a request is refused before any work is done for it."""

from collections.abc import Container
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.domain.errors import ErrorCode, Overloaded
from gateway.web.notes import notes_in
from gateway.web.problems import refuse_at

_RETRY_AFTER_SECONDS: Final = 1.0
_KEY: Final = "gateway.shedding"


def leave_shedding(scope: Scope) -> None:
    """A request has become a stream: it has limits of its own, and leaves the room to requests."""
    shedding = scope.get(_KEY)
    if shedding is not None:
        scope[_KEY] = None
        shedding.let_out()


class Shedding:
    """Lets so many requests in at a time; `unlimited` paths (health, metrics) are always answered."""

    def __init__(self, app: ASGIApp, *, max_concurrent_requests: int, unlimited: Container[str]) -> None:
        self._app = app
        self._most = max_concurrent_requests
        self._unlimited = unlimited
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse it."""
        if scope["type"] != "http" or scope["path"] in self._unlimited:
            await self._app(scope, receive, send)
            return
        if self._under_way >= self._most:
            await self._refuse(scope, receive, send)
            return
        self._under_way += 1
        scope[_KEY] = self
        try:
            await self._app(scope, receive, send)
        finally:
            if scope[_KEY] is not None:
                self._under_way -= 1

    def let_out(self) -> None:
        """One request takes no room any more."""
        self._under_way -= 1

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        notes = notes_in(scope)
        notes.code = ErrorCode.OVERLOADED
        error = Overloaded(
            f"Over {self._most} requests are being served.", retry_after_seconds=_RETRY_AFTER_SECONDS
        )
        await refuse_at(scope["path"], error, request_id=notes.request_id)(scope, receive, send)
