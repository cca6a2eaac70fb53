"""Results as answers: what an operation came to, in the form that was negotiated."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from graphql import ExecutionResult, GraphQLError
from starlette.requests import Request
from starlette.responses import Response

from gateway.domain.errors import ErrorCode, GatewayError
from gateway.domain.listings import Reading
from gateway.engine.execution import shallow_data
from gateway.engine.reading import Document
from gateway.rest.errors import STATUS_BY_CODE
from gateway.schema.errors import shape_error
from gateway.web.answers import DataAnswer, json_answer
from gateway.web.freshness import freshness_headers, raw_freshness_headers
from gateway.web.media_types import AnswerType
from gateway.web.notes import note_code, request_id_in
from gateway.web.partial import tell_missing_parts

_VARIABLES_STATUS: Final = 400
"""Of variables that do not fit a valid document; GraphQL over HTTP keeps 422 for the document."""


def answer_data(body: bytes, *, readings: Sequence[Reading[Any]], kind: AnswerType) -> DataAnswer | None:
    """Write an encoded answer as it is; None where a listing that it was made from is not whole."""
    if not are_whole(readings):
        return None
    return DataAnswer(body, kind, raw_freshness_headers(readings))


def are_whole(readings: Iterable[Reading[Any]]) -> bool:
    """Whether no listing lacks a part that Evolux failed to show."""
    for reading in readings:  # noqa: SIM110 - a generator costs more than what it asks
        if reading.failure is not None:
            return False
    return True


def answer_outcome(
    outcome: bytes | ExecutionResult,
    *,
    readings: Sequence[Reading[Any]],
    request: Request,
    kind: AnswerType,
    extensions: Mapping[str, Any] | None = None,
) -> Response:
    """Write what was executed, and how old the listings are that it was made from."""
    if isinstance(outcome, bytes):
        answer = None if extensions else answer_data(outcome, readings=readings, kind=kind)
        if answer is not None:
            return answer
        outcome = ExecutionResult(shallow_data(outcome))
    headers = freshness_headers(readings)
    whole = tell_missing_parts(outcome, readings)
    return answer_result(whole, request=request, kind=kind, headers=headers, extensions=extensions)


def answer_result(
    result: ExecutionResult,
    *,
    request: Request,
    kind: AnswerType,
    headers: Mapping[str, str] | None = None,
    extensions: Mapping[str, Any] | None = None,
) -> Response:
    """Write what a valid document came to; without data it is a request that could not be run."""
    errors = _shape(result, request=request)
    content: dict[str, Any] = {"errors": errors} if errors else {}
    if extensions:
        content["extensions"] = extensions
    if not _could_not_run(result):
        return json_answer({"data": result.data, **content}, kind=kind, headers=headers)
    code = _code_of(errors[0])
    status = _VARIABLES_STATUS if code is ErrorCode.GRAPHQL_VALIDATION_FAILED else STATUS_BY_CODE[code]
    return json_answer(content, status=_status(status, kind), kind=kind)


def answer_errors(
    errors: tuple[GraphQLError, ...],
    *,
    request: Request,
    kind: AnswerType,
    status: int | None = None,
    extensions: Mapping[str, Any] | None = None,
) -> Response:
    """Write why an operation is not run; the status is the code's own where none is given."""
    shaped = _shape(ExecutionResult(None, list(errors)), request=request)
    content: dict[str, Any] = {"errors": shaped, **({"extensions": extensions} if extensions else {})}
    return json_answer(
        content, status=_status(status or STATUS_BY_CODE[_code_of(shaped[0])], kind), kind=kind
    )


def answer_document_errors(
    document: Document, *, variables: Mapping[str, Any] | None, request: Request, kind: AnswerType
) -> Response:
    """Write why a document cannot be run: 400 where the request lacks a required variable as well."""
    given = {name for name, value in (variables or {}).items() if value is not None}
    status = None if document.required_variables <= given else _VARIABLES_STATUS
    return answer_errors(document.errors, request=request, kind=kind, status=status)


def errors_of(error: GatewayError) -> tuple[GraphQLError, ...]:
    """An error of the catalogue as the errors of a document."""
    return (GraphQLError(error.message, original_error=error),)


def _status(status: int, kind: AnswerType) -> int:
    """Under `application/json` a well-formed request is answered with 200, whatever the answer says."""
    return status if kind is AnswerType.GRAPHQL else 200


def _shape(result: ExecutionResult, *, request: Request) -> list[dict[str, Any]]:
    errors = [shape_error(error, request_id=request_id_in(request)) for error in result.errors or ()]
    if errors:
        note_code(request, _code_of(errors[0]))
    return errors


def _could_not_run(result: ExecutionResult) -> bool:
    """A request error has no path: the operation was never begun, and the answer has no `data`."""
    return result.data is None and all(error.path is None for error in result.errors or ())


def _code_of(shaped: Mapping[str, Any]) -> ErrorCode:
    return ErrorCode(shaped["extensions"]["code"])
