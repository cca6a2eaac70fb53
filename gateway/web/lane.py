"""The short way of a query that comes again word for word: from its bytes to the executor and back.

What it has no short way for goes on to the endpoint, body and all. Both ways give the same answer.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.domain.deadlines import one_deadline
from gateway.domain.errors import GatewayError
from gateway.engine.executor import Executor
from gateway.schema.context import OperationContext
from gateway.telemetry.labels import OperationKind
from gateway.telemetry.spans import UNSAMPLED, OpenSpan, is_sampled
from gateway.telemetry.tracing import Tracing
from gateway.web.answers import refuse
from gateway.web.authentication import Authentication
from gateway.web.bodies import take_at_once
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
        deadline_seconds: float,
    ) -> None:
        self._otherwise = otherwise
        self._recognition = recognition
        self._authentication = authentication
        self._executor = executor
        self._clock = clock
        self._tracing = tracing
        self._deadline_seconds = deadline_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or scope["path"] != GRAPHQL_PATH:
            await self._otherwise(scope, receive, send)
            return
        message = take_at_once(receive) if scope["method"] == "POST" else _NO_BODY
        if message is None:
            await self._otherwise(scope, receive, send)
            return
        if message["type"] != "http.request" or message.get("more_body"):
            await self._otherwise(scope, _replaying(message, receive), send)
            return
        body: bytes = message.get("body", b"")
        digest = self._recognition.digest(scope, body)
        recognized = self._recognition.find(digest)
        if recognized is None or not self._authentication.knows(recognized.visitor):
            Memo(self._recognition, digest=digest, size=len(scope["query_string"]) + len(body)).put_in(scope)
            replayed = receive if message is _NO_BODY else _replaying(message, receive)
            await self._otherwise(scope, replayed, send)
            return
        await self._answer(recognized, scope=scope, receive=receive, send=send)

    async def _answer(self, known: Recognized, *, scope: Scope, receive: Receive, send: Send) -> None:
        notes = notes_in(scope)
        notes.understood(known.visitor, kind=OperationKind.QUERY, operation_name=known.operation_name)
        span = self._span_of(known) if is_sampled() else UNSAMPLED
        try:
            self._authentication.count(known.visitor)
            with span:
                answer = await self._run(known, scope=scope, request_id=notes.request_id)
                span.end_with(notes.code)
        except GatewayError as error:
            notes.code = error.code
            answer = refuse(error, request_id=notes.request_id, kind=known.kind)
        await answer(scope, receive, send)

    def _span_of(self, known: Recognized) -> OpenSpan:
        return self._tracing.operation_span(
            OperationKind.QUERY,
            name=known.operation_name,
            document_hash=known.operation.document.sha256,
            tenant=known.visitor.tenant_id,
        )

    async def _run(self, known: Recognized, *, scope: Scope, request_id: str) -> Any:
        visitor = known.visitor
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
        data = self._executor.at_once(known.operation, context=context)
        if data is not None:
            answer = answer_data(data, readings=context.readings, kind=known.kind)
            if answer is not None:
                return answer
        with one_deadline(self._deadline_seconds):
            outcome = await self._executor.run(known.operation, context=context, hide_suggestions=known.hides)
        return answer_outcome(outcome, readings=context.readings, request=Request(scope), kind=known.kind)


def _replaying(message: Message, receive: Receive) -> Receive:
    """A `receive` that gives the message that was taken already, and then what comes after it."""
    taken = [message]

    async def replay() -> Message:
        return taken.pop() if taken else await receive()

    return replay
