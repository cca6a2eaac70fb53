"""REST's part of the audit trail: every write that a known caller asked for leaves its record."""

from collections.abc import Iterator
from contextlib import contextmanager

from starlette.requests import Request

from gateway.domain.errors import Forbidden
from gateway.domain.scopes import require_scope
from gateway.rest.context import Asked, RestContext
from gateway.rest.operation import Operation
from gateway.telemetry.audit import AuditTrail
from gateway.web.authentication import Visitor
from gateway.web.notes import request_id_in


@contextmanager
def audited(operation: Operation, asked: Asked, *, context: RestContext) -> Iterator[None]:
    """Keep the record of a write, which tells the context's entry what it came to; a reading has none."""
    if not operation.is_write:
        yield
        return
    with context.trail.entry(operation.name, agent_id=getattr(asked.path, "id", None)) as context.entry:
        yield


def require(scope: str, *, of: Operation, visitor: Visitor, request: Request) -> None:
    """`Forbidden` where the caller was not given the scope; a write that was asked for is recorded."""
    try:
        require_scope({scope.value for scope in visitor.caller.scopes}, scope=scope)
    except Forbidden as error:
        if of.is_write:
            trail = AuditTrail(
                tenant=visitor.tenant_id, caller=visitor.caller.name, request_id=request_id_in(request)
            )
            trail.tell(of.name, error.code.value, agent_id=request.path_params.get("id"))
        raise
