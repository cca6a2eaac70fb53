# ruff: noqa: S310, S603, S607 - URLs and command lines are this folder's own
"""Processes that the delivery benchmarks start: a simulator, a server, wrk against it; all on 127.0.0.1."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

KEY, TOKEN = "key-of-the-benchmark", "token-of-the-benchmark"
_HAS_CLASSES = hasattr(os, "sched_setscheduler") and Path("/proc/self/task").is_dir()
QUERY = "{ agents(first: 50) { nodes { id name state queues { id name } } totalCount } }"


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What wrk saw of one server."""

    requests_per_second: float
    p99_ms: float
    failed: int


def free_port() -> int:
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port: int = chosen.getsockname()[1]
        return port


def keep_to(core: int | None, *, pid: int = 0) -> None:
    """Let a process run on this core alone, where there are several and the system can; 0 is this one."""
    if core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(pid, {core})


@contextlib.contextmanager
def standing_still(pids: Sequence[int]) -> Iterator[None]:
    """Have these processes, and all below them, do nothing meanwhile, not even what they do when idle."""
    found = [each for pid in pids for each in tree_of(pid)] if Path("/proc").is_dir() else list(pids)
    for pid in found:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in found:
            os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def undisturbed(pid: int) -> Iterator[bool]:
    """Have no other ordinary work take the core from a process, the kernel's own included.

    False where the system does not allow it.
    """
    threads = [int(each.name) for each in Path(f"/proc/{pid}/task").iterdir()] if _HAS_CLASSES else []
    try:
        for thread in threads:  # those that they start have it, too
            os.sched_setscheduler(thread, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError:
        threads = []
    try:
        yield bool(threads)
    finally:
        for thread in threads:
            with contextlib.suppress(ProcessLookupError):
                os.sched_setscheduler(thread, os.SCHED_OTHER, os.sched_param(0))


def two_cores() -> tuple[int | None, int | None]:
    """One core for servers, another for load; None where there is only one."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    return (cores[0], cores[-1]) if len(cores) > 1 else (None, None)


@contextlib.contextmanager
def process(
    *command: str,
    ready: str,
    environ: dict[str, str] | None = None,
    core: int | None = None,
    lines: Path | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command until `ready` gives an answer; end it, and it alone, afterwards.

    Its output goes to the file `lines`; on `core` it runs alone.
    """
    with (lines or Path(os.devnull)).open("ab") as output:
        started = subprocess.Popen(
            command, stdout=output, stderr=output, env={**os.environ, **(environ or {})}
        )
    keep_to(core, pid=started.pid)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(ready, timeout=5)
                break
            except urllib.error.HTTPError:
                break  # it answers
            except OSError:
                if started.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{command} did not start") from None
                time.sleep(0.1)
        yield started
    finally:
        started.terminate()
        try:
            started.wait(20)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


@contextlib.contextmanager
def simulator(*, agents: int, latency_ms: int = 0) -> Iterator[str]:
    """An Evolux of so many agents; gives its base URL."""
    port = free_port()
    base_url = f"http://127.0.0.1:{port}"
    with process(sys.executable, "-m", "gateway", "simulate", "--port", str(port), "--agents", str(agents),
                 "--token", TOKEN, "--latency-ms", str(latency_ms), ready=base_url):  # fmt: skip
        yield base_url


def write_config(
    folder: Path,
    *,
    tenants: dict[str, str],
    cache: str = "fresh_seconds = 5.0",
    scopes: str = '"agents:read"',
    telemetry: str = 'log_level = "error"',
) -> Path:
    """A configuration whose one caller may ask as much as it likes."""
    tables = [
        f'[tenants.{name}]\nbase_url = "{base_url}"\ntoken = "{TOKEN}"' for name, base_url in tenants.items()
    ]
    path = folder / "gateway.toml"
    path.write_text(
        "\n".join([
            *tables,
            f'[callers.load]\nkey_sha256 = "{sha256(KEY.encode()).hexdigest()}"',
            f'tenants = ["*"]\nscopes = [{scopes}]',
            "[limits]\ncaller_requests_per_second = 1000000.0\ncaller_burst = 1000000",
            "tenant_requests_per_second = 1000000.0\ntenant_burst = 1000000",
            "upstream_burst = 100000\nupstream_requests_per_second = 100000.0",
            f"[cache]\n{cache}\n[telemetry]\n{telemetry}",
        ]),
        encoding="utf-8",
    )  # fmt: skip
    return path


def wrk(url: str, *, seconds: int, connections: int, folder: Path, query: str = QUERY) -> Measured:
    """One bounded load of the query by one thread of wrk."""
    script = folder / "post.lua"
    script.write_text(
        'wrk.method = "POST"\n'
        f'wrk.body = \'{{"query": "{query}"}}\'\n'
        'wrk.headers["Content-Type"] = "application/json"\n'
        'wrk.headers["X-Tenant"] = "t0"\n'
        f'wrk.headers["Authorization"] = "Bearer {KEY}"\n',
        encoding="utf-8",
    )
    told = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", str(script), url],
        check=True, text=True, capture_output=True,
    ).stdout  # fmt: skip
    rate = re.search(r"Requests/sec:\s+([\d.]+)", told)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", told)
    assert rate, told
    assert p99, told
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", told)
    unit = {"us": 0.001, "ms": 1.0, "s": 1000.0}[p99[2]]
    return Measured(
        requests_per_second=float(rate[1]),
        p99_ms=float(p99[1]) * unit,
        failed=int(failed[1]) if failed else 0,
    )


def stolen_seconds() -> float | None:
    """How long so far this machine's cores were kept from it by its host; None where that is not told."""
    told = Path("/proc/stat")
    if not told.exists():
        return None
    _, *ticks = told.read_text().splitlines()[0].split()
    return int(ticks[7]) / os.sysconf("SC_CLK_TCK")


def tree_of(pid: int) -> list[int]:
    """A process and all below it."""
    below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(one for child in below for one in tree_of(int(child)))]


def resident_mb(pids: Sequence[int]) -> float:
    """Memory in RAM of these processes, shared pages counted in parts (PSS)."""
    total = 0
    for pid in pids:
        found = re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
        total += int(found[1]) if found else 0
    return total / 1000


def cpu_seconds(pids: Sequence[int]) -> float:
    """Processor time of these processes so far."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")
