"""Latency at a steady pace: requests are due at fixed times, and waiting for a free connection counts.

The pace is kept by a loop that never sleeps, on the load's core, so that each instant is hit. Where the
system takes the core from it, the pace stands still with it: what would have been due is not sent all at
once afterwards.
"""

import asyncio
import gc
import time
from collections import deque
from collections.abc import Iterable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import uvloop

from benchmarks.load import HEADERS, Failed, load, percentile
from benchmarks.queries import Query

CONNECTIONS: Final = 32
_PATIENCE: Final = 3
_SAME_SPEED: Final = 0.15
"""By how much of itself the most may differ from one second to another a few seconds later."""
_STOOD_STILL_SECONDS: Final = 0.0005
"""A loop that never waits takes no step as long as this unless it is kept from running."""


@dataclass(frozen=True, kw_only=True)
class Paced:
    """Milliseconds from when requests were due until their answers were whole, in one window."""

    per_second: float
    p50_ms: float
    p99_ms: float

    @property
    def spread(self) -> float:
        return self.p99_ms / self.p50_ms


def window(url: str, *, query: Query, per_second: float, seconds: float) -> Paced:
    """Ask at that pace for so long; `TooBusy` where the server does not keep up."""
    took_ms = uvloop.run(_window(url, body=query.body(), per_second=per_second, seconds=seconds))
    paced = Paced(per_second=per_second, p50_ms=percentile(took_ms, 0.5), p99_ms=percentile(took_ms, 0.99))
    if paced.p50_ms > 1_000 * CONNECTIONS / per_second:  # most waited for a connection
        raise TooBusy
    return paced


def half_load(
    url: str, *, query: Query, seconds: float, settings: Iterable[AbstractContextManager[bool]]
) -> list[Paced | None]:
    """A window at half of the most that the server does now, in each of some settings of the system.

    The most is measured before each window and after it. None where both differ, so that nobody knows what
    half of it was, where the server did not keep up, and where a setting is not to be had (it gives False).
    """
    found: list[Paced | None] = []
    before = _most(url, query=query)
    for setting in settings:
        paced = None
        with setting as is_so:
            if is_so:
                with suppress(TooBusy):
                    paced = window(url, query=query, per_second=before / 2, seconds=seconds)
        after = _most(url, query=query)
        found.append(paced if abs(after / before - 1) < _SAME_SPEED else None)
        before = after
    return found


def _most(url: str, *, query: Query) -> float:
    return load(url, query=query, seconds=1, connections=CONNECTIONS // 2).per_second


class TooBusy(Exception):
    """Answers did not come at the pace of the requests."""


class _Line(asyncio.Protocol):
    """One connection with at most one request under way."""

    def __init__(self, free: "deque[_Line]", took_ms: list[float]) -> None:
        self._free, self._took_ms = free, took_ms
        self._received, self._whole, self._due_at = 0, 0, 0.0

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._free.append(self)

    def ask(self, request: bytes, *, due_at: float) -> None:
        self._due_at = due_at
        self._received = self._whole = 0
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        if not self._whole:
            head, _, _ = data.partition(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise Failed(head.decode("latin-1"))
            _, _, after = head.lower().partition(b"content-length:")
            self._whole = len(head) + 4 + int(after.split(b"\r\n", 1)[0])
        self._received += len(data)
        if self._received >= self._whole:
            self._took_ms.append((time.perf_counter() - self._due_at) * 1_000)
            self._free.append(self)


async def _window(url: str, *, body: bytes, per_second: float, seconds: float) -> list[float]:
    loop = asyncio.get_running_loop()
    parts = urlsplit(url)
    free: deque[_Line] = deque()
    took_ms: list[float] = []
    lines = [
        (await loop.create_connection(lambda: _Line(free, took_ms), parts.hostname, parts.port))[0]
        for _ in range(CONNECTIONS)
    ]
    request = _request(parts.path, body=body)
    gc.collect()
    gc.disable()
    try:
        await _keep_pace(free, request=request, per_second=per_second, seconds=seconds, took_ms=took_ms)
    finally:
        gc.enable()
        for line in lines:
            line.close()
    return took_ms


def _request(path: str, *, body: bytes) -> bytes:
    given = {"Host": "127.0.0.1", **HEADERS, "Content-Length": str(len(body))}
    head = "\r\n".join([f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items())])
    return head.encode() + b"\r\n\r\n" + body


async def _keep_pace(
    free: deque[_Line], *, request: bytes, per_second: float, seconds: float, took_ms: list[float]
) -> None:
    number, whole = 0, int(per_second * seconds)
    begun = last = time.perf_counter()
    ends_at = begun + seconds * _PATIENCE
    while len(took_ms) < whole:
        now = time.perf_counter()
        if now - last > _STOOD_STILL_SECONDS:
            begun += now - last
        last = now
        due_at = begun + number / per_second
        if number < whole and free and now >= due_at:
            free.popleft().ask(request, due_at=due_at)
            number += 1
        else:
            await asyncio.sleep(0)
        if now > ends_at:
            raise TooBusy
