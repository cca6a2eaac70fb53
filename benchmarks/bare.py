"""The ceiling: an ASGI app that sends the file that the path names, of the folder BENCHMARK_ANSWERS.

`at_once` sends the first of them from the connection's callback: what the gateway's connection costs alone.
"""

import os
from pathlib import Path
from typing import Any

from gateway.web.connections import AT_ONCE_KEY


def _messages(body: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    start = {"type": "http.response.start", "status": 200, "headers": headers}
    return start, {"type": "http.response.body", "body": body}


ANSWERS = {
    f"/{file.stem}": _messages(file.read_bytes()) for file in Path(os.environ["BENCHMARK_ANSWERS"]).iterdir()
}


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Read the request, send the bytes."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    start, rest = ANSWERS[scope["path"]]
    await send(start)
    await send(rest)


async def at_once(scope: Any, receive: Any, send: Any) -> None:
    """The same for a server whose connections ask for answers at once."""
    if scope["type"] != "lifespan":
        await app(scope, receive, send)
        return
    path, (start, rest) = next(iter(ANSWERS.items()))
    head = b"".join(b"%b: %b\r\n" % header for header in start["headers"])
    parts = (head + b"\r\n", rest["body"])
    await receive()
    scope["state"][AT_ONCE_KEY] = (path.encode(), lambda _scope, _body: parts)
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})
