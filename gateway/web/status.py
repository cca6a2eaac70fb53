"""`GET /v1/status`: the state of the gateway for a person, as JSON, without a secret or an address."""

from collections.abc import Callable, Mapping
from http import HTTPMethod, HTTPStatus

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.domain.errors import BadRequest, GatewayError
from gateway.domain.ids import TenantId
from gateway.domain.scopes import require_scope
from gateway.tenancy import Scope
from gateway.web.authentication import Authentication
from gateway.web.notes import note_caller, note_code, request_id_in
from gateway.web.problems import answer_problem
from gateway.web.routes import STATUS_PATH


class TenantStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One tenant: what its Evolux fails with, its protection, and the ages in seconds of what is held."""

    problem: str | None
    breaker: str
    breaker_opens_again_in_seconds: float
    upstream_in_flight: int
    upstream_waiting: int
    quota_left: float
    rest_seconds: float
    retries_left: int
    listing_ages_seconds: Mapping[str, float]


class ConfigurationStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the file is followed, and why its last edit was not taken."""

    is_followed: bool
    refused: str | None


class GatewayStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One process; `sharing` is whether listings are shared with others, None where they are not to be.

    `sharing_for_seconds` is for how long that has been so.
    """

    status: str
    version: str
    python: str
    up_seconds: float
    configuration: ConfigurationStatus
    sharing: bool | None
    sharing_for_seconds: float | None
    tenants: Mapping[str, TenantStatus]


class StatusPage:
    """Shows a caller with the scope `gateway:status` its own tenants and the process."""

    def __init__(self, authentication: Authentication, *, report: Callable[[], GatewayStatus]) -> None:
        self._authentication = authentication
        self._report = report

    def route(self) -> Route:
        """Where it is found."""
        return Route(STATUS_PATH, self.answer, methods=list(HTTPMethod))

    async def answer(self, request: Request) -> Response:
        """Answer one request; nothing here asks Evolux."""
        if request.method not in {"GET", "HEAD"}:
            return _refuse(request, BadRequest("The status is read by GET."), status=405)
        try:
            caller = await self._authentication.identify(request.headers)
            note_caller(request, caller=caller.name)
            require_scope({scope.value for scope in caller.scopes}, scope=Scope.READ_STATUS.value)
        except GatewayError as error:
            return _refuse(request, error)
        report = self._report()
        own = {name: one for name, one in report.tenants.items() if caller.may_use(TenantId(name))}
        return Response(
            msgspec.json.encode(msgspec.structs.replace(report, tenants=own)),
            status_code=HTTPStatus.OK,
            headers={"content-type": "application/json", "cache-control": "no-store"},
        )


def _refuse(request: Request, error: GatewayError, *, status: int | None = None) -> Response:
    note_code(request, error.code)
    allowed = {"allow": "GET, HEAD"} if status == HTTPStatus.METHOD_NOT_ALLOWED else {}
    return answer_problem(error, request_id=request_id_in(request), status=status, headers=allowed)
