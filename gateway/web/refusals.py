"""Requests that are answered without being run: refused, or a person's, who wants a page."""

from starlette.requests import Request
from starlette.responses import Response

from gateway.domain.errors import BadRequest, GatewayError, OperationTooLarge
from gateway.web.answers import refuse
from gateway.web.bodies import BodyTooSlow
from gateway.web.media_types import AnswerType, accept_of, prefers_html
from gateway.web.notes import note_code, request_id_in


def is_for_a_person(request: Request) -> bool:
    """Say whether a browser asks for the page, and not for a query's answer."""
    asked = request.query_params.keys() | request.path_params.keys()
    return asked.isdisjoint({"query", "extensions", "documentId", "document_id"}) and prefers_html(
        accept_of(request.headers)
    )


def refuse_error(request: Request, error: GatewayError, *, kind: AnswerType) -> Response:
    """Refuse, and end the connection where the rest of a body is not waited for."""
    note_code(request, error.code)
    is_unread = isinstance(error, BodyTooSlow | OperationTooLarge)
    return refuse(
        error,
        request_id=request_id_in(request),
        status=408 if isinstance(error, BodyTooSlow) else None,
        kind=kind,
        headers={"connection": "close"} if is_unread else None,
    )


def refuse_request(
    request: Request,
    status: int,
    message: str,
    *,
    kind: AnswerType = AnswerType.JSON,
    headers: dict[str, str] | None = None,
) -> Response:
    """Refuse what HTTP itself has a status for."""
    error = BadRequest(message)
    note_code(request, error.code)
    return refuse(error, request_id=request_id_in(request), status=status, kind=kind, headers=headers)
