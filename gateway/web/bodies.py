"""GraphQL requests as HTTP carries them: a bounded JSON body, or the parameters of a URL."""

from typing import Any

import msgspec
from starlette.requests import Request

from gateway.domain.errors import BadRequest, OperationTooLarge


class GraphQLRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller asks to be run."""

    query: str
    operation_name: str | None = None
    variables: dict[str, Any] | None = None
    extensions: dict[str, Any] | None = None


async def read_body(request: Request, *, max_bytes: int) -> bytes:
    """Read the body; `OperationTooLarge` as soon as it is over the limit."""
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced[:18]) > max_bytes:
        raise _too_large(max_bytes)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > max_bytes:
            raise _too_large(max_bytes)
        chunks.append(chunk)
    return b"".join(chunks)


def parse_body(body: bytes) -> GraphQLRequest:
    """Read a JSON body; `BadRequest` says what is wrong with it."""
    document = decode_json(body, what="The body")
    if not isinstance(document, dict):
        raise BadRequest("The body is not a JSON object; batches are not taken.")
    return _request_of(document)


def parse_parameters(request: Request) -> GraphQLRequest:
    """Read the parameters of a GET; `variables` and `extensions` are JSON in them."""
    parameters: dict[str, Any] = {}
    for name, value in request.query_params.multi_items():
        if name in parameters:
            raise BadRequest(f"The parameter {_shown(name)} is given twice.")
        parameters[name] = value
    for name in ("variables", "extensions"):
        if parameters.get(name):
            parameters[name] = decode_json(parameters[name].encode("utf-8", "replace"), what=name)
        else:
            parameters.pop(name, None)
    if not parameters.get("operationName"):
        parameters.pop("operationName", None)
    return _request_of(parameters)


def decode_json(text: bytes, *, what: str) -> Any:
    """Decode bounded JSON; `BadRequest` for anything that is none, however it is broken."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError):
        raise BadRequest(f"{what} is not JSON in UTF-8.") from None


def _request_of(document: dict[str, Any]) -> GraphQLRequest:
    return GraphQLRequest(
        query=_query(document.get("query")),
        operation_name=_text(document.get("operationName")),
        variables=_object("variables", document.get("variables")),
        extensions=_object("extensions", document.get("extensions")),
    )


def _query(value: object) -> str:
    if value is None:
        raise BadRequest("The request has no query.")
    if not isinstance(value, str):
        raise BadRequest("query must be a string.")
    return value


def _text(value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise BadRequest("operationName must be a string.")
    return value


def _object(name: str, value: object) -> dict[str, Any] | None:
    if value is not None and not isinstance(value, dict):
        raise BadRequest(f"{name} must be an object.")
    return value


def _shown(name: str) -> str:
    return name if name in {"query", "operationName", "variables", "extensions"} else "of that name"


def _too_large(max_bytes: int) -> OperationTooLarge:
    return OperationTooLarge(f"The body is over {max_bytes} bytes.")
