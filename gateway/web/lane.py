"""The short way of a query that comes again: from its bytes to the executor and back.

What it has no short way for goes on to the endpoint, body and all. Both ways give the same answer.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.domain.deadlines import one_deadline
from gateway.domain.errors import GatewayError, OperationTooLarge, RateLimited
from gateway.domain.listings import Reading
from gateway.engine.execution import Operation
from gateway.engine.executor import Executor
from gateway.engine.limits import CONTAINERS, check_variables
from gateway.engine.remembered import KnownRun, RememberedAnswer
from gateway.schema.context import OperationContext
from gateway.telemetry.labels import OperationKind
from gateway.telemetry.spans import UNSAMPLED, OpenSpan, is_sampled
from gateway.telemetry.tracing import Tracing
from gateway.web.answers import DataAnswer, answer_get, first_header, refuse
from gateway.web.authentication import Authentication
from gateway.web.bodies import take_at_once
from gateway.web.graphql import RequestLimits
from gateway.web.notes import notes_in
from gateway.web.recognition import Memo, Recognition, Recognized
from gateway.web.results import answer_data, answer_outcome, are_whole

GRAPHQL_PATH: Final = "/graphql"
_KEY: Final = "gateway.begun"
_NO_BODY: Final[Message] = {"type": "http.request", "body": b"", "more_body": False}


class Begun:
    """A recognized query that is being answered; `context` where reading for it has begun."""

    __slots__ = ("context", "is_counted", "known", "refusal", "remembered", "span", "variables")

    def __init__(self, known: Recognized, variables: dict[str, Any] | None) -> None:
        self.known = known
        self.variables = variables
        self.context: OperationContext | None = None
        self.remembered: RememberedAnswer | None = None
        self.is_counted = False
        self.refusal: tuple[str, float | None] | None = None
        self.span: OpenSpan | None = None

    def put_in(self, scope: Scope) -> None:
        """Let the lane go on from here when the request of this scope comes to it."""
        scope[_KEY] = self


class QueryLane:
    """Answers recognized queries.

    `begin` and `at_once` do what takes no waiting, also for whoever has a request outside of any task.
    """

    def __init__(
        self,
        *,
        recognition: Recognition,
        authentication: Authentication,
        executor: Executor,
        clock: Callable[[], datetime],
        tracing: Tracing,
        limits: RequestLimits,
    ) -> None:
        self._recognition = recognition
        self._authentication = authentication
        self._executor = executor
        self._clock = clock
        self._tracing = tracing
        self._limits = limits

    def begin(self, scope: Scope, body: bytes) -> Begun | None:
        """Recognize a request; another leaves a memo in its scope, to be remembered once it is understood."""
        if len(body) > self._limits.max_body_bytes:
            return None
        asked = self._recognition.question_of(scope, body)
        if asked is None:
            return None
        question, variables = asked
        known = self._recognition.find(question)
        if known is not None and self._authentication.knows(known.visitor):
            before = known.operation.variables
            given = variables if body else before
            if given is before or not (given or before) or self._is_within_limits(known.operation, given):
                return Begun(known, given)
        size = len(scope["query_string"]) + len(body)
        Memo(self._recognition, question=question, size=size).put_in(scope)
        return None

    def at_once(self, begun: Begun, *, request_id: str) -> DataAnswer | None:
        """The answer, if it needs no waiting; what was read for it stays with what is begun."""
        known, visitor, readings = begun.known, begun.known.visitor, {}
        held, scopes = visitor.held, visitor.caller.scope_names
        found = self._executor.find(
            known.operation, variables=begun.variables, tenant_id=visitor.tenant_id, scopes=scopes
        )
        if found is not None and held is not None:
            begun.remembered = remembered = found.answer
            if remembered is not None:
                readings = held.listings_at_hand(remembered.listings, known.bound)
                if remembered.holds(readings):
                    body = remembered.body
                    if body is None:
                        begun.context = self._context_of(
                            begun, request_id=request_id, readings=readings, is_traced=is_sampled()
                        )
                        return self._fill(begun, context=begun.context)
                    answer = answer_data(body, readings=list(readings.values()), kind=known.kind)
                    if answer is not None:
                        return answer
            elif not is_sampled():
                planned = self._executor.known_run(found, variables=begun.variables)
                if planned is not None:
                    readings = held.listings_at_hand(planned.needs, known.bound)
                    answer = self._run_at_once(begun, planned, readings=readings, request_id=request_id)
                    if answer is not None:
                        return answer
        begun.context = self._context_of(
            begun, request_id=request_id, readings=readings, is_traced=is_sampled()
        )
        return None

    def _run_at_once(
        self, begun: Begun, planned: KnownRun, *, readings: dict[str, Reading[Any]], request_id: str
    ) -> DataAnswer | None:
        """The answer to variables that are new, where it takes no more than listings that are at hand.

        Where there is none, `readings` has what else was read for it.
        """
        if len(readings) < len(planned.needs) or not are_whole(readings.values()):
            return None
        context = self._context_of(begun, request_id=request_id, readings=readings, is_traced=False)
        body = self._executor.run_at_once(planned, context=context)
        answer = body and answer_data(body, readings=context.readings, kind=begun.known.kind)
        if not answer:
            readings |= context.taken  # each read is counted, so that the run to follow must not read again
        return answer or None

    def _fill(self, begun: Begun, *, context: OperationContext) -> DataAnswer | None:
        """The remembered answer, if it holds still; where listings are not at hand, they are begun."""
        if begun.remembered is None:
            return None
        with one_deadline(self._limits.deadline_seconds):
            body = self._executor.at_once(begun.remembered, context=context)
        return (body and answer_data(body, readings=context.readings, kind=begun.known.kind)) or None

    def count(self, begun: Begun) -> None:
        """Count the call, once however often this is asked; raises `RateLimited`."""
        if not begun.is_counted:
            begun.is_counted = True
            try:
                self._authentication.count(begun.known.visitor)
            except RateLimited as refusal:
                begun.refusal = refusal.message, refusal.retry_after_seconds
        if begun.refusal is not None:  # raised anew: what is raised holds on to what is begun
            message, seconds = begun.refusal
            raise RateLimited(message, retry_after_seconds=seconds)

    def _context_of(
        self, begun: Begun, *, request_id: str, readings: Mapping[str, Reading[Any]], is_traced: bool
    ) -> OperationContext:
        visitor = begun.known.visitor
        return OperationContext(  # by name they would take as long again as all the rest of it
            visitor.tenant_id,
            visitor.caller.name,
            visitor.caller.scope_names,
            visitor.call_center,
            self._clock,
            request_id,
            begun.known.bound,
            visitor.held,
            readings,
            self._tracing if is_traced else None,
        )

    def _is_within_limits(self, operation: Operation, variables: dict[str, Any] | None) -> bool:
        """Whether the variables, which alone are new, are as many and as costly as they may be.

        None at all can cost the most: a page without a size is as long as a page may be.
        """
        given, limits = variables or {}, self._limits
        if len(given) > limits.max_variable_values or not CONTAINERS.isdisjoint(map(type, given.values())):
            try:
                check_variables(given, limit=limits.max_variable_values)
            except OperationTooLarge:
                return False
        return operation.read.price.at(given) <= limits.max_cost

    async def answer(self, begun: Begun, *, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what is begun, waiting where it has to be."""
        known, notes = begun.known, notes_in(scope)
        notes.understood(known.visitor, kind=OperationKind.QUERY, operation_name=known.operation_name)
        span = (begun.span or self.span_of(begun)) if is_sampled() else UNSAMPLED
        try:
            self.count(begun)
            with span:
                answer = await self._run(begun, scope=scope, request_id=notes.request_id)
                span.end_with(notes.code)
        except GatewayError as error:
            notes.code = error.code
            answer = refuse(error, request_id=notes.request_id, kind=known.kind)
        if scope["method"] == "GET":
            answer = answer_get(answer, if_none_match=first_header(scope, b"if-none-match"))
        await answer(scope, receive, send)

    def span_of(self, begun: Begun) -> OpenSpan:
        """Open the operation's span, which stays with what is begun."""
        known = begun.known
        begun.span = span = self._tracing.operation_span(
            OperationKind.QUERY,
            name=known.operation_name,
            document_hash=known.operation.document.sha256,
            tenant=known.visitor.tenant_id,
        )
        return span

    async def _run(self, begun: Begun, *, scope: Scope, request_id: str) -> Response:
        if begun.context is None:
            answer = self.at_once(begun, request_id=request_id)
            if answer is not None:
                return answer
        context, known = begun.context, begun.known
        assert context is not None  # noqa: S101 - what is not answered at once has one
        answer = self._fill(begun, context=context)
        if answer is not None:
            return answer
        with one_deadline(self._limits.deadline_seconds):
            operation = known.with_variables(begun.variables)
            outcome = await self._executor.run(operation, context=context, hide_suggestions=known.hides)
        return answer_outcome(outcome, readings=context.readings, request=Request(scope), kind=known.kind)


class LaneApp:
    """The lane with what stands behind it; what is not recognized goes there, body and all."""

    def __init__(self, app: ASGIApp, *, lane: QueryLane) -> None:
        self._app = app
        self._lane = lane

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["path"] != GRAPHQL_PATH:
            await self._app(scope, receive, send)
            return
        begun: Begun | None = scope.pop(_KEY, None)
        if begun is not None:
            await self._lane.answer(begun, scope=scope, receive=receive, send=send)
            return
        message = _message_at_hand(scope, receive)
        if message is None:
            await self._app(scope, receive, send)
            return
        if message["type"] != "http.request" or message.get("more_body"):
            await self._app(scope, _replaying(message, receive), send)
            return
        begun = self._lane.begin(scope, message.get("body", b""))
        if begun is not None:
            await self._lane.answer(begun, scope=scope, receive=receive, send=send)
            return
        replayed = receive if message is _NO_BODY else _replaying(message, receive)
        await self._app(scope, replayed, send)


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
