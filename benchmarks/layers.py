"""What each layer of one cached request costs: the application is peeled, layer by layer, and asked the same.

`python -m benchmarks.layers` takes some seconds. Processor time in process, best of some batches; a layer's
cost is that of the stack with it less that of the stack without it, so that they add up to the whole.
"""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from benchmarks.queries import QUERIES
from benchmarks.served import KEY, simulator, write_config
from gateway.main.service import Gateway, start_telemetry
from gateway.settings import load_settings
from gateway.web.notes import open_notes

ROUNDS, ASKED = 25, 40

Ask = Callable[[], Awaitable[None]]


class Stack:
    """The application with its lifespan begun, and each of its layers to be asked by itself."""

    def __init__(self, app: Any, body: bytes) -> None:
        self._app, self._body = app, body
        self._state: dict[str, Any] = {}
        self._told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def begin(self) -> None:
        begun = asyncio.Event()

        async def send(message: Any) -> None:
            if message["type"] == "lifespan.startup.complete":
                begun.set()

        self._told.put_nowait({"type": "lifespan.startup"})
        scope = {"type": "lifespan", "state": self._state, "asgi": {"version": "3.0"}}
        self._life = asyncio.create_task(self._app(scope, self._told.get, send))
        await begun.wait()

    async def end(self) -> None:
        self._told.put_nowait({"type": "lifespan.shutdown"})
        await self._life

    def layers(self) -> list[tuple[str, Any]]:
        """From the outermost to the router, by class."""
        found, layer = [], self._app.middleware_stack
        while layer is not None and type(layer).__name__ != "method":
            found.append((type(layer).__name__, layer))
            layer = getattr(layer, "app", None) or getattr(layer, "_app", None)
        return found

    def ask(self, layer: Any) -> Ask:
        headers = [
            (b"host", b"127.0.0.1"),
            (b"content-type", b"application/json"),
            (b"authorization", f"Bearer {KEY}".encode()),
            (b"content-length", str(len(self._body)).encode()),
        ]

        async def one() -> None:
            waiting = [{"type": "http.request", "body": self._body, "more_body": False}]

            async def receive() -> Any:
                return waiting.pop() if waiting else await asyncio.Event().wait()

            async def send(message: Any) -> None:
                assert message.get("status", 200) == 200

            scope = {
                "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST",
                "scheme": "http", "path": "/graphql", "raw_path": b"/graphql", "query_string": b"",
                "root_path": "", "headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2),
                "state": dict(self._state),
            }  # fmt: skip
            open_notes(scope, request_id="request")
            await layer(scope, receive, send)

        return one


async def measure(gateway: Gateway) -> list[tuple[str, float]]:
    """Microseconds of processor time by layer with all that is within it: the best of many rounds."""
    stack = Stack(gateway.app(), QUERIES["Q2"].body())
    await stack.begin()
    asks = {name: stack.ask(layer) for name, layer in stack.layers()}
    best = dict.fromkeys(asks, float("inf"))
    for _ in range(ROUNDS):
        for name, ask in asks.items():
            begun = time.process_time()
            for _ in range(ASKED):
                await ask()
            best[name] = min(best[name], (time.process_time() - begun) / ASKED * 1e6)
    await stack.end()
    return list(best.items())


def main() -> None:
    with tempfile.TemporaryDirectory() as name, simulator(agents=600) as evolux:
        config = write_config(Path(name), tenants={"t0": evolux})
        config.write_text(
            config.read_text("utf-8").replace('log_level = "error"', 'log_level = "info"'), "utf-8"
        )
        settings = load_settings(config, environ={})
        lines, sys.stderr = sys.stderr, open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - access lines
        try:
            costs = asyncio.run(measure(Gateway(settings, telemetry=start_telemetry(settings), environ={})))
        finally:
            sys.stderr = lines
    print("layer                      us CPU   share")
    for (layer, cost), inner in zip(costs, [*(cost for _, cost in costs[1:]), 0.0], strict=True):
        print(f"{layer:24} {cost - inner:8.1f} {(cost - inner) / costs[0][1]:7.0%}")
    print(f"{'in all':24} {costs[0][1]:8.1f}")


if __name__ == "__main__":
    main()
