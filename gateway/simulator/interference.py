"""Where faults meet requests: the ASGI layer between the wire and Evolux's endpoints."""

import time
from collections.abc import Iterable
from datetime import UTC
from email.utils import format_datetime
from typing import Any

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.simulator.faults import Fault, FaultKind, Faults
from gateway.simulator.requests import Received, RequestLog
from gateway.simulator.wire import Connection, HeldResponse, connection_of, hold_response, read_body
from gateway.simulator.world import World

CONTROL_PATH = "/__simulator__"
HTML_PAGE = b"<!doctype html><html><head><title>Evolux</title></head><body><h1>Evolux</h1></body></html>"
_JSON = (b"content-type", b"application/json")
_HTML = (b"content-type", b"text/html; charset=utf-8")
_NO_DATA = b'{"meta":{"status":200,"message":"OK"}}'
_DRIP_PIECES = 20


class Interference:
    """Logs each request, keeps it waiting, and lets the faults that it meets have their way."""

    def __init__(
        self, app: ASGIApp, *, world: World, faults: Faults, requests: RequestLog, latency_seconds: float
    ) -> None:
        self.app = app
        self.world = world
        self.faults = faults
        self.requests = requests
        self.latency_seconds = latency_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; what is not Evolux's own (control, lifespan) passes untouched."""
        if scope["type"] != "http" or scope["path"].startswith(CONTROL_PATH):
            await self.app(scope, receive, send)
            return
        received = self._log(scope)
        try:
            await self._serve(received, scope=scope, receive=receive, send=send)
        finally:
            self.requests.left()

    def _log(self, scope: Scope) -> Received:
        token = dict(scope["headers"]).get(b"token", b"")
        return self.requests.arrived(
            scope["method"],
            path=scope["path"],
            query=scope["query_string"].decode("latin-1"),
            token_ok=self.world.accepts(token.decode("latin-1")),
            at=self.world.clock(),
        )

    async def _serve(self, received: Received, *, scope: Scope, receive: Receive, send: Send) -> None:
        body = await read_body(receive)
        if body is None:
            return
        met = self.faults.meeting(received.method, path=received.path, page=received.page)
        release = self.faults.next_release()
        connection = connection_of(scope)
        delay_seconds = self.latency_seconds + sum(
            each.seconds for each in met if each.kind is FaultKind.DELAY
        )
        if delay_seconds > 0:
            await connection.lasts(delay_seconds)
        before = next((each for each in met if each.kind in _BEFORE), None)
        if before is not None and before.kind is FaultKind.HANG:
            if not await connection.lasts_until(release):
                return
        elif before is not None:
            await _end(before, connection=connection, send=send)
            return
        held = await hold_response(self.app, scope=scope, body=body)
        now = self.world.clock().astimezone(UTC)
        held.headers.append((b"date", format_datetime(now, usegmt=True).encode()))
        _alter(held, faults=met)
        after = next((each for each in met if each.kind in _AFTER), None)
        await _deliver(held, fault=after, connection=connection, send=send)


_BEFORE = frozenset({FaultKind.HANG, FaultKind.RESET, FaultKind.STATUS, FaultKind.HTML, FaultKind.REDIRECT})
_AFTER = frozenset(
    {FaultKind.ANSWER_LOST, FaultKind.TRUNCATED, FaultKind.DRIP, FaultKind.EMPTY, FaultKind.NO_DATA}
)


async def _end(fault: Fault, *, connection: Connection, send: Send) -> None:
    if fault.kind is FaultKind.RESET:
        await connection.reset()
    else:
        await _instead(fault).send(send)


def _instead(fault: Fault) -> HeldResponse:
    if fault.kind is FaultKind.HTML:
        return HeldResponse(headers=[_HTML], body=HTML_PAGE)
    headers = {"content-type": fault.content_type, **fault.headers}
    if fault.kind is FaultKind.REDIRECT:
        headers = {"location": fault.location}
    pairs = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    return HeldResponse(status=fault.status, headers=pairs, body=fault.body)


async def _deliver(held: HeldResponse, *, fault: Fault | None, connection: Connection, send: Send) -> None:
    if fault is None:
        await held.send(send)
    elif fault.kind is FaultKind.ANSWER_LOST:
        await connection.reset()
    elif fault.kind is FaultKind.TRUNCATED:
        half = HeldResponse(status=held.status, headers=held.headers, body=held.body[: len(held.body) // 2])
        await half.send(send, promised_bytes=len(held.body))
        await connection.close()
    elif fault.kind is FaultKind.DRIP:
        await _drip(held, seconds=fault.seconds, connection=connection, send=send)
    else:
        body = b"" if fault.kind is FaultKind.EMPTY else _NO_DATA
        await HeldResponse(headers=[_JSON], body=body).send(send)


async def _drip(held: HeldResponse, *, seconds: float, connection: Connection, send: Send) -> None:
    await held.send_head(send)
    size, began_at = max(1, -(-len(held.body) // _DRIP_PIECES)), time.monotonic()
    for start in range(0, len(held.body), size):
        due_at = began_at + seconds * min(1.0, (start + size) / len(held.body))
        while (left := due_at - time.monotonic()) > 0:  # a timer may end a little early
            if not await connection.lasts(left):
                return
        await send({"type": "http.response.body", "body": held.body[start : start + size], "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _alter(held: HeldResponse, *, faults: Iterable[Fault]) -> None:
    altering = [each for each in faults if each.kind in {FaultKind.ROWS, FaultKind.TOTAL}]
    if not altering or held.status != 200:  # noqa: PLR2004  a refusal has no rows
        return
    answer: dict[str, Any] = msgspec.json.decode(held.body)
    for fault in altering:
        if fault.rows is not None and isinstance(answer.get("data"), list):
            answer["data"] = fault.rows(answer["data"])
        if fault.total is not None and "pagination" in answer:
            true_total = answer["pagination"]["total"]
            answer["pagination"]["total"] = fault.total(true_total) if callable(fault.total) else fault.total
    held.body = msgspec.json.encode(answer)
