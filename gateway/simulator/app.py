"""Evolux's agent API and queue listing as an ASGI app over a world."""

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.simulator import agents, control, pauses, queues
from gateway.simulator.answers import Refusal, refused
from gateway.simulator.faults import Faults
from gateway.simulator.interference import Interference
from gateway.simulator.requests import RequestLog
from gateway.simulator.world import World

Endpoint = Callable[[Request], Awaitable[Response]]

ENDPOINTS: tuple[tuple[str, str, Endpoint], ...] = (
    ("GET", "/api/v1/agents", agents.list_agents),
    ("POST", "/api/v1/agents", agents.create_agent),
    ("PUT", "/api/v1/agents/{agent_id:int}", agents.edit_agent),
    ("GET", "/api/v1/agents/{agent_id:int}/pauses", pauses.list_pauses),
    ("POST", "/api/v1/agents/{agent_id:int}/pause", pauses.pause_agent),
    ("POST", "/api/v1/agents/{agent_id:int}/unpause", pauses.unpause_agent),
    ("POST", "/api/v1/agents/{agent_id:int}/logoff", agents.log_off_agent),
    ("GET", "/api/v1/queues", queues.list_queues),
    ("GET", "/api/v1/queues/{queue_id:int}", queues.get_queue),
)


def build_app(world: World, *, faults: Faults | None = None, latency_seconds: float = 0.0) -> Starlette:
    """The simulator's app. `app.state` has `world`, `faults` and `requests`; resets need `server.running`."""
    faults = Faults() if faults is None else faults
    requests = RequestLog()
    app = Starlette(
        routes=[*_routes(), *control.ROUTES],
        middleware=[
            Middleware(
                Interference, world=world, faults=faults, requests=requests, latency_seconds=latency_seconds
            ),
            Middleware(TokenCheck, world=world),
        ],
        exception_handlers={Refusal: _refuse, HTTPException: _refuse_http},
    )
    app.router.redirect_slashes = False
    app.state.world = world
    app.state.faults = faults
    app.state.requests = requests
    return app


class TokenCheck:
    """Refuses whoever does not send the tenant's token in the header `token`, before anything is routed."""

    def __init__(self, app: ASGIApp, *, world: World) -> None:
        self.app = app
        self.world = world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 400 for a missing and 401 for a wrong token."""
        answer = None
        if scope["type"] == "http":
            token = dict(scope["headers"]).get(b"token")
            if not token:
                answer = refused(Refusal(400, message="Missing token."))
            elif not self.world.accepts(token.decode("latin-1")):
                answer = refused(Refusal(401, message="Invalid token."))
        await (answer or self.app)(scope, receive, send)


def _routes() -> list[Route]:
    return [
        Route(path + slash, endpoint, methods=[method])
        for method, path, endpoint in ENDPOINTS
        for slash in ("", "/")
    ]


async def _refuse(_request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refusal)  # noqa: S101  Starlette types every handler's error as Exception
    return refused(refusal)


async def _refuse_http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  as above
    return refused(Refusal(error.status_code, message=error.detail))
