"""Compression of whole answers: by what the caller takes, and once for all who are sent the same bytes."""

import zlib
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from http import HTTPStatus
from typing import Final

import brotli
import zstandard
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.engine.bounded import BoundedMap

MIN_BYTES: Final = 1_024
"""Below, an answer fits into one packet as it is."""
_MAX_ON_LOOP_BYTES: Final = 1_000_000
"""Above, compressing would hold the event loop for over 20 ms; such an answer is sent as it is."""
_MAX_ASKED: Final = 2_000
_TYPES: Final = ("application/", "text/", "image/svg+xml")

Compress = Callable[[bytes], bytes]
Header = tuple[bytes, bytes]

_ENCODINGS: Final[dict[str, Compress]] = {
    "zstd": zstandard.ZstdCompressor(level=3).compress,
    "br": lambda body: bytes(brotli.compress(body, quality=4)),
    "gzip": lambda body: zlib.compress(body, level=5, wbits=31),
}
"""The best first, where a caller likes several alike."""


class Compressor:
    """Compresses bodies, each once for all who are sent it."""

    def __init__(self, *, max_bytes: int = 16 * 2**20) -> None:
        self._made: BoundedMap[tuple[str, bytes], bytes] = BoundedMap(max_bytes=max_bytes)
        self._asked: set[int] = set()

    def compress(self, body: bytes, encoding: str) -> bytes:
        """The body compressed; what is sent for the second time is remembered."""
        key = (encoding, body)
        made = self._made.get(key)
        if made is None:
            made = _ENCODINGS[encoding](body)
            asked = hash(key)
            if asked in self._asked:
                self._made.put(key, made, weight=len(body) + len(made) + 200)
            elif len(self._asked) >= _MAX_ASKED:
                self._asked.clear()
            self._asked.add(asked)
        return made

    def replace(self, headers: Sequence[Header], body: bytes, *, encoding: str) -> tuple[list[Header], bytes]:
        """Give headers and body of an answer that is whole, compressed where that is worth it."""
        told = MutableHeaders(raw=list(headers))
        told.add_vary_header("Accept-Encoding")
        if MIN_BYTES <= len(body) <= _MAX_ON_LOOP_BYTES:
            body = self.compress(body, encoding)
            told["content-encoding"] = encoding
            told["content-length"] = str(len(body))
            etag = told.get("etag")
            if etag is not None and not etag.startswith("W/"):
                told["etag"] = f"W/{etag}"  # the same in meaning, no longer byte for byte
        return told.raw, body


class Compression:
    """Compresses answers that come whole; streams, and what is compressed already, pass as they are."""

    def __init__(self, app: ASGIApp, *, compressor: Compressor) -> None:
        self._app = app
        self._compressor = compressor

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer one request."""
        if scope["type"] == "http":
            for name, value in scope["headers"]:
                if name == b"accept-encoding":
                    encoding = choose_encoding(value)
                    if encoding is not None:
                        send = _Compressing(send, encoding=encoding, compressor=self._compressor)
                    break
        return self._app(scope, receive, send)


class _Compressing:
    """A `send` that waits with an answer's head for its body."""

    __slots__ = ("_compressor", "_encoding", "_head", "_send")

    def __init__(self, send: Send, *, encoding: str, compressor: Compressor) -> None:
        self._send = send
        self._encoding = encoding
        self._compressor = compressor
        self._head: Message | None = None

    async def __call__(self, message: Message) -> None:
        head = self._head
        if message["type"] == "http.response.start":
            if _is_compressible(message):
                self._head = message
                return
            if message["status"] == HTTPStatus.NOT_MODIFIED:
                _vary(message)  # else it would take from what a cache holds that it is compressed for some
        if head is not None:
            self._head = None
            if message.get("more_body"):
                _vary(head)
            else:
                head["headers"], body = self._compressor.replace(
                    head["headers"], message.get("body", b""), encoding=self._encoding
                )
                message = {**message, "body": body}
            await self._send(head)
        await self._send(message)


@lru_cache(maxsize=256)
def choose_encoding(accept_encoding: bytes) -> str | None:
    """Choose by quality, then by what compresses best; None where the caller takes none of these."""
    qualities: dict[str, float] = {}
    for part in accept_encoding.decode("latin-1").lower().split(","):
        name, _, parameters = part.strip().partition(";")
        qualities[name.strip()] = _quality(parameters)
    wanted = {name: qualities.get(name, qualities.get("*", 0.0)) for name in _ENCODINGS}
    best = max(wanted.values())
    return next((name for name, quality in wanted.items() if quality == best), None) if best > 0 else None


def _quality(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return min(max(float(value), 0.0), 1.0)
    except ValueError:
        return 0.0


def _is_compressible(message: Message) -> bool:
    headers = MutableHeaders(raw=message["headers"])
    content_type = headers.get("content-type", "")
    is_text = content_type.startswith(_TYPES) and not content_type.startswith("text/event-stream")
    return is_text and "content-encoding" not in headers and headers.get("content-range") is None


def _vary(head: Message) -> None:
    headers = MutableHeaders(raw=list(head["headers"]))
    headers.add_vary_header("Accept-Encoding")
    head["headers"] = headers.raw
