"""The short way of a query that comes again: from its bytes to the executor and back.

What it has no short way for goes on to the endpoint, body and all. Both ways give the same answer.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.domain.call_center import HoldsListings
from gateway.domain.deadlines import one_deadline
from gateway.domain.errors import GatewayError, OperationTooLarge
from gateway.domain.listings import FreshnessBound, Reading
from gateway.engine.execution import Operation
from gateway.engine.executor import Executor
from gateway.engine.limits import check_variables
from gateway.schema.context import OperationContext
from gateway.telemetry.labels import OperationKind
from gateway.telemetry.spans import UNSAMPLED, OpenSpan, is_sampled
from gateway.telemetry.tracing import Tracing
from gateway.web.answers import answer_get, first_header, refuse
from gateway.web.authentication import Authentication
from gateway.web.bodies import take_at_once
from gateway.web.graphql import RequestLimits
from gateway.web.notes import notes_in
from gateway.web.recognition import Memo, Recognition, Recognized
from gateway.web.results import answer_data, answer_outcome

GRAPHQL_PATH: Final = "/graphql"
_NO_BODY: Final[Message] = {"type": "http.request", "body": b"", "more_body": False}


class QueryLane:
    """Answers recognized queries; everything else goes to `otherwise`."""

    def __init__(
        self,
        otherwise: ASGIApp,
        *,
        recognition: Recognition,
        authentication: Authentication,
        executor: Executor,
        clock: Callable[[], datetime],
        tracing: Tracing,
        limits: RequestLimits,
    ) -> None:
        self._otherwise = otherwise
        self._recognition = recognition
        self._authentication = authentication
        self._executor = executor
        self._clock = clock
        self._tracing = tracing
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["path"] != GRAPHQL_PATH:
            await self._otherwise(scope, receive, send)
            return
        message = _message_at_hand(scope, receive)
        if message is None:
            await self._otherwise(scope, receive, send)
            return
        if message["type"] != "http.request" or message.get("more_body"):
            await self._otherwise(scope, _replaying(message, receive), send)
            return
        body: bytes = message.get("body", b"")
        is_short = len(body) <= self._limits.max_body_bytes
        asked = self._recognition.question_of(scope, body) if is_short else None
        known = None if asked is None else self._recognition.find(asked[0])
        operation = None
        if asked is not None and known is not None and self._authentication.knows(known.visitor):
            operation = known.with_variables(asked[1]) if body else known.operation
            if operation is not known.operation and not self._is_within_limits(operation):
                operation = None
        if known is not None and operation is not None:
            await self._answer(known, operation, scope=scope, receive=receive, send=send)
            return
        if asked is not None:
            size = len(scope["query_string"]) + len(body)
            Memo(self._recognition, question=asked[0], size=size).put_in(scope)
        replayed = receive if message is _NO_BODY else _replaying(message, receive)
        await self._otherwise(scope, replayed, send)

    def _is_within_limits(self, operation: Operation) -> bool:
        """Whether the variables, which alone are new, are as many and as costly as they may be.

        None at all can cost the most: a page without a size is as long as a page may be.
        """
        try:
            check_variables(operation.variables, limit=self._limits.max_variable_values)
        except OperationTooLarge:
            return False
        return operation.cost <= self._limits.max_cost

    async def _answer(
        self, known: Recognized, operation: Operation, *, scope: Scope, receive: Receive, send: Send
    ) -> None:
        notes = notes_in(scope)
        notes.understood(known.visitor, kind=OperationKind.QUERY, operation_name=known.operation_name)
        span = self._span_of(known) if is_sampled() else UNSAMPLED
        try:
            self._authentication.count(known.visitor)
            with span:
                answer = await self._run(known, operation, scope=scope, request_id=notes.request_id)
                span.end_with(notes.code)
        except GatewayError as error:
            notes.code = error.code
            answer = refuse(error, request_id=notes.request_id, kind=known.kind)
        if scope["method"] == "GET":
            answer = answer_get(answer, if_none_match=first_header(scope, b"if-none-match"))
        await answer(scope, receive, send)

    def _span_of(self, known: Recognized) -> OpenSpan:
        return self._tracing.operation_span(
            OperationKind.QUERY,
            name=known.operation_name,
            document_hash=known.operation.document.sha256,
            tenant=known.visitor.tenant_id,
        )

    async def _run(
        self, known: Recognized, operation: Operation, *, scope: Scope, request_id: str
    ) -> Response:
        visitor = known.visitor
        readings: dict[str, Reading[Any]] = {}
        remembered = self._executor.find(
            operation, tenant_id=visitor.tenant_id, scopes=visitor.caller.scope_names
        )
        if remembered is not None and visitor.held is not None:
            body = remembered.recall(_Held(visitor.held, known.bound), readings=readings)
            answer = body and answer_data(body, readings=list(readings.values()), kind=known.kind)
            if answer:
                return answer
        context = OperationContext(
            tenant_id=visitor.tenant_id,
            caller_name=visitor.caller.name,
            scopes=visitor.caller.scope_names,
            call_center=visitor.call_center,
            held=visitor.held,
            bound=known.bound,
            clock=self._clock,
            request_id=request_id,
            tracing=self._tracing if is_sampled() else None,
        )
        context.seed(readings)
        with one_deadline(self._limits.deadline_seconds):
            body = None if remembered is None else self._executor.at_once(remembered, context=context)
            answer = body and answer_data(body, readings=context.readings, kind=known.kind)
            if answer:
                return answer
            outcome = await self._executor.run(operation, context=context, hide_suggestions=known.hides)
        return answer_outcome(outcome, readings=context.readings, request=Request(scope), kind=known.kind)


class _Held:
    """Gives the listings that are at hand, by name, as one caller may have them."""

    __slots__ = ("_bound", "_held")

    def __init__(self, held: HoldsListings, bound: FreshnessBound) -> None:
        self._held = held
        self._bound = bound

    def __call__(self, name: str) -> Reading[Any] | None:
        if name == "queues":
            return self._held.queues_at_hand(self._bound)
        return self._held.agents_at_hand(self._bound)


def _message_at_hand(scope: Scope, receive: Receive) -> Message | None:
    """What the endpoint would read first; None where it has to be waited for, and nothing is taken."""
    if scope["method"] != "POST":
        return _NO_BODY
    if first_header(scope, b"expect") is not None:
        return None  # to ask for such a body is to invite it: who sends it is to be known first
    return take_at_once(receive)


def _replaying(message: Message, receive: Receive) -> Receive:
    """A `receive` that gives the message that was taken already, and then what comes after it."""
    taken = [message]

    async def replay() -> Message:
        return taken.pop() if taken else await receive()

    return replay
