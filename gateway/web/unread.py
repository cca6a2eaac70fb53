"""Requests that cannot be read whole, refused on the connection itself, before any application sees them."""

from http import HTTPStatus

import structlog

from gateway.domain.errors import GatewayError
from gateway.telemetry import events
from gateway.web.problems import refuse_at
from gateway.web.request_ids import REQUEST_ID_HEADER, request_id_of

_LOGGER = "gateway.web.connections"


def write_refusal(error: GatewayError, *, status: HTTPStatus, url: bytes) -> bytes:
    """Write the whole answer, after which the connection ends, and log it.

    `url` is the request's target as far as it came: it decides the form of the error.
    """
    request_id = request_id_of(None)
    path = url.partition(b"?")[0].decode("latin-1")
    answer = refuse_at(path, error, request_id=request_id, status=status)
    structlog.get_logger(_LOGGER).info(
        events.UNREAD, request_id=request_id, status=int(status), code=error.code.value
    )
    answer.headers[REQUEST_ID_HEADER] = request_id
    answer.headers["Connection"] = "close"
    lines = [f"HTTP/1.1 {status} {status.phrase}".encode()]
    lines += [b"%b: %b" % header for header in answer.raw_headers]
    return b"\r\n".join([*lines, b"", bytes(answer.body)])
