"""The application: which path is answered by what."""

from collections.abc import Callable, Collection, Iterable
from contextlib import AbstractAsyncContextManager
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp

from gateway.domain.errors import BadRequest
from gateway.telemetry.telemetry import Telemetry
from gateway.web.compression import Compression, Compressor
from gateway.web.cross_origin import cross_origin_middleware
from gateway.web.graphql import GraphQLEndpoint
from gateway.web.health import Health
from gateway.web.lane import LaneApp, QueryLane
from gateway.web.ledger import RequestLedger
from gateway.web.notes import request_id_in
from gateway.web.observation import Observation
from gateway.web.problems import refuse_at
from gateway.web.routes import QUIET_PATHS
from gateway.web.shedding import Shedding
from gateway.web.sockets import Sockets

Lifespan = Callable[[Starlette], AbstractAsyncContextManager[Any]]


def build_app(
    *,
    graphql: GraphQLEndpoint,
    sockets: Sockets,
    health: Health,
    telemetry: Telemetry,
    max_header_bytes: int,
    max_concurrent_requests: int,
    cors_origins: Collection[str] = (),
    lifespan: Lifespan | None = None,
    ledger: RequestLedger,
    compressor: Compressor | None = None,
    lane: QueryLane | None = None,
    more_routes: Iterable[BaseRoute] = (),
) -> Starlette:
    """Put the edge together."""
    app = EdgeApp(
        lane=lane,
        routes=[
            WebSocketRoute("/graphql", sockets),
            Route("/graphql", _EveryMethod(graphql)),
            Route("/graphql/{document_id}", _EveryMethod(graphql)),
            Route("/livez", health.livez),
            Route("/readyz", health.readyz),
            Route("/metrics", health.metrics),
            *more_routes,
        ],
        middleware=[
            Middleware(Observation, telemetry=telemetry, ledger=ledger, max_header_bytes=max_header_bytes),
            *([Middleware(Compression, compressor=compressor)] if compressor is not None else []),
            *cross_origin_middleware(cors_origins),
            Middleware(Shedding, max_concurrent_requests=max_concurrent_requests, unlimited=QUIET_PATHS),
        ],
        exception_handlers={HTTPException: _refuse_http},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False  # the redirect would be made from the caller's own Host
    return app


class EdgeApp(Starlette):
    """The application; `lane` stands before the routes. What nothing catches, the outermost layer does."""

    def __init__(self, *, lane: QueryLane | None = None, **more: Any) -> None:
        super().__init__(**more)
        self._lane = lane

    def build_middleware_stack(self) -> ASGIApp:
        """Starlette's, with the lane, and without its own last catch."""
        handlers: Any = self.exception_handlers
        app: ASGIApp = ExceptionMiddleware(self.router, handlers=handlers)
        if self._lane is not None:
            app = LaneApp(app, lane=self._lane)
        for cls, args, kwargs in reversed(self.user_middleware):
            app = cls(app, *args, **kwargs)
        return app


class _EveryMethod:
    """Lets the endpoint itself answer a wrong method, in the one error shape and with `Allow`."""

    def __init__(self, endpoint: GraphQLEndpoint) -> None:
        self._endpoint = endpoint

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        response = await self._endpoint(Request(scope, receive))
        await response(scope, receive, send)


async def _refuse_http(request: Request, error: Exception) -> Response:
    """Answer an unknown path or a wrong method in the shape of errors there."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class alone
    told = BadRequest(error.detail)
    return refuse_at(
        request.scope["path"],
        told,
        request_id=request_id_in(request),
        status=error.status_code,
        headers=dict(error.headers or {}),
    )
