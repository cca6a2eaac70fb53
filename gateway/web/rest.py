"""REST over HTTP: `/v1`, one endpoint per path; every failure leaves as a problem of the one catalogue."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.domain.deadlines import one_deadline
from gateway.domain.errors import BadRequest, GatewayError, Overloaded
from gateway.domain.ledger import Ledger
from gateway.domain.preconditions import UnexpectedAgent
from gateway.rest.context import Answered, Asked, RestContext
from gateway.rest.exports.formats import Export
from gateway.rest.openapi import JSON_TYPE, write_document
from gateway.rest.operation import Operation
from gateway.rest.operations import PREFIX, by_path
from gateway.rest.requests import read_json, read_parameters
from gateway.telemetry.labels import OperationKind
from gateway.telemetry.tracing import Tracing
from gateway.web.auditing import audited, require
from gateway.web.authentication import Authentication, Visitor
from gateway.web.bodies import BodyTooSlow, read_body
from gateway.web.exports import FileDesk
from gateway.web.freshness import bound_of, freshness_headers
from gateway.web.media_types import accept_of, best_of, is_readable
from gateway.web.notes import note_code, note_visitor, notes_of, request_id_in
from gateway.web.once import Idempotency
from gateway.web.problems import answer_problem

_PRIVATE: Final = {"cache-control": "private, no-cache", "vary": "Authorization, X-Tenant, Accept"}


class RestLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What one request may be and take."""

    max_body_bytes: int
    body_seconds: float
    deadline_seconds: float


class RestSurface:
    """Answers `/v1` with the operations of the table."""

    def __init__(
        self,
        *,
        authentication: Authentication,
        idempotency: Idempotency,
        files: FileDesk,
        clock: Callable[[], datetime],
        limits: RestLimits,
        tracing: Tracing,
    ) -> None:
        self._tracing = tracing
        self._authentication = authentication
        self._idempotency = idempotency
        self._files = files
        self._clock = clock
        self._limits = limits

    def routes(self) -> list[BaseRoute]:
        """The routes, that of the document and that of unknown paths among them."""
        document = write_document()

        async def show_document(request: Request) -> Response:
            if request.method not in {"GET", "HEAD"}:
                return _wrong_method(request, allowed=("GET", "HEAD"))
            return Response(document, headers={"content-type": JSON_TYPE})

        return [
            Route(f"{PREFIX}/openapi.json", _EveryMethod(show_document)),
            *(
                Route(PREFIX + path, _EveryMethod(self._endpoint(methods)))
                for path, methods in by_path().items()
            ),
            Route(f"{PREFIX}/{{rest:path}}", _EveryMethod(_unknown_path)),
        ]

    def _endpoint(self, methods: Mapping[str, Operation]) -> Callable[[Request], Any]:
        allowed = sorted((*methods, *(("HEAD",) if "GET" in methods else ())))

        async def answer(request: Request) -> Response:
            operation = methods.get("GET" if request.method == "HEAD" else request.method)
            if operation is None:
                return _wrong_method(request, allowed=allowed)
            try:
                return await self._answer(operation, request)
            except ClientDisconnect:
                raise
            except GatewayError as error:
                return _refuse(request, error, status=408 if isinstance(error, BodyTooSlow) else None)

        return answer

    async def _answer(self, operation: Operation, request: Request) -> Response:
        notes_of(request).kind = OperationKind.MUTATION if operation.is_write else OperationKind.QUERY
        notes_of(request).operation_name = operation.name
        visitor = await self._authentication.admit(request.headers)
        note_visitor(request, caller=visitor.caller.name, tenant=visitor.tenant_id)
        media_type = _media_type(operation, request)
        if media_type is None:
            offered = ", ".join(_offered(operation))
            return _refuse(request, BadRequest(f"Answers are {offered}."), status=406)
        body = b"" if operation.body is None else await self._read(request)
        if body and not is_readable(request.headers):
            return _refuse(request, BadRequest("Send application/json in UTF-8, not compressed."), status=415)
        scopes = frozenset(scope.value for scope in visitor.caller.scopes)
        if operation.scope is not None:
            require(operation.scope, of=operation, visitor=visitor, request=request)
        asked = _read_asked(operation, request, body=body, media_type=media_type)

        async def run(ledger: Ledger) -> Response:
            context = self._context(visitor, scopes=scopes, request=request, ledger=ledger)
            return await self._run(operation, asked, context=context, request=request)

        with self._tracing.rest_span(operation.name, tenant=visitor.tenant_id) as span:
            if operation.is_write:
                named = (operation.method, request.url.path, msgspec.json.encode(asked.body).decode())
                response = await self._idempotency.answer(request, run, visitor=visitor, asked=named)
            else:
                response = await run(Ledger())
            span.end_with(notes_of(request).code)
        return response

    async def _read(self, request: Request) -> bytes:
        return await read_body(
            request, max_bytes=self._limits.max_body_bytes, seconds=self._limits.body_seconds
        )

    async def _run(
        self, operation: Operation, asked: Asked, *, context: RestContext, request: Request
    ) -> Response:
        try:
            with one_deadline(self._limits.deadline_seconds), audited(operation, asked, context=context):
                answered = await operation.handle(context, asked)
        except GatewayError as error:
            return _refuse(request, error, status=409 if isinstance(error, UnexpectedAgent) else None)
        readings = () if operation.is_write else context.readings
        headers = {**_PRIVATE, **freshness_headers(readings), **_headers(answered, request)}
        etag = _etag(answered, operation=operation, request=request)
        if etag is not None:
            headers["etag"] = etag
            if _is_held(request.headers.get("if-none-match"), etag=etag):
                return Response(status_code=304, headers=headers)
        if answered.export is not None:
            return await self._send(
                answered.export, of=operation, context=context, request=request, headers=headers
            )
        body = msgspec.json.encode(answered.shape())
        return Response(body, status_code=answered.status, headers={"content-type": JSON_TYPE, **headers})

    async def _send(
        self,
        export: Export,
        *,
        of: Operation,
        context: RestContext,
        request: Request,
        headers: Mapping[str, str],
    ) -> Response:
        try:
            return await self._files.answer(
                export,
                operation=of.name,
                context=context,
                headers=headers,
                is_head=request.method == "HEAD",
            )
        except Overloaded as error:
            return _refuse(request, error, status=None)

    def _context(
        self, visitor: Visitor, *, scopes: frozenset[str], request: Request, ledger: Ledger
    ) -> RestContext:
        return RestContext(
            tenant_id=visitor.tenant_id,
            caller_name=visitor.caller.name,
            scopes=scopes,
            call_center=visitor.call_center,
            clock=self._clock,
            bound=bound_of(request.headers.get("cache-control")),
            ledger=ledger,
            request_id=request_id_in(request),
        )


