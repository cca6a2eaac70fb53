"""Errors in the form of the surface that was asked: problems after RFC 9457 in REST, GraphQL's elsewhere."""

from collections.abc import Mapping

from starlette.responses import Response

from gateway.domain.errors import GatewayError
from gateway.rest.errors import PROBLEM_TYPE, encode_problem, problem_of
from gateway.rest.operations import PREFIX
from gateway.web.answers import refuse, standard_headers


def answer_problem(
    error: GatewayError,
    *,
    request_id: str,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Write an error of REST; `status` where HTTP has one of its own."""
    problem = problem_of(error, request_id=request_id, status=status)
    return Response(
        encode_problem(problem),
        status_code=problem.status,
        headers={
            "content-type": PROBLEM_TYPE,
            "cache-control": "no-store",
            **standard_headers(error),
            **(headers or {}),
        },
    )


def refuse_at(
    path: str,
    error: GatewayError,
    *,
    request_id: str,
    status: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Write an error that any path may be answered with."""
    is_rest = path == PREFIX or path.startswith(f"{PREFIX}/")
    write = answer_problem if is_rest else refuse
    return write(error, request_id=request_id, status=status, headers=headers)
