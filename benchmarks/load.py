"""Load on one URL: keep-alive connections that send the next request when the answer is there."""

import asyncio
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from benchmarks.queries import Query


@dataclass(frozen=True, kw_only=True)
class Load:
    """What came of it."""

    requests: int
    seconds: float
    milliseconds: list[float]

    def percentile(self, share: float) -> float:
        ordered = sorted(self.milliseconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


async def ask(url: str, *, body: bytes, key: str, path: str = "/graphql") -> bytes:
    """One request; the answer's body."""
    connection = _Connection(url, key=key, path=path)
    await connection.open()
    try:
        return await connection.ask(body)
    finally:
        connection.close()


async def load(
    url: str, *, query: Query, key: str, seconds: float, connections: int, path: str = "/graphql"
) -> Load:
    """Ask for so long over so many connections. Every answer must be 200."""
    took: list[float] = []
    number = iter(range(10**9))
    ends_at = time.perf_counter() + seconds

    async def one_after_another() -> None:
        connection = _Connection(url, key=key, path=path)
        await connection.open()
        while (begun := time.perf_counter()) < ends_at:
            await connection.ask(query.body(next(number)))
            took.append((time.perf_counter() - begun) * 1_000)
        connection.close()

    begun = time.perf_counter()
    await asyncio.gather(*(one_after_another() for _ in range(connections)))
    return Load(requests=len(took), seconds=time.perf_counter() - begun, milliseconds=took)


class _Connection:
    def __init__(self, url: str, *, key: str, path: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname, parts.port
        self._head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {key}\r\nContent-Length: "
        ).encode()

    async def open(self) -> None:
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port, limit=2**22)

    def close(self) -> None:
        self._writer.close()

    async def ask(self, body: bytes) -> bytes:
        self._writer.write(self._head + str(len(body)).encode() + b"\r\n\r\n" + body)
        head = await self._reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        return await self._reader.readexactly(int(length[15:]))
