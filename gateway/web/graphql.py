"""GraphQL over HTTP: one endpoint, GET and POST, the answer in the form the caller accepts."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from graphql import ExecutionResult, GraphQLSchema, OperationType
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response

from gateway.domain.deadlines import one_deadline
from gateway.domain.errors import BadRequest, ErrorCode, GatewayError
from gateway.engine.documents import Documents
from gateway.engine.execution import Operation, choose_operation, execute
from gateway.schema.context import OperationContext
from gateway.schema.errors import shape_error
from gateway.web.answers import STATUS_BY_CODE, json_answer, refuse
from gateway.web.authentication import Authentication, Visitor
from gateway.web.bodies import GraphQLRequest, parse_body, parse_parameters, read_body
from gateway.web.freshness import bound_of, freshness_headers
from gateway.web.media_types import AnswerType, answer_type_of, is_json, prefers_html
from gateway.web.notes import note_code, note_operation, note_visitor, request_id_in
from gateway.web.partial import tell_missing_parts

_REQUEST_CODES: Final = frozenset(
    {ErrorCode.GRAPHQL_PARSE_FAILED, ErrorCode.GRAPHQL_VALIDATION_FAILED, ErrorCode.OPERATION_TOO_LARGE}
)
_ALLOWED: Final = "GET, POST"


class GraphQLEndpoint:
    """Answers `/graphql`; every failure leaves as one GraphQL error with a code of the catalogue."""

    def __init__(
        self,
        schema: GraphQLSchema,
        *,
        documents: Documents,
        authentication: Authentication,
        clock: Callable[[], datetime],
        max_body_bytes: int,
        deadline_seconds: float = 25.0,
        page: Callable[[], Response] | None = None,
    ) -> None:
        self._schema = schema
        self._documents = documents
        self._authentication = authentication
        self._clock = clock
        self._max_body_bytes = max_body_bytes
        self._deadline_seconds = deadline_seconds
        self._page = page

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        accept = request.headers.get("accept")
        if request.method == "GET" and self._page is not None and _is_for_a_person(request):
            return self._page()
        kind = answer_type_of(accept)
        try:
            return await self._answer(request, kind=kind)
        except GatewayError as error:
            note_code(request, error.code)
            return refuse(error, request_id=request_id_in(request), kind=kind or AnswerType.JSON)

    async def _answer(self, request: Request, *, kind: AnswerType | None) -> Response:
        if request.method not in {"GET", "POST"}:
            return _refuse(request, 405, "GraphQL is asked by GET or POST.", headers={"allow": _ALLOWED})
        visitor = self._authentication.admit(request.headers)
        note_visitor(request, caller=visitor.caller.name, tenant=visitor.tenant_id)
        if kind is None:
            return _refuse(request, 406, f"Answers are {' or '.join(one.value for one in AnswerType)}.")
        if request.method == "POST" and _is_unreadable(request.headers):
            return _refuse(request, 415, "Send application/json in UTF-8, not compressed.", kind=kind)
        asked = await self._read(request)
        document = self._documents.read(asked.query)
        if document.errors:
            return self._shape(ExecutionResult(None, list(document.errors)), request=request, kind=kind)
        operation = choose_operation(document, operation_name=asked.operation_name, variables=asked.variables)
        note_operation(request, operation)
        if request.method == "GET" and operation.type is not OperationType.QUERY:
            message = "Only a query may be asked by GET."
            return _refuse(request, 405, message, kind=kind, headers={"allow": "POST"})
        return await self._run(operation, visitor=visitor, request=request, kind=kind)

    async def _read(self, request: Request) -> GraphQLRequest:
        if request.method == "GET":
            return parse_parameters(request)
        return parse_body(await read_body(request, max_bytes=self._max_body_bytes))

    async def _run(
        self, operation: Operation, *, visitor: Visitor, request: Request, kind: AnswerType
    ) -> Response:
        context = OperationContext(
            tenant_id=visitor.tenant_id,
            caller_name=visitor.caller.name,
            scopes=frozenset(scope.value for scope in visitor.caller.scopes),
            call_center=visitor.call_center,
            bound=bound_of(request.headers.get("cache-control")),
            clock=self._clock,
            request_id=request_id_in(request),
        )
        with one_deadline(self._deadline_seconds):
            result = await execute(operation, schema=self._schema, context=context)
        result = tell_missing_parts(result, context.readings)
        headers = freshness_headers(context.readings)
        return self._shape(result, request=request, kind=kind, headers=headers)

    def _shape(
        self,
        result: ExecutionResult,
        *,
        request: Request,
        kind: AnswerType,
        headers: dict[str, str] | None = None,
    ) -> Response:
        """Write a result; one without data is a request that could not be run."""
        errors = [shape_error(error, request_id=request_id_in(request)) for error in result.errors or ()]
        content: dict[str, Any] = {"errors": errors} if errors else {}
        if errors:
            note_code(request, _code_of(errors[0]))
        if not _could_not_run(result):
            return json_answer({"data": result.data, **content}, kind=kind, headers=headers)
        status = STATUS_BY_CODE[_code_of(errors[0])] if kind is AnswerType.GRAPHQL else 200
        return json_answer(content, status=status, kind=kind)


def _could_not_run(result: ExecutionResult) -> bool:
    """A request error has no path: the operation was never begun, and the answer has no `data`."""
    return result.data is None and all(error.path is None for error in result.errors or ())


def _code_of(shaped: dict[str, Any]) -> ErrorCode:
    return ErrorCode(shaped["extensions"]["code"])


def _is_for_a_person(request: Request) -> bool:
    return "query" not in request.query_params and prefers_html(request.headers.get("accept"))


def _is_unreadable(headers: Headers) -> bool:
    return (
        not is_json(headers.get("content-type")) or headers.get("content-encoding", "identity") != "identity"
    )


def _refuse(
    request: Request,
    status: int,
    message: str,
    *,
    kind: AnswerType = AnswerType.JSON,
    headers: dict[str, str] | None = None,
) -> Response:
    error = BadRequest(message)
    return refuse(error, request_id=request_id_in(request), status=status, kind=kind, headers=headers)
