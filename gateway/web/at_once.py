"""Answers without a task: a recognized query is answered from the connection's own callback.

Where nothing has to be waited for, the way through the server's task, its messages and every layer costs more
than the answer. What is said, traced and written down is the same; a request that has to wait, or that an
outer layer has a say in, goes the usual way, and takes along what was begun for it.
"""

import time
from collections.abc import Callable
from http import HTTPMethod
from typing import Final

from starlette.types import Scope

from gateway.domain.errors import RateLimited
from gateway.telemetry import events
from gateway.telemetry.labels import OperationKind
from gateway.telemetry.spans import OpenSpan
from gateway.telemetry.telemetry import Telemetry
from gateway.web.answers import DataAnswer
from gateway.web.compression import Compressor, choose_encoding
from gateway.web.lane import GRAPHQL_PATH, Begun, QueryLane
from gateway.web.ledger import RequestLedger
from gateway.web.notes import RequestNotes, put_notes
from gateway.web.observation import RequestHead, conclude_span, put_span
from gateway.web.request_ids import request_id_of

Parts = tuple[bytes, bytes]
"""An answer's headers, with the empty line after them, and its body."""

METHOD: Final = HTTPMethod.POST.value
PATH: Final = GRAPHQL_PATH


class AnswersAtOnce:
    """Gives the whole answer to a request that is here whole, or None."""

    def __init__(
        self,
        lane: QueryLane,
        *,
        telemetry: Telemetry,
        ledger: RequestLedger,
        compressor: Compressor | None,
        max_header_bytes: int,
        is_draining: Callable[[], bool],
    ) -> None:
        self._lane = lane
        self._tracing = telemetry.tracing
        self._failures = telemetry.line_budget("gateway.http", event=events.AT_ONCE_FAILED)
        self._ledger = ledger
        self._compressor = compressor
        self._max_header_bytes = max_header_bytes
        self._is_draining = is_draining

    def __call__(self, scope: Scope, body: bytes) -> Parts | None:
        """Answer a POST to the path of GraphQL; the status is 200. Raises nothing."""
        try:
            return self._answer_whole(scope, body)
        except Exception as failure:  # noqa: BLE001 - the usual way may do better, and answers in any case
            self._failures.tell(exc_info=failure)
            return None

    def _answer_whole(self, scope: Scope, body: bytes) -> Parts | None:
        head = RequestHead(scope["headers"])
        if head.bytes > self._max_header_bytes or head.is_of_a_page or self._is_draining():
            return None
        began_at = time.perf_counter()
        begun = self._lane.begin(scope, body)
        if begun is None:
            return None
        span = self._tracing.server_span(head.trace, method=METHOD, route=PATH, scheme=scope["scheme"])
        notes = RequestNotes(request_id_of(head.request_id))
        notes.trace_id = span.trace_id
        if not span.is_recording:
            with span, notes:
                answer = self._answer(begun, notes=notes)
        else:
            answer = None if head.is_forwarded else self._answer_traced(begun, notes=notes, span=span)
        if answer is None:
            put_span(scope, span)
            put_notes(scope, notes)
            begun.put_in(scope)
            return None
        parts = self._parts(answer, request_id=notes.request_id, accept_encoding=head.accept_encoding)
        seconds = time.perf_counter() - began_at
        if not span.is_recording:
            self._ledger.enter(notes, method=METHOD, route=PATH, status=200, seconds=seconds)
        else:
            self._conclude(span, notes=notes, seconds=seconds)
        return parts

    def _answer_traced(self, begun: Begun, *, notes: RequestNotes, span: OpenSpan) -> DataAnswer | None:
        """The same under spans; they stay open where the usual way has to go on."""
        with span.current(), notes:
            operation = self._lane.span_of(begun)
            with operation.current():
                answer = self._answer(begun, notes=notes)
        if answer is not None:
            operation.end()
        return answer

    def _conclude(self, span: OpenSpan, *, notes: RequestNotes, seconds: float) -> None:
        """Write down what is traced, with its trace at the metrics, and end its span."""
        conclude_span(span, notes, status=200)
        with span.current():
            self._ledger.enter(notes, method=METHOD, route=PATH, status=200, seconds=seconds)
        span.end()

    def _answer(self, begun: Begun, *, notes: RequestNotes) -> DataAnswer | None:
        known = begun.known
        notes.understood(known.visitor, kind=OperationKind.QUERY, operation_name=known.operation_name)
        try:
            self._lane.count(begun)
        except RateLimited:  # which the usual way will say
            return None
        return self._lane.at_once(begun, request_id=notes.request_id)

    def _parts(self, answer: DataAnswer, *, request_id: str, accept_encoding: bytes | None) -> Parts:
        headers, body = answer.raw_headers, answer.body
        if self._compressor is not None and accept_encoding is not None:
            encoding = choose_encoding(accept_encoding)
            if encoding is not None:
                headers, body = self._compressor.replace(headers, body, encoding=encoding)
        lines = [b"%b: %b\r\n" % header for header in headers]
        lines.append(b"x-request-id: %b\r\n\r\n" % request_id.encode("latin-1"))
        return b"".join(lines), body
