"""GraphQL over HTTP: one endpoint, GET and POST, the answer in the form the caller accepts."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, Final

import msgspec
from graphql import ExecutionResult, GraphQLSchema, OperationType, execute_sync
from starlette.requests import Request
from starlette.responses import Response

from gateway.domain.deadlines import one_deadline
from gateway.domain.errors import (
    GatewayError,
    GraphQLValidationFailed,
    OperationTooLarge,
    PersistedQueryNotFound,
)
from gateway.domain.ledger import Ledger
from gateway.engine.documents import Documents
from gateway.engine.execution import Operation, choose_operation
from gateway.engine.executor import Executor
from gateway.engine.limits import check_variables
from gateway.engine.reading import ReadOperation
from gateway.schema.context import OperationContext
from gateway.telemetry.labels import OperationKind
from gateway.telemetry.spans import OpenSpan, is_sampled
from gateway.telemetry.tracing import Tracing
from gateway.tenancy import Caller
from gateway.web.answers import answer_get, first_header
from gateway.web.authentication import Authentication, Visitor
from gateway.web.bodies import GraphQLRequest, parse_body, parse_parameters, read_body
from gateway.web.event_streams import (
    ONLY_STREAMED,
    EventStream,
    as_one_event,
    last_event_id_of,
    takes_events,
    transport_of,
)
from gateway.web.freshness import bound_of
from gateway.web.media_types import AnswerType, accept_of, answer_type_of, is_readable
from gateway.web.notes import name_of, note_operation, note_visitor, notes_of, request_id_in
from gateway.web.once import Idempotency
from gateway.web.persisted import DocumentDesk
from gateway.web.recognition import drop_memo, remember_query
from gateway.web.refusals import is_for_a_person, refuse_error, refuse_request
from gateway.web.results import (
    answer_document_errors,
    answer_errors,
    answer_outcome,
    answer_result,
    errors_of,
)
from gateway.web.stream_desk import StreamDesk

COST_HEADER: Final = "X-Operation-Cost"
_ALLOWED: Final = "GET, POST"


class RequestLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What one request may be and take."""

    max_body_bytes: int
    body_seconds: float
    max_variable_values: int
    max_cost: int
    report_cost: bool
    deadline_seconds: float


