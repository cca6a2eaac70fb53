"""The servers that `make bench` measures: each a process on the server's core, ready to be asked."""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.served import TOKEN, free_port, process, write_config
from tests.node import install

MERCURIUS: Final = Path(__file__).parent / "mercurius"
COLLECTOR: Final = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
class Taking(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200); self.send_header("Content-Length", "0"); self.end_headers()
    def do_GET(self):
        self.send_response(200); self.send_header("Content-Length", "0"); self.end_headers()
    def log_message(self, *_): pass
HTTPServer(("127.0.0.1", int(sys.argv[1])), Taking).serve_forever()
"""


@dataclass(frozen=True, kw_only=True)
class Server:
    """One that runs: its address without a path, the path of GraphQL, and its process."""

    url: str
    path: str
    pid: int

    def address(self, label: str) -> str:
        """Where the query of this label is asked."""
        return self.url + self.path.format(label=label.replace(" ", "_"))


@contextmanager
def collector() -> Iterator[str]:
    """Takes exported traces and metrics and forgets them."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with process(sys.executable, "-c", COLLECTOR, str(port), ready=url):
        yield url


@contextmanager
def replayed(evolux: str, *, changing: bool = False) -> Iterator[str]:
    """An Evolux that says again what this one said; gives its base URL.

    Of one that is `changing` one agent in ten is another each time.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    how = ("--changing",) if changing else ()
    with process(sys.executable, "-m", "benchmarks.replayed", str(port), evolux, *how, ready=url):
        yield url


@contextmanager
def gateway(
    folder: Path,
    *,
    evolux: str,
    otlp: str | None,
    core: int | None,
    forgets: str | None = None,
    sample_ratio: float = 0.05,
    tenants: Mapping[str, str] | None = None,
    program: tuple[str, ...] = ("gateway",),
) -> Iterator[Server]:
    """The gateway as shipped: authentication, limits, access lines, traces of 5 % where `otlp` takes them.

    Its lines go to a file. `tenants` are the Evolux of each, where it has more than one. `forgets` is what
    benchmarks/afresh.py lets it forget.
    """
    own = folder / (forgets or ("shipped" if otlp else "untraced"))
    own.mkdir(parents=True)
    config = write_config(
        own,
        tenants=dict(tenants or {"t0": evolux}),
        scopes='"agents:read", "agents:write"',
        telemetry=f'otlp_endpoint = "{otlp}"\nsample_ratio = {sample_ratio}' if otlp else "",
    )
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    if forgets is not None:
        program = ("benchmarks.afresh", forgets)
    command = (sys.executable, "-m", *program, "serve", "--config", str(config), "--port", str(port))
    with process(*command, ready=f"{url}/readyz", core=core, lines=own / "lines") as running:
        yield Server(url=url, path="/graphql", pid=running.pid)


@contextmanager
def _uvicorn(
    app: str, *, path: str, environ: Mapping[str, str], core: int | None, http: str = "auto"
) -> Iterator[Server]:
    """An ASGI app on uvicorn as it is usually started."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = (sys.executable, "-m", "uvicorn", app, "--port", str(port), "--no-access-log", "--http", http)
    with process(*command, ready=url, environ=dict(environ), core=core) as running:
        yield Server(url=url, path=path, pid=running.pid)


@contextmanager
def usual_stack(*, evolux: str, core: int | None, fresh_seconds: float = 5.0) -> Iterator[Server]:
    """Strawberry on Starlette with httpx and a TTL cache."""
    environ = {
        "BENCHMARK_EVOLUX": evolux,
        "BENCHMARK_TOKEN": TOKEN,
        "BENCHMARK_FRESH_SECONDS": str(fresh_seconds),
    }
    with _uvicorn("benchmarks.strawberry_stack:app", path="/graphql/", environ=environ, core=core) as server:
        yield server


@contextmanager
def bare(
    answers: Mapping[str, bytes],
    *,
    folder: Path,
    core: int | None,
    http: str = "auto",
    app: str = "app",
) -> Iterator[Server]:
    """The ceiling: it sends these answers, by label."""
    own = folder / "bodies"
    own.mkdir(exist_ok=True)
    for label, answer in answers.items():
        (own / f"{label.replace(' ', '_')}.json").write_bytes(answer)
    environ = {"BENCHMARK_ANSWERS": str(own)}
    with _uvicorn(f"benchmarks.bare:{app}", path="/{label}", environ=environ, core=core, http=http) as server:
        yield server


def install_mercurius() -> str | None:
    """Install what its lock names; why it cannot be measured, if so."""
    if not (shutil.which("npm") and shutil.which("node")):
        return "node and npm are not here"
    try:
        install(MERCURIUS)
    except (AssertionError, OSError, subprocess.SubprocessError) as failure:
        return f"its packages could not be installed: {str(failure).strip().splitlines()[-1]}"
    return None


@contextmanager
def mercurius(*, evolux: str, core: int | None) -> Iterator[Server]:
    """Mercurius with its JIT over rows in memory."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environ = {
        "PORT": str(port),
        "BENCHMARK_EVOLUX": evolux,
        "BENCHMARK_TOKEN": TOKEN,
        "NODE_ENV": "production",
    }
    command = ("node", str(MERCURIUS / "server.mjs"))
    with process(*command, ready=url, environ=environ, core=core) as running:
        yield Server(url=url, path="/graphql", pid=running.pid)
