"""GraphQL requests as HTTP carries them: a bounded JSON body, or the parameters of a URL."""

import asyncio
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.types import Message, Receive

from gateway.domain.errors import BadRequest, OperationTooLarge

_NAMES: Final = frozenset({"query", "documentId", "operationName", "variables", "extensions"})


class GraphQLRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller asks to be run."""

    query: str | None = None
    document_id: str | None = None
    operation_name: str | None = None
    variables: dict[str, Any] | None = None
    extensions: dict[str, Any] | None = None


class BodyTooSlow(BadRequest):
    """The body did not come in time: HTTP 408."""


def take_at_once(receive: Receive) -> Message | None:
    """The next message if it is here already; None where it has to be waited for, and nothing is taken."""
    waiting = receive()
    try:
        waiting.send(None)  # type: ignore[attr-defined]  # servers' are coroutines
    except StopIteration as done:
        message: Message = done.value
        return message
    waiting.close()  # type: ignore[attr-defined]  # the same
    return None


async def read_body(request: Request, *, max_bytes: int, seconds: float) -> bytes:
    """Read the body; `OperationTooLarge` as soon as it is over the limit, `BodyTooSlow` after the seconds."""
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced[:18]) > max_bytes:
        raise _too_large(max_bytes)
    try:
        async with asyncio.timeout(seconds):
            return await _read_stream(request, max_bytes=max_bytes)
    except TimeoutError:
        raise BodyTooSlow(f"The body took over {seconds:g} seconds to come.") from None


async def _read_stream(request: Request, *, max_bytes: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > max_bytes:
            raise _too_large(max_bytes)
        chunks.append(chunk)
    return b"".join(chunks)


def parse_body(body: bytes, *, document_id: str | None = None) -> GraphQLRequest:
    """Read a JSON body; `BadRequest` says what is wrong with it. `document_id` is what the path says."""
    document = decode_json(body, what="The body")
    if isinstance(document, list):
        raise BadRequest("Batches are off: send one operation per request, not a list.")
    if not isinstance(document, dict):
        raise BadRequest("The body is not a JSON object.")
    return _request_of(document, document_id=document_id)


def parse_parameters(request: Request, *, document_id: str | None = None) -> GraphQLRequest:
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
    for name in ("operationName", "documentId"):
        if not parameters.get(name):
            parameters.pop(name, None)
    return _request_of(parameters, document_id=document_id)


def decode_json(text: bytes, *, what: str) -> Any:
    """Decode bounded JSON; `BadRequest` for anything that is none, however it is broken."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError):
        raise BadRequest(f"{what} is not JSON in UTF-8.") from None


def _request_of(document: dict[str, Any], *, document_id: str | None) -> GraphQLRequest:
    given_id = _text("documentId", document.get("documentId"))
    if document_id is not None and given_id not in {None, document_id}:
        raise BadRequest("The path and documentId name two documents.")
    return GraphQLRequest(
        query=_text("query", document.get("query")),
        document_id=document_id or given_id,
        operation_name=_text("operationName", document.get("operationName")),
        variables=_object("variables", document.get("variables")),
        extensions=_object("extensions", document.get("extensions")),
    )


def _text(name: str, value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise BadRequest(f"{name} must be a string.")
    return value


def _object(name: str, value: object) -> dict[str, Any] | None:
    if value is not None and not isinstance(value, dict):
        raise BadRequest(f"{name} must be an object.")
    return value


def _shown(name: str) -> str:
    return name if name in _NAMES else "of that name"


def _too_large(max_bytes: int) -> OperationTooLarge:
    return OperationTooLarge(f"The body is over {max_bytes} bytes; the limit is {max_bytes}.")
