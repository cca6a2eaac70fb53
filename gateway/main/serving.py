"""Serving on a socket: one process in place, or several that share their generations of listings."""

import gc
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any, Final, NoReturn

import uvicorn
from starlette.applications import Starlette

from gateway.cache.generations import WorkerGenerations
from gateway.main.reporting import start_telemetry
from gateway.main.service import CONFIG_VARIABLE, GENERATIONS_VARIABLE, Gateway
from gateway.settings import Settings
from gateway.web.connections import GuardedConnection
from gateway.web.socket_connections import GuardedSocket

TURN_SECONDS: Final = 0.0002
"""How long a thread that computes keeps the interpreter while the event loop waits for it.

Python's own 5 ms are fifty answers; a computing thread takes a fifth longer beside a loop that is busy
(`benchmarks.beside`).
"""
_ENVELOPE_BYTES: Final = 1_000
"""What a WebSocket's message has around an operation that is as long as a request's body may be."""


def serve(settings: Settings, *, config_path: Path) -> None:
    """Serve until a signal says stop; OSError where the address is taken."""
    signal.signal(signal.SIGTERM, _stopped)
    find_address_free(settings)
    if settings.server.workers > 1:
        _serve_by_workers(settings, config_path=config_path)
        return
    gateway = Gateway(
        settings, telemetry=start_telemetry(settings), environ=os.environ, config_path=config_path
    )
    app = gateway.app()
    settle_memory()
    settle_turns()
    uvicorn.run(app, **uvicorn_options(settings))


def find_address_free(settings: Settings) -> None:
    """Raise OSError where the address cannot be listened on: the server would end with a code of its own."""
    address = (settings.server.host, settings.server.port)
    family = socket.AF_INET6 if ":" in settings.server.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)


def settle_memory() -> None:
    """Take what was loaded so far, and stays, out of the garbage collector's rounds: they hold the loop.

    Collects from here on, also where it was off while all was being loaded.
    """
    gc.collect()
    gc.freeze()
    gc.enable()


def settle_turns() -> None:
    """Let the event loop have its turn soon where threads compute beside it."""
    sys.setswitchinterval(TURN_SECONDS)


def create_app() -> Starlette:
    """Make the application of one worker process, told by two variables what to serve."""
    gc.disable()
    app = Gateway.of_worker(os.environ).app()
    settle_memory()
    settle_turns()
    return app


def uvicorn_options(settings: Settings) -> dict[str, Any]:
    """The server's options; logs are the gateway's own."""
    server = settings.server
    return {
        "host": server.host,
        "port": server.port,
        "loop": "uvloop",
        "http": GuardedConnection,
        "ws": GuardedSocket,
        "ws_max_size": settings.limits.max_body_bytes + _ENVELOPE_BYTES,
        "ws_per_message_deflate": False,
        "lifespan": "on",
        "reset_contextvars": True,  # a pipelined request would begin in the trace of the one before it
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "timeout_keep_alive": server.keep_alive_seconds,
        "timeout_graceful_shutdown": server.shutdown_seconds,
        "ssl_certfile": server.tls_certificate_file,
        "ssl_keyfile": server.tls_key_file,
        "proxy_headers": bool(server.trusted_proxies),
        "forwarded_allow_ips": list(server.trusted_proxies),
    }


def _serve_by_workers(settings: Settings, *, config_path: Path) -> None:
    """Each worker reads the configuration itself; what the command line set travels by the environment."""
    shared = WorkerGenerations.create_file()
    os.environ[CONFIG_VARIABLE] = str(config_path)
    os.environ[GENERATIONS_VARIABLE] = str(shared)
    try:
        uvicorn.run(
            "gateway.main.serving:create_app",
            factory=True,
            workers=settings.server.workers,
            **uvicorn_options(settings),
        )
    finally:
        shared.unlink(missing_ok=True)


def _stopped(_number: int, _frame: object) -> NoReturn:
    """End with 0: the server raises SIGTERM again once it has stopped as asked, and that is no failure."""
    sys.exit(0)
