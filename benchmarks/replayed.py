"""An Evolux that says again what another once said: `python -m benchmarks.replayed PORT URL`.

Making a page takes the simulator milliseconds of the core that keeps the load's pace; sending ready bytes
takes none.
"""

import asyncio
import http.client
import sys
from typing import Any
from urllib.parse import urlsplit

import uvloop

_HEAD_ENDS = b"\r\n\r\n"


class _Replaying(asyncio.Protocol):
    """One connection of GETs; an answer is asked for when it is wanted for the first time."""

    def __init__(self, url: str, known: dict[bytes, bytes]) -> None:
        self._url, self._known = urlsplit(url), known
        self._unread = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        *heads, self._unread = (self._unread + data).split(_HEAD_ENDS)
        for head in heads:
            path, _, rest = head.partition(b" HTTP/1.1\r\n")
            if path not in self._known:
                self._known[path] = self._ask(path, rest)
            self._transport.write(self._known[path])

    def _ask(self, asked: bytes, rest: bytes) -> bytes:
        method, path = asked.decode().split(" ")
        headers = dict(line.split(": ", 1) for line in rest.decode("latin-1").split("\r\n"))
        connection = http.client.HTTPConnection(self._url.hostname or "", self._url.port, timeout=10)
        connection.request(method, path, headers=headers | {"Accept-Encoding": "identity"})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        date, kind = answer.headers["Date"], answer.headers["Content-Type"]
        head = f"HTTP/1.1 {answer.status} .\r\nDate: {date}\r\nContent-Type: {kind}\r\n"
        return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def main(port: int, url: str) -> None:
    """Answer until the process is ended."""
    known: dict[bytes, bytes] = {}
    server = await asyncio.get_running_loop().create_server(lambda: _Replaying(url, known), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), sys.argv[2]))
