"""The ceiling: an ASGI app that sends the file that the path names, of the folder BENCHMARK_ANSWERS."""

import os
from pathlib import Path
from typing import Any


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
