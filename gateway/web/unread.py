"""Requests that cannot be read whole, refused on the connection itself, before any application sees them."""

import logging
from collections.abc import Iterable
from http import HTTPStatus
from typing import Final
from urllib.parse import unquote

import httptools
import structlog

from gateway.domain.errors import GatewayError
from gateway.telemetry import events
from gateway.web.problems import refuse_at
from gateway.web.request_ids import REQUEST_ID_HEADER, request_id_of

_LOGGER: Final = "gateway.web.connections"
_TOLD_OTHERWISE: Final = "Invalid HTTP request received."

Headers = Iterable[tuple[bytes, bytes]]


def be_told_once() -> None:
    """Keep the server from logging what is logged here, without the request's id and as a warning."""
    logging.getLogger("uvicorn.error").addFilter(_is_told_here_alone)


def _is_told_here_alone(record: logging.LogRecord) -> bool:
    return record.msg != _TOLD_OTHERWISE


class Unread:
    """What came of such a request: its target decides the form of the error, its headers may name it."""

    def __init__(self, url: bytes = b"", headers: Headers = (), *, is_head: bool = False) -> None:
        named = next((value for name, value in headers if name == REQUEST_ID_HEADER.lower().encode()), None)
        self._request_id = request_id_of(None if named is None else named.decode("latin-1"))
        self._path = _path_of(url)
        self._is_head = is_head

    def note(self, error: GatewayError, *, status: HTTPStatus | None) -> None:
        """Log it; without a status where there is no answer."""
        told = {} if status is None else {"status": int(status)}
        structlog.get_logger(_LOGGER).info(
            events.UNREAD, request_id=self._request_id, code=error.code.value, **told
        )

    def refuse(self, error: GatewayError, *, status: HTTPStatus, headers: Headers) -> bytes:
        """The bytes of the whole answer, after which the connection ends; `headers` go with every answer."""
        answer = refuse_at(self._path, error, request_id=self._request_id, status=status)
        answer.headers[REQUEST_ID_HEADER] = self._request_id
        answer.headers["Connection"] = "close"
        lines = [b"%b: %b" % header for header in (*headers, *answer.raw_headers)]
        body = b"" if self._is_head else bytes(answer.body)
        return b"\r\n".join([f"HTTP/1.1 {status} {status.phrase}".encode(), *lines, b"", body])


def _path_of(url: bytes) -> str:
    try:
        path = httptools.parse_url(url).path or b""
    except httptools.HttpParserInvalidURLError:  # it may be but a part of one
        path = url.partition(b"?")[0]
    return unquote(path.decode("latin-1"))
