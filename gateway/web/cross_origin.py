"""Other origins: pages of named origins may call from a browser, those of all others are turned away.

No request is let in by anything that a browser sends of itself: the key travels in `Authorization`, which a
page can only set where CORS lets it. This is the second lock, for where a proxy in front adds that header.
"""

from collections.abc import Awaitable, Collection
from typing import Final

from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.domain.errors import ErrorCode, Forbidden
from gateway.rest.exports.exporting import HEADERS as EXPORT_HEADERS
from gateway.web.notes import notes_in
from gateway.web.problems import refuse_at

_FOREIGN_SITES: Final = frozenset({"cross-site", "same-site"})
_REQUEST_HEADERS: Final = (
    "Authorization",
    "Cache-Control",
    "Content-Type",
    "Idempotency-Key",
    "If-None-Match",
    "Last-Event-ID",
    "X-Operation-Cost",
    "X-Request-Id",
    "X-Tenant",
    "traceparent",
)
_ANSWER_HEADERS: Final = (
    *EXPORT_HEADERS,
    "Age",
    "Cache-Status",
    "ETag",
    "Idempotency-Replayed",
    "Link",
    "Location",
    "Retry-After",
    "WWW-Authenticate",
    "X-Request-Id",
)
_PREFLIGHT_SECONDS: Final = 600


def cross_origin_middleware(origins: Collection[str]) -> list[Middleware]:
    """What to put around the application for these origins; credentials are allowed to none."""
    guard = Middleware(ForeignPages, origins=frozenset(origins))
    if not origins:
        return [guard]
    cors = Middleware(
        CORSMiddleware,
        allow_origins=sorted(origins),
        allow_methods=("GET", "PATCH", "POST"),
        allow_headers=_REQUEST_HEADERS,
        expose_headers=_ANSWER_HEADERS,
        max_age=_PREFLIGHT_SECONDS,
    )
    return [cors, guard]


class ForeignPages:
    """Refuses what a browser says comes from a page of another origin, unless that origin is named.

    A person who follows a link to GraphiQL comes from another site as well: that navigation is let through,
    carries no key of its own and can only be a GET.
    """

    def __init__(self, app: ASGIApp, *, origins: frozenset[str]) -> None:
        self._app = app
        self._origins = origins

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer one request, or refuse it."""
        if scope["type"] == "http":
            for name, _ in scope["headers"]:
                if name == b"sec-fetch-site" and self._is_foreign(Headers(scope=scope), scope=scope):
                    return self._refuse(scope, receive, send)
        return self._app(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        notes = notes_in(scope)
        notes.code = ErrorCode.FORBIDDEN
        error = Forbidden("Pages of this origin may not call the gateway.")
        await refuse_at(scope["path"], error, request_id=notes.request_id)(scope, receive, send)

    def _is_foreign(self, headers: Headers, *, scope: Scope) -> bool:
        if headers.get("sec-fetch-site") not in _FOREIGN_SITES:
            return False
        if headers.get("sec-fetch-mode") == "navigate" and scope["method"] == "GET":
            return bool(scope["query_string"])
        return headers.get("origin") not in self._origins