class GraphQLEndpoint:
    """Answers `/graphql` and `/graphql/<id>`; every failure leaves as an error of the catalogue."""

    def __init__(
        self,
        schema: GraphQLSchema,
        *,
        executor: Executor,
        documents: Documents,
        desk: DocumentDesk,
        authentication: Authentication,
        idempotency: Idempotency,
        clock: Callable[[], datetime],
        tracing: Tracing,
        limits: RequestLimits,
        introspection: bool = True,
        streams: StreamDesk,
        page: Callable[[], Response] | None = None,
    ) -> None:
        self._schema = schema
        self._executor = executor
        self._documents = documents
        self._desk = desk
        self._authentication = authentication
        self._idempotency = idempotency
        self._clock = clock
        self._tracing = tracing
        self._limits = limits
        self._introspection = introspection
        self._streams = streams
        self._page = page

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        if request.method == "GET" and self._page is not None and is_for_a_person(request):
            return self._page()
        kind = answer_type_of(accept_of(request.headers))
        try:
            if kind is None and takes_events(request.headers):
                drop_memo(request.scope)
                return as_one_event(await self._answer(request, kind=AnswerType.GRAPHQL))
            return await self._answer(request, kind=kind)
        except PersistedQueryNotFound as error:
            return answer_errors(errors_of(error), request=request, kind=kind or AnswerType.JSON)
        except GatewayError as error:
            return refuse_error(request, error, kind=kind or AnswerType.JSON)

    async def _answer(self, request: Request, *, kind: AnswerType | None) -> Response:
        if request.method not in {"GET", "POST"}:
            return refuse_request(
                request, 405, "GraphQL is asked by GET or POST.", headers={"allow": _ALLOWED}
            )
        visitor = await self._authentication.admit(request.headers)
        note_visitor(request, caller=visitor.caller.name, tenant=visitor.tenant_id)
        if kind is None:
            return refuse_request(
                request, 406, f"Answers are {' or '.join(one.value for one in AnswerType)}."
            )
        if request.method == "POST" and not is_readable(request.headers):
            return refuse_request(request, 415, "Send application/json in UTF-8, not compressed.", kind=kind)
        asked = await self._read(request)
        if asked.query and "persistedQuery" in (asked.extensions or ()):
            drop_memo(request.scope)  # whoever brings a text with its hash was told that it is not stored
        hides = not self._may_introspect(visitor.caller)
        document = await self._desk.read(asked, caller=visitor.caller, hide_suggestions=hides)
        if document.errors:
            return answer_document_errors(document, variables=asked.variables, request=request, kind=kind)
        operation = choose_operation(document, operation_name=asked.operation_name, variables=asked.variables)
        note_operation(request, operation)
        if operation.type is OperationType.SUBSCRIPTION:
            return await self._follow(operation, asked=asked, visitor=visitor, request=request, kind=kind)
        return await self._answer_at_once(operation, visitor=visitor, request=request, kind=kind)

    async def _answer_at_once(
        self, operation: Operation, *, visitor: Visitor, request: Request, kind: AnswerType
    ) -> Response:
        if request.method == "GET" and operation.type is not OperationType.QUERY:
            message = "Only a query may be asked by GET, and a subscription."
            return refuse_request(request, 405, message, kind=kind, headers={"allow": "POST"})
        if self._is_plain(operation, request=request):
            hides = not self._may_introspect(visitor.caller)
            remember_query(operation, visitor=visitor, request=request, kind=kind, hides=hides)
        with self._span_of(operation, tenant=visitor.tenant_id) as span:
            response = await self._answer_once(operation, visitor=visitor, request=request, kind=kind)
            span.end_with(notes_of(request).code)
        if request.method == "GET":
            return answer_get(response, if_none_match=first_header(request.scope, b"if-none-match"))
        return response

    async def _follow(
        self,
        operation: Operation,
        *,
        asked: GraphQLRequest,
        visitor: Visitor,
        request: Request,
        kind: AnswerType,
    ) -> Response:
        check_variables(operation.variables, limit=self._limits.max_variable_values)
        refusal = self._refusal(operation.read, cost=operation.cost, caller=visitor.caller)
        if refusal is not None:
            return answer_errors(errors_of(refusal), request=request, kind=kind)
        if not takes_events(request.headers):
            return refuse_request(request, 406, ONLY_STREAMED, kind=kind)
        with self._span_of(operation, tenant=visitor.tenant_id):
            stream = await self._streams.open(
                operation,
                visitor=visitor,
                headers=request.headers,
                transport=transport_of(request.scope),
                last_event_id=last_event_id_of(request.headers, asked.extensions),
                hide_suggestions=not self._may_introspect(visitor.caller),
            )
        return EventStream(stream)

    def _is_plain(self, operation: Operation, *, request: Request) -> bool:
        """Whether it is a query that is run, of the call centre alone, and answered with nothing added."""
        if operation.type is not OperationType.QUERY:
            return False
        check_variables(operation.variables, limit=self._limits.max_variable_values)
        return (
            not operation.read.asks_schema
            and operation.cost <= self._limits.max_cost
            and not self._report(0, request=request)
        )

    def _span_of(self, operation: Operation, *, tenant: str) -> OpenSpan:
        return self._tracing.operation_span(
            OperationKind(operation.type.value),
            name=name_of(operation),
            document_hash=operation.document.sha256,
            tenant=tenant,
        )

    async def _read(self, request: Request) -> GraphQLRequest:
        document_id = request.path_params.get("document_id")
        if request.method == "GET":
            return parse_parameters(request, document_id=document_id)
        body = await read_body(
            request, max_bytes=self._limits.max_body_bytes, seconds=self._limits.body_seconds
        )
        return parse_body(body, document_id=document_id)

    async def _answer_once(
        self, operation: Operation, *, visitor: Visitor, request: Request, kind: AnswerType
    ) -> Response:
        """Run the operation; of mutations with one idempotency key the first, whole, with all its fields."""

        async def run(ledger: Ledger) -> Response:
            return await self._run(operation, visitor=visitor, request=request, kind=kind, ledger=ledger)

        if operation.type is not OperationType.MUTATION:
            return await run(Ledger())
        asked = ("graphql", kind.value, operation.document.sha256, operation.name, operation.variables)
        return await self._idempotency.answer(request, run, visitor=visitor, asked=asked)

    async def _run(
        self,
        operation: Operation,
        *,
        visitor: Visitor,
        request: Request,
        kind: AnswerType,
        ledger: Ledger,
    ) -> Response:
        check_variables(operation.variables, limit=self._limits.max_variable_values)
        cost = operation.cost
        extensions = self._report(cost, request=request)
        refusal = self._refusal(operation.read, cost=cost, caller=visitor.caller)
        if refusal is not None:
            return answer_errors(errors_of(refusal), request=request, kind=kind, extensions=extensions)
        hides = not self._may_introspect(visitor.caller)
        if operation.read.asks_schema_alone:
            result = await self._introspect(operation)
            return answer_result(result, request=request, kind=kind, extensions=extensions)
        context = self._context(visitor, request=request, ledger=ledger)
        with one_deadline(self._limits.deadline_seconds):
            outcome = await self._executor.run(operation, context=context, hide_suggestions=hides)
        return answer_outcome(
            outcome, readings=context.readings, request=request, kind=kind, extensions=extensions
        )

    def _refusal(self, read: ReadOperation, *, cost: int, caller: Caller) -> GatewayError | None:
        """Why a valid operation is not run."""
        if read.asks_schema and not self._may_introspect(caller):
            return GraphQLValidationFailed("Introspection is off for you: no __schema, no __type.")
        if cost > self._limits.max_cost:
            return OperationTooLarge(f"The operation costs {cost}; the limit is {self._limits.max_cost}.")
        return None

    async def _introspect(self, operation: Operation) -> ExecutionResult:
        """Answer from the schema alone: some thousand fields, too many for the event loop."""
        assert operation.document.syntax is not None  # noqa: S101 - an operation was chosen from it
        run = partial(
            execute_sync,
            self._schema,
            operation.document.syntax,
            variable_values=operation.variables,
            operation_name=operation.name,
        )
        return await self._documents.beside_the_loop(run)

    def _may_introspect(self, caller: Caller) -> bool:
        return self._introspection and caller.may_introspect

    def _report(self, cost: int, *, request: Request) -> dict[str, Any]:
        if not self._limits.report_cost and request.headers.get(COST_HEADER, "").strip() != "report":
            return {}
        return {"cost": {"operation": cost, "limit": self._limits.max_cost}}

    def _context(self, visitor: Visitor, *, request: Request, ledger: Ledger) -> OperationContext:
        return OperationContext(
            tenant_id=visitor.tenant_id,
            caller_name=visitor.caller.name,
            scopes=visitor.caller.scope_names,
            call_center=visitor.call_center,
            held=visitor.held,
            bound=bound_of(request.headers.get("cache-control")),
            clock=self._clock,
            request_id=request_id_in(request),
            tracing=self._tracing if is_sampled() else None,
            ledger=ledger,
        )
