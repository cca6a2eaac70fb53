"""What telemetry costs: a cached page of 50 agents with all of it off, without traces, at 0 % and at 5 %.

Four gateways in one process over one simulator, asked through ASGI in turns of a few requests, so that what
else the machine does meets all four alike. The figures are processor time, exporting threads included; only
the ratios mean something. The HTTP server's own share is left out, so that over a socket each is smaller.
`python -m benchmarks.telemetry_cost [SECONDS]` takes that long (30) and a few seconds to start.
"""

import asyncio
import gc
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from benchmarks.served import KEY, QUERY, TOKEN, write_config
from gateway.main.service import Gateway
from gateway.settings import Settings, load_settings
from gateway.simulator.server import running
from gateway.simulator.world import World
from gateway.telemetry.telemetry import Telemetry

OFF, UNTRACED, AT_0, AT_5 = "all off", "no traces", "at 0 %", "at 5 %"
RATIOS = {AT_0: 0.0, AT_5: 0.05}
AGENTS, TURN = 200, 20
BODY = json.dumps({"query": QUERY}).encode()
HEADERS = [
    (b"authorization", f"Bearer {KEY}".encode()),
    (b"content-type", b"application/json"),
    (b"x-tenant", b"t0"),
]
COLLECTOR = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
class Taking(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200); self.send_header("Content-Length", "0"); self.end_headers()
    def log_message(self, *_): pass
HTTPServer(("127.0.0.1", int(sys.argv[1])), Taking).serve_forever()
"""


def telemetry_of(mode: str, *, otlp: str) -> Telemetry:
    """The telemetry of one mode; its lines go nowhere."""
    if mode == OFF:
        return Telemetry.off()
    return Telemetry.start(
        "benchmark",
        otlp_endpoint=otlp if mode in RATIOS else "",
        sample_ratio=RATIOS.get(mode, 0.0),
        log_format="json",
        log_stream=Path(os.devnull).open("w", encoding="utf-8"),
    )


async def ask(app: Any) -> None:
    """One request through the whole application."""
    body, sent = [{"type": "http.request", "body": BODY, "more_body": False}], []

    async def receive() -> dict[str, Any]:
        return body.pop() if body else await asyncio.sleep(3_600, {"type": "http.disconnect"})

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": "/graphql", "raw_path": b"/graphql", "query_string": b"", "root_path": "", "headers": HEADERS,
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2), "state": {},
    }  # fmt: skip
    await app(scope, receive, send)
    assert sent[0]["status"] == 200, sent


async def compare(settings: Settings, *, otlp: str, seconds: float) -> dict[str, list[float]]:
    """Microseconds of each mode's turns."""
    costs: defaultdict[str, list[float]] = defaultdict(list)
    modes = (OFF, UNTRACED, AT_0, AT_5)
    async with AsyncExitStack() as stack:
        apps = {}
        for mode in modes:
            gateway = Gateway(settings, telemetry=telemetry_of(mode, otlp=otlp), environ={})
            apps[mode] = gateway.app()
            await stack.enter_async_context(apps[mode].router.lifespan_context(apps[mode]))
            for _ in range(200):
                await ask(apps[mode])
        gc.collect()
        gc.freeze()
        ends_at = time.monotonic() + seconds
        while time.monotonic() < ends_at:
            modes = modes[1:] + modes[:1]
            for mode in modes:
                begun = time.process_time()
                for _ in range(TURN):
                    await ask(apps[mode])
                costs[mode].append((time.process_time() - begun) / TURN * 1e6)
    return costs


async def main(seconds: float) -> None:
    """Print the table."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    collector = subprocess.Popen([sys.executable, "-c", COLLECTOR, str(port)])  # noqa: S603, ASYNC220 - our own words, before anything runs
    try:
        with tempfile.TemporaryDirectory() as folder:
            async with running(World.seeded(AGENTS, token=TOKEN)) as simulator:
                lasting = "fresh_seconds = 600\nstale_if_error_seconds = 900"
                tenants = {"t0": simulator.base_url}
                config = write_config(Path(folder), tenants=tenants, cache=lasting)
                settings = load_settings(config, environ={})
                costs = await compare(settings, otlp=f"http://127.0.0.1:{port}", seconds=seconds)
    finally:
        collector.terminate()
        collector.wait()
    print(f"Cached page of 50 agents through ASGI, {len(costs[OFF])} turns of {TURN} requests each:")
    print("telemetry    us CPU/request   throughput to all off   to no traces   (lower quartile; least)")
    low = {mode: statistics.quantiles(told, n=4)[0] for mode, told in costs.items()}
    for mode in (OFF, UNTRACED, AT_0, AT_5):
        least = min(costs[OFF]) / min(costs[mode])
        print(f"{mode:10} {low[mode]:16,.0f} {low[OFF] / low[mode]:21.1%} {low[UNTRACED] / low[mode]:16.1%}"
              f"   {least:.1%}")  # fmt: skip


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]) if len(sys.argv) > 1 else 30))
