"""The real `gateway` command as a process of its own, on a port of the system's choosing."""

import asyncio
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import httpx

from tests.leak_net import NET

KEY = "planted-key-of-a-process"
START_SECONDS = 30.0
"""For a machine that does much else meanwhile; the start itself is held to 2 s by a test of its own."""


@dataclass(kw_only=True)
class GatewayProcess:
    """A process that serves; `stop` ends it as Kubernetes would."""

    process: asyncio.subprocess.Process
    port: int
    scheme: str = "http"

    @property
    def base_url(self) -> str:
        """Where it listens."""
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def terminate(self) -> None:
        """Ask it to stop, and do not wait."""
        self.process.send_signal(signal.SIGTERM)

    async def stop(self) -> int:
        """Ask it to stop; gives its exit code."""
        if self.process.returncode is None:
            self.terminate()
        return await asyncio.wait_for(self.process.wait(), START_SECONDS)


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port: int = chosen.getsockname()[1]
        return port


def write_config(folder: Path, *, base_url: str, token: str, server: Mapping[str, object]) -> Path:
    """A configuration of one tenant, acme, whose caller KEY may do everything."""
    lines = [f"{key} = {str(value).lower()}" for key, value in server.items()]
    path = folder / "gateway.toml"
    path.write_text(
        "\n".join(
            [
                "[server]",
                *lines,
                "[tenants.acme]",
                f'base_url = "{base_url}"',
                f'token = "{token}"',
                "[callers.load]",
                f'key_sha256 = "{sha256(KEY.encode()).hexdigest()}"',
                'tenants = ["acme"]',
                'scopes = ["agents:read", "agents:write"]',
                "[limits]",
                "caller_requests_per_second = 100000.0",
                "caller_burst = 100000",
            ]
        ),
        encoding="utf-8",
    )
    return path


@asynccontextmanager
async def gateway_process(
    config: Path,
    *,
    port: int | None = None,
    scheme: str = "http",
    command: Sequence[str] = (sys.executable, "-m", "gateway"),
    environ: Mapping[str, str] | None = None,
) -> AsyncIterator[GatewayProcess]:
    """Run `gateway serve` until it is ready; whatever still runs at the end is killed."""
    port = free_port() if port is None else port
    log = config.with_name(f"gateway-{port}.log")
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *command, "serve", "--config", str(config), "--port", str(port),
            stdout=output, stderr=output, env=environ,
        )  # fmt: skip
    running = GatewayProcess(process=process, port=port, scheme=scheme)
    try:
        await until_ready(running.base_url, process=process, log=log)
        yield running
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        NET.look("output", log.read_bytes())


async def until_ready(base_url: str, *, process: asyncio.subprocess.Process, log: Path) -> None:
    """Return once `/readyz` says 200; AssertionError with the log where the process ends first."""
    deadline = time.monotonic() + START_SECONDS
    async with httpx.AsyncClient(trust_env=False, verify=False) as client:  # noqa: S501 - its own certificate
        while time.monotonic() < deadline:
            assert process.returncode is None, _words_in(log)
            try:
                if (await client.get(f"{base_url}/readyz")).status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                await asyncio.sleep(0.02)
    raise AssertionError(_words_in(log))


def _words_in(log: Path) -> str:
    return log.read_text(encoding="utf-8")