class _EveryMethod:
    """Lets the endpoint itself answer a wrong method, as a problem and with `Allow`."""

    def __init__(self, endpoint: Callable[[Request], Any]) -> None:
        self._endpoint = endpoint

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        response = await self._endpoint(Request(scope, receive))
        await response(scope, receive, send)


async def _unknown_path(request: Request) -> Response:
    return _refuse(request, BadRequest("There is no such path."), status=404)


def _wrong_method(request: Request, *, allowed: Any) -> Response:
    response = _refuse(request, BadRequest("This path does not take the method."), status=405)
    response.headers["allow"] = ", ".join(allowed)
    return response


def _refuse(request: Request, error: GatewayError, *, status: int | None) -> Response:
    note_code(request, error.code)
    return answer_problem(error, request_id=request_id_in(request), status=status)


def _offered(operation: Operation) -> tuple[str, ...]:
    return tuple(each.media_type for each in operation.formats) or (JSON_TYPE,)


def _media_type(operation: Operation, request: Request) -> str | None:
    """What the answer is to be; a file's format may be named in the query, which says more than `Accept`."""
    named = request.query_params.get("format")
    if named in {each.value for each in operation.formats}:
        return _offered(operation)[0]
    return best_of(accept_of(request.headers), offered=_offered(operation))


def _read_asked(operation: Operation, request: Request, *, body: bytes, media_type: str) -> Asked:
    path = operation.path_type and read_parameters(request.path_params.items(), of=operation.path_type)
    query: Any = read_parameters(request.query_params.multi_items(), of=operation.query or _NoParameters)
    if operation.body is None:
        chosen = next((each for each in operation.formats if each.media_type == media_type), None)
        return Asked(path, query, None, chosen)
    return Asked(path, query, read_json(body or _nothing(operation), of=operation.body))


class _NoParameters(msgspec.Struct):
    """The query of an operation that takes none."""


def _nothing(operation: Operation) -> bytes:
    return b"{}" if operation.body_optional else b""


def _headers(answered: Answered, request: Request) -> dict[str, str]:
    headers: dict[str, str] = {}
    if answered.location is not None:
        headers["location"] = answered.location
    if answered.links:
        headers["link"] = ", ".join(
            f'<{_page(request, parameters)}>; rel="{relation}"'
            for relation, parameters in answered.links.items()
        )
    return headers


def _page(request: Request, parameters: Mapping[str, str]) -> str:
    """The same query but for the page; relative, so that no host is believed or told."""
    kept = [
        (name, value)
        for name, value in request.query_params.multi_items()
        if name not in {"first", "after", "last", "before"}
    ]
    return f"{request.url.path}?{urlencode([*kept, *parameters.items()])}"


def _etag(answered: Answered, *, operation: Operation, request: Request) -> str | None:
    """A digest of what was asked and of the versions of the listings that answer it."""
    if answered.versions is None:
        return None
    asked = (operation.name, request.url.path, request.url.query, answered.versions)
    if answered.export is None:
        return f'"{_digest(asked)}"'
    return f'W/"{_digest((*asked, answered.export.format))}"'  # weak: a file tells when it was read, too


def _digest(asked: object) -> str:
    return hashlib.blake2b(msgspec.json.encode(asked), digest_size=12).hexdigest()


def _is_held(if_none_match: str | None, *, etag: str) -> bool:
    given = [one.strip().removeprefix("W/") for one in (if_none_match or "").split(",")]
    return etag.removeprefix("W/") in given or given == ["*"]
