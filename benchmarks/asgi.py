"""The gateway's application in this process, asked without a socket."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Self
from unittest.mock import patch

from benchmarks.served import KEY, write_config
from gateway.main import edge
from gateway.main.reporting import start_telemetry
from gateway.main.service import Gateway
from gateway.schema.planning import build_executor
from gateway.settings import load_settings
from gateway.web.connections import AT_ONCE_KEY
from gateway.web.notes import open_notes

Ask = Callable[[], Awaitable[None]]


@contextmanager
def application(
    folder: Path,
    *,
    evolux: str,
    otlp: str | None,
    cache: str = "fresh_seconds = 5.0",
    remembers: bool = True,
) -> Iterator[Any]:
    """The gateway as shipped, its lines going to a file; the ASGI application.

    Without `otlp` it exports nothing; without `remembers` it holds neither whole answers nor bytes of rows.
    """
    telemetry = f'otlp_endpoint = "{otlp}"\nsample_ratio = 0.05' if otlp else ""
    settings = load_settings(
        write_config(folder, tenants={"t0": evolux}, cache=cache, telemetry=telemetry), environ={}
    )
    forgetful = partial(build_executor, max_answer_bytes=0, max_fragment_bytes=0)
    lines = sys.stderr
    with (folder / "lines").open("w", encoding="utf-8") as told:
        sys.stderr = told
        try:
            with patch.object(edge, "build_executor", build_executor if remembers else forgetful):
                app = Gateway(settings, telemetry=start_telemetry(settings), environ={}).app()
            yield app
        finally:
            sys.stderr = lines


class Running:
    """An application whose lifespan has begun."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._state: dict[str, Any] = {}
        self._told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        begun = asyncio.Event()

        async def send(message: Any) -> None:
            if message["type"] == "lifespan.startup.complete":
                begun.set()

        self._told.put_nowait({"type": "lifespan.startup"})
        scope = {"type": "lifespan", "state": self._state, "asgi": {"version": "3.0"}}
        self._life = asyncio.create_task(self._app(scope, self._told.get, send))
        await begun.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._told.put_nowait({"type": "lifespan.shutdown"})
        await self._life

    def layers(self) -> list[tuple[str, Any]]:
        """From the outermost inwards, by class, as far as each has one within."""
        found, layer = [("Starlette", self._app)], self._app.middleware_stack
        while layer is not None and type(layer).__name__ != "method":
            found.append((type(layer).__name__, layer))
            layer = next(
                (getattr(layer, name) for name in ("app", "_app") if getattr(layer, name, None) is not None),
                None,
            )
        return found

    @property
    def at_once(self) -> Any:
        """Who answers from a connection's callback."""
        _, answers = self._state[AT_ONCE_KEY]
        return answers

    def layer(self, name: str) -> Any:
        """The one of this class."""
        return dict(self.layers())[name]

    def scope(self, path: str, *, method: str, body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
        """A request's scope as the server makes it."""
        path, _, query = path.partition("?")
        given = {"host": "127.0.0.1", "content-type": "application/json", "authorization": f"Bearer {KEY}"}
        given |= {"content-length": str(len(body)), **headers}
        return {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method,
            "scheme": "http", "path": path, "raw_path": path.encode(), "query_string": query.encode(),
            "root_path": "", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2),
            "headers": [(name.encode(), value.encode()) for name, value in given.items()],
            "state": dict(self._state),
        }  # fmt: skip

    async def ask(
        self, path: str = "/graphql", *, method: str = "POST", body: bytes = b"", **headers: str
    ) -> bytes:
        """Ask the whole of it; the answer's body, which has to be 200."""
        scope = self.scope(path, method=method, body=body, headers=headers)
        received: list[bytes] = []
        await _answered(self._app, scope, body=body, received=received)
        return b"".join(received)

    def asking(self, layer: Any, *, body: bytes, method: str = "POST", path: str = "/graphql") -> Ask:
        """Ask one layer the same again and again."""
        headers = self.scope(path, method=method, body=body, headers={})["headers"]

        async def one() -> None:
            scope = self.scope(path, method=method, body=body, headers={}) | {"headers": headers}
            open_notes(scope, request_id="request")
            await _answered(layer, scope, body=body, received=[])

        return one


async def _answered(layer: Any, scope: dict[str, Any], *, body: bytes, received: list[bytes]) -> None:
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Any:
        return messages.pop() if messages else await asyncio.Event().wait()

    async def send(message: Any) -> None:
        assert message.get("status", 200) == 200, message
        received.append(message.get("body", b""))

    await layer(scope, receive, send)
