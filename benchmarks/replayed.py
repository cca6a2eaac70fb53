"""An Evolux that says again what another once said: `python -m benchmarks.replayed PORT URL [--changing]`.

Making a page takes the simulator milliseconds of the core that keeps the load's pace; sending ready bytes
takes none. With `--changing` one agent in ten of a page has another login each time that it is asked for.
"""

import asyncio
import http.client
import sys
from collections import Counter
from typing import Any
from urllib.parse import urlsplit

import uvloop

_HEAD_ENDS = b"\r\n\r\n"
_CHANGES = b'"login":"'
_ONE_IN = 10


class _Replaying(asyncio.Protocol):
    """One connection of GETs; an answer is asked for when it is wanted for the first time."""

    def __init__(self, url: str, known: dict[bytes, bytes], asked: Counter[bytes] | None) -> None:
        self._url, self._known, self._asked = urlsplit(url), known, asked
        self._unread = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        *heads, self._unread = (self._unread + data).split(_HEAD_ENDS)
        for head in heads:
            path, _, rest = head.partition(b" HTTP/1.1\r\n")
            if path not in self._known:
                self._known[path] = self._ask(path, rest)
            elif self._asked is not None:
                self._known[path] = changed(self._known[path], times=self._asked[path])
                self._asked[path] += 1
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


def changed(answer: bytes, *, times: int) -> bytes:
    """The answer with another first character in the login of one agent in ten, other ones each time."""
    rows = answer.split(_CHANGES)
    for at in range(1 + times % _ONE_IN, len(rows), _ONE_IN):
        rows[at] = b"%d" % (times // _ONE_IN % 10) + rows[at][1:]
    return _CHANGES.join(rows)


async def main(port: int, url: str, *, changing: bool) -> None:
    """Answer until the process is ended."""
    known: dict[bytes, bytes] = {}
    asked = Counter[bytes]() if changing else None
    server = await asyncio.get_running_loop().create_server(
        lambda: _Replaying(url, known, asked), "127.0.0.1", port
    )
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), sys.argv[2], changing="--changing" in sys.argv))
