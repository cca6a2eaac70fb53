"""What one request's parts tell each other: its id, and what its access line and metrics will say."""

from typing import Any

from starlette.requests import Request
from starlette.types import Scope

from gateway.domain.errors import ErrorCode
from gateway.engine.execution import Operation
from gateway.telemetry.labels import OperationKind
from gateway.telemetry.requests import RequestUnderWay
from gateway.web.authentication import Visitor

_KEY = "gateway.notes"


class RequestNotes(RequestUnderWay):
    """Filled in while a request is answered."""

    __slots__ = ("code", "is_stream", "kind", "operation_name")

    def __init__(self, request_id: str) -> None:
        super().__init__(request_id)
        self.kind = OperationKind.UNKNOWN
        self.is_stream = False
        self.operation_name: str | None = None
        self.code: ErrorCode | None = None

    def understood(self, visitor: Visitor, *, kind: OperationKind, operation_name: str | None) -> None:
        """Remember who asks and what is run, all at once."""
        self.kind = kind
        self.operation_name = operation_name
        self.caller, self.tenant = visitor.caller.name, visitor.tenant_id


def open_notes(scope: Scope, *, request_id: str) -> RequestNotes:
    """Begin a request's notes."""
    notes = RequestNotes(request_id)
    put_notes(scope, notes)
    return notes


def put_notes(scope: Scope, notes: RequestNotes) -> None:
    """Leave notes that were begun before the application was called."""
    scope[_KEY] = notes


def notes_begun(scope: Scope) -> RequestNotes | None:
    """Those, if there are any."""
    return scope.get(_KEY)


def notes_in(scope: Scope) -> RequestNotes:
    """The notes of the request of this scope."""
    notes: Any = scope[_KEY]
    assert isinstance(notes, RequestNotes)  # noqa: S101 - the outermost middleware opened them
    return notes


def notes_of(request: Request) -> RequestNotes:
    """The notes of this request."""
    return notes_in(request.scope)


def request_id_in(request: Request) -> str:
    """The id of this request."""
    return notes_of(request).request_id


def note_operation(request: Request, operation: Operation) -> None:
    """Remember what is run."""
    notes = notes_of(request)
    notes.kind = OperationKind(operation.type.value)
    notes.operation_name = name_of(operation)


def name_of(operation: Operation) -> str | None:
    """The operation's own name, asked for by it or not."""
    if operation.name is not None:
        return operation.name
    operations = operation.document.operations
    return next((name for name, read in operations.items() if read is operation.read), None)


def note_caller(request: Request, *, caller: str) -> None:
    """Remember who asks where no tenant is asked for."""
    notes_of(request).caller = caller


def note_visitor(request: Request, *, caller: str, tenant: str) -> None:
    """Remember who asks, for every log line from here on."""
    notes = notes_of(request)
    notes.caller, notes.tenant = caller, tenant


def note_code(request: Request, code: ErrorCode) -> None:
    """Remember the first error code of the answer."""
    notes_of(request).code = code
