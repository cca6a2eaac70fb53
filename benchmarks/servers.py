"""Which server and how many processes: ratios of one run, rounds interleaved.

`python -m benchmarks.servers [SECONDS]`; needs wrk, and granian in the same environment for its rows.
The query is small, so that the server shows and not the execution. Server, simulator and load share the
machine's cores: only ratios mean something ("per CPU second" bears a busy machine best), and more processes
than free cores cannot show more.
"""

import importlib.util
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.served import (
    Measured,
    cpu_seconds,
    free_port,
    process,
    resident_mb,
    simulator,
    tree_of,
    write_config,
    wrk,
)

ROUNDS, CONNECTIONS = 6, 16
SMALL = "{ viewer { name } }"
APP = "gateway.main.serving:create_app"


def variants(config: Path, *, port: int) -> dict[str, tuple[str, ...]]:
    """Command lines by what they are."""
    own = (sys.executable, "-m", "gateway", "serve", "--config", str(config), "--port", str(port))
    uvicorn = (sys.executable, "-m", "uvicorn", APP, "--factory", "--port", str(port), "--no-access-log")
    granian = (sys.executable, "-m", "granian", APP, "--factory", "--port", str(port), "--interface", "asgi",
               "--no-ws", "--http", "1", "--loop")  # fmt: skip
    found = {
        "gateway serve (uvicorn, uvloop, httptools)": own,
        "gateway serve --workers 2": (*own, "--workers", "2"),
        "uvicorn, asyncio, h11": (*uvicorn, "--loop", "asyncio", "--http", "h11"),
    }
    if importlib.util.find_spec("granian"):
        found["granian, uvloop"] = (*granian, "uvloop")
        found["granian, uvloop, 2 workers"] = (*granian, "uvloop", "--workers", "2")
    return found


def main(seconds: int) -> None:
    """Measure every variant in turn, and again."""
    results: dict[str, list[tuple[Measured, float, float]]] = {}
    with tempfile.TemporaryDirectory() as name, simulator(agents=300) as base_url:
        folder = Path(name)
        config, port = write_config(folder, tenants={"t0": base_url}), free_port()
        environ = {"EVOLUX_GATEWAY_CONFIG": str(config)}
        for _ in range(ROUNDS):
            for variant, command in variants(config, port=port).items():
                url = f"http://127.0.0.1:{port}"
                with process(*command, ready=f"{url}/livez", environ=environ) as started:
                    wrk(f"{url}/graphql", seconds=1, connections=CONNECTIONS, folder=folder, query=SMALL)
                    pids = tree_of(started.pid)
                    before = cpu_seconds(pids)
                    measured = wrk(
                        f"{url}/graphql", seconds=seconds, connections=CONNECTIONS, folder=folder, query=SMALL
                    )
                    used = cpu_seconds(pids) - before
                    results.setdefault(variant, []).append((measured, used / seconds, resident_mb(pids)))
    report(results)


def report(results: dict[str, list[tuple[Measured, float, float]]]) -> None:
    """The best round of each, since other work only ever takes away; the spread says how much it took."""
    print("| server | requests/s | ratio | per CPU second | ratio | p99 ms | MB | worst of best | failed |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    base = base_per_core = 0.0
    for variant, rounds in results.items():
        rates = [one.requests_per_second for one, _, _ in rounds]
        rate, worst = max(rates), min(rates) / max(rates)
        per_core = max(one.requests_per_second / cores for one, cores, _ in rounds)
        base, base_per_core = base or rate, base_per_core or per_core
        p99 = min(one.p99_ms for one, _, _ in rounds)
        memory = statistics.median(mb for _, _, mb in rounds)
        failed = sum(one.failed for one, _, _ in rounds)
        figures = (f"{rate:.0f}", f"{rate / base:.2f}", f"{per_core:.0f}", f"{per_core / base_per_core:.2f}")
        print(
            "|",
            " | ".join((variant, *figures, f"{p99:.0f}", f"{memory:.0f}", f"{worst:.0%}", f"{failed}")),
            "|",
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 4)
