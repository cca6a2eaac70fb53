"""A net under the whole suite: made-up secrets are told apart by their first letters, and none may come out.

A secret of a test begins with `planted-key`, `planted-token` or `planted-password`. Whatever a gateway emits
in a test (log lines, spans, metrics, answers, what it keeps in Valkey, the output of its processes) is
searched for them, plain, in base64 or in hex, and for whole JWTs; a test that let one out fails.
"""

import base64
import re
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from typing import Any, Final

import httpx
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.main.service import Gateway
from gateway.telemetry.logs import Logs
from gateway.telemetry.telemetry import Telemetry
from gateway.telemetry.tracing import Tracing

KINDS: Final = ("key", "token", "password")
_ZLIB_HEAD: Final = b"x\x01"
_MAX_PLAIN_BYTES: Final = 4 * 2**20


def _encoded(word: bytes) -> Iterator[bytes]:
    """The word as base64 shows it at each of the three places in a group of bytes, and as hex shows it."""
    yield word.hex().encode()
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + word)
        yield whole[-(-before * 8 // 6) : (before + len(word)) * 8 // 6]


_PLAIN: Final = tuple(f"planted-{kind}".encode() for kind in KINDS)
_HINTS: Final = (b"planted-", *_encoded(b"planted-"), b".eyJ")
"""One of these stands wherever a secret does; they are sought first, for speed."""
_SECRET: Final = re.compile(
    rb"|".join(re.escape(form) for word in _PLAIN for form in (word, *_encoded(word)))
    + rb"|eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{16,}",
)


def secrets_in(emitted: bytes) -> list[bytes]:
    """What begins as a secret does, with a little of what follows."""
    if not any(hint in emitted for hint in _HINTS):
        return []
    return [emitted[found.start() : found.end() + 16] for found in _SECRET.finditer(emitted)]


class LeakNet:
    """Keeps what was caught, and how much was looked at in each place, until a test's end asks."""

    def __init__(self) -> None:
        self.caught: list[str] = []
        self.looked_at: dict[str, int] = {}

    def look(self, place: str, emitted: bytes | str) -> None:
        """Search what came out there."""
        content = emitted if isinstance(emitted, bytes) else emitted.encode("utf-8", "surrogatepass")
        self.looked_at[place] = self.looked_at.get(place, 0) + 1
        self.caught += [f"{place}: {secret!r}" for secret in secrets_in(content)]

    def look_into_valkey(self, values: Mapping[bytes, bytes]) -> None:
        """Search keys and values, the packed ones unpacked."""
        for key, value in values.items():
            self.look("valkey", key + b" " + value)
            for start in _found(_ZLIB_HEAD, within=value):
                self.look("valkey", _unpacked(value[start:]))

    def empty(self) -> list[str]:
        """Give what was caught since the last time."""
        caught, self.caught = self.caught, []
        return caught


NET: Final = LeakNet()
"""The suite's own: what it hangs from is the process's as well."""


def hang(net: LeakNet) -> None:
    """Spread it under every gateway that this process makes, and under every answer to a test's client."""
    _before(
        Logs,
        "__init__",
        lambda given: {**given, "stream": _Watched(given.get("stream") or sys.stderr, net=net)},
    )
    _before(Tracing, "__init__", lambda given: {**given, "processors": _with_net(given, net=net)})
    _watch_shutdown(net)
    _watch_answers(net)


class _Watched:
    """A stream of log lines."""

    def __init__(self, stream: Any, *, net: LeakNet) -> None:
        self._stream = stream
        self._net = net

    def write(self, text: str) -> Any:
        self._net.look("logs", text)
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _SpansIntoNet(SpanProcessor):
    """Looks at each span beside whoever exports it."""

    def __init__(self, net: LeakNet) -> None:
        self._net = net

    def on_end(self, span: ReadableSpan) -> None:
        self._net.look("spans", span.to_json(indent=None))


class _AnswersIntoNet:
    """Looks at every head and body that a gateway sends, whoever the client is."""

    def __init__(self, app: ASGIApp, *, net: LeakNet) -> None:
        self._app = app
        self._net = net

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def look(message: Message) -> None:
            for name, value in message.get("headers", ()):
                self._net.look("answers", name + b": " + value)
            self._net.look("answers", message.get("body", b""))
            await send(message)

        await self._app(scope, receive, look if scope["type"] == "http" else send)


def _with_net(given: Mapping[str, Any], *, net: LeakNet) -> tuple[Any, ...]:
    """The processors and our own; none stay none, for those mean that nothing is sampled."""
    processors = tuple(given.get("processors", ()))
    return (*processors, _SpansIntoNet(net)) if processors else ()


def _before(owner: type, name: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Change the keywords of every call of this method."""
    method = getattr(owner, name)

    @wraps(method)
    def changed(self: Any, *arguments: Any, **given: Any) -> Any:
        return method(self, *arguments, **change(given))

    setattr(owner, name, changed)


def _watch_shutdown(net: LeakNet) -> None:
    shutdown = Telemetry.shutdown

    @wraps(shutdown)
    def looked_at(self: Telemetry, **given: Any) -> None:
        net.look("metrics", self.metrics.render()[0])
        shutdown(self, **given)

    Telemetry.shutdown = looked_at  # type: ignore[method-assign]  # the net's whole purpose


def _watch_answers(net: LeakNet) -> None:
    app, send = Gateway.app, httpx.AsyncClient.send

    @wraps(app)
    def made(self: Gateway) -> Any:
        whole = app(self)
        whole.add_middleware(_AnswersIntoNet, net=net)
        return whole

    @wraps(send)
    async def sent(self: httpx.AsyncClient, request: httpx.Request, **given: Any) -> httpx.Response:
        response = await send(self, request, **given)
        if not given.get("stream"):
            net.look("answers", f"{response.headers!r}".encode() + response.content)
        return response

    Gateway.app = made  # type: ignore[method-assign]  # the same
    httpx.AsyncClient.send = sent  # type: ignore[method-assign]  # processes' answers come here alone


def _found(what: bytes, *, within: bytes) -> Iterator[int]:
    at = within.find(what)
    while at >= 0:
        yield at
        at = within.find(what, at + 1)


def _unpacked(value: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(value, _MAX_PLAIN_BYTES)
    except zlib.error:
        return b""
