"""HTTP by hand: bytes out, bytes in, so that a request can be as wrong as it likes."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class RawAnswer:
    """What came back until the connection was idle or closed."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def codes(self) -> list[str]:
        """The codes of the answer's errors; none where it is not one of GraphQL."""
        if not self.headers.get("content-type", "").startswith("application/"):
            return []
        return [one["extensions"]["code"] for one in self.json.get("errors", [])]


def request(
    method: str = "POST", path: str = "/graphql", *, headers: dict[str, str] | None = None, body: bytes = b""
) -> bytes:
    """The bytes of one request; a body brings its length unless the headers say something else."""
    given = {"Host": "gateway", **(headers or {})}
    named = {name.lower() for name in given}
    if body and not named & {"content-length", "transfer-encoding"}:
        given["Content-Length"] = str(len(body))
    head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("utf-8", "surrogateescape") + body


async def exchange(port: int, sent: bytes, *, seconds: float = 10, shut: bool = False) -> RawAnswer | None:
    """Send the bytes and read one answer; None where the connection is closed without one."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
    try:
        async with asyncio.timeout(seconds):
            writer.write(sent)
            if shut:
                writer.write_eof()
            return await _read(reader)
    finally:
        writer.transport.abort()


async def _read(reader: asyncio.StreamReader) -> RawAnswer | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    first, *lines = head.decode("latin-1").strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    length = int(headers.get("content-length", "0"))
    body = await reader.readexactly(length)
    return RawAnswer(status=int(first.split()[1]), headers=headers, body=body)
