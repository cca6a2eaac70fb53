"""Load on one URL: keep-alive connections that send the next request when the answer is there.

By wrk where it is installed, else by Python, which takes more of the load's core and so reaches less.
"""

import asyncio
import re
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from urllib.parse import urlsplit

from benchmarks.queries import AGENT, NUMBER, Query
from benchmarks.served import KEY

HEADERS: Final = {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"}
_MS: Final = {"us": 0.001, "ms": 1.0, "s": 1_000.0, "m": 60_000.0}


class Failed(Exception):
    """An answer was not 200."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """What came of it."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds


def load(url: str, *, query: Query, seconds: float, connections: int) -> Load:
    """Ask for so long over so many connections; `Failed` where an answer is not 200."""
    if shutil.which("wrk"):
        return _by_wrk(url, query=query, seconds=seconds, connections=connections)
    return asyncio.run(_by_python(url, query=query, seconds=seconds, connections=connections))


def percentile(values: list[float], share: float) -> float:
    """The value below which this share of them is."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def _by_wrk(url: str, *, query: Query, seconds: float, connections: int) -> Load:
    """Bounded by wrk's whole seconds; it says itself how long it took."""
    with TemporaryDirectory() as name:
        script = Path(name) / "ask.lua"
        script.write_text(_script(query), encoding="utf-8")
        bounds = ("-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "60s", "--latency")
        command = ["wrk", *bounds, "-s", str(script), url]
        told = subprocess.run(command, check=True, text=True, capture_output=True).stdout  # noqa: S603 - our own words
    if "Non-2xx" in told or re.search(r"Socket errors: .*[1-9]", told):
        raise Failed(told)
    counted = re.search(r"(\d+) requests in ([\d.]+)(us|ms|s|m)", told)
    shown = {share: re.search(rf"{share}%\s+([\d.]+)(us|ms|s|m)", told) for share in (50, 99)}
    assert counted, told
    p50, p99 = (float(found[1]) * _MS[found[2]] for found in shown.values() if found)
    return Load(
        requests=int(counted[1]), seconds=float(counted[2]) * _MS[counted[3]] / 1_000, p50_ms=p50, p99_ms=p99
    )


def _script(query: Query) -> str:
    heads = "".join(f'wrk.headers["{name}"] = "{value}"\n' for name, value in HEADERS.items())
    body = query.template()
    assert "]==]" not in body
    if not query.ids:
        return f'wrk.method = "POST"\n{heads}wrk.body = [==[{body}]==]\n'
    return (
        f'wrk.method = "POST"\n{heads}local template, number = [==[{body}]==], 0\n'
        "request = function()\n  number = number + 1\n"
        f"  local body = template:gsub('{NUMBER}', number):gsub('{AGENT}', number % {query.ids} + 1)\n"
        "  return wrk.format(nil, nil, nil, body)\nend\n"
    )


async def _by_python(url: str, *, query: Query, seconds: float, connections: int) -> Load:
    took: list[float] = []
    number = iter(range(1, 10**9))
    ends_at = time.perf_counter() + seconds

    async def one_after_another() -> None:
        connection = Connection(url)
        await connection.open()
        while (begun := time.perf_counter()) < ends_at:
            await connection.ask(query.body(next(number)))
            took.append((time.perf_counter() - begun) * 1_000)
        connection.close()

    begun = time.perf_counter()
    await asyncio.gather(*(one_after_another() for _ in range(connections)))
    spent = time.perf_counter() - begun
    return Load(
        requests=len(took), seconds=spent, p50_ms=percentile(took, 0.5), p99_ms=percentile(took, 0.99)
    )


async def ask(url: str, *, body: bytes, headers: Mapping[str, str] | None = None) -> bytes:
    """One request; the answer's body."""
    connection = Connection(url, headers=headers)
    await connection.open()
    try:
        return await connection.ask(body)
    finally:
        connection.close()


class Connection:
    """Asks one request after another."""

    def __init__(self, url: str, *, headers: Mapping[str, str] | None = None) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname, parts.port
        given = {"Host": "127.0.0.1", **HEADERS, **(headers or {})}
        lines = [f"POST {parts.path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items())]
        self._head = "\r\n".join([*lines, "Content-Length: "]).encode()

    async def open(self) -> None:
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port, limit=2**22)

    def close(self) -> None:
        self._writer.close()

    async def ask(self, body: bytes) -> bytes:
        self._writer.write(self._head + str(len(body)).encode() + b"\r\n\r\n" + body)
        head = await self._reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise Failed(head.decode("latin-1"))
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        return await self._reader.readexactly(int(length[15:]))
