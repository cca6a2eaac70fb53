"""`make bench`: the compiled executor against graphql-core, and the gateway against the usual stack.

First in process, CPU time per operation on one snapshot; then over HTTP, processor time of the server's
process per request, in rounds that alternate: the gateway as shipped, the Strawberry stack over the same
simulator, a bare ASGI app that sends the gateway's bytes. On a busy machine only the ratios mean something.
`python -m benchmarks.compiled [SECONDS]` bounds one load; in all it takes under two minutes.
"""

import asyncio
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.in_process import print_in_process
from benchmarks.load import Load, ask, load
from benchmarks.queries import QUERIES, Query
from benchmarks.served import KEY, TOKEN, cpu_seconds, free_port, process, simulator, tree_of, write_config

AGENTS, ROUNDS, CONNECTIONS = 600, 3, 16
MEASURED = ("Q1", "Q2", "Q2 ages", "Q3", "Q4", "Q5")


@contextmanager
def gateway(folder: Path, *, evolux: str) -> Iterator[tuple[str, int]]:
    """The gateway with its defaults: authentication, limits, access lines, tracing."""
    config = write_config(folder, tenants={"t0": evolux})
    config.write_text(config.read_text("utf-8").replace('log_level = "error"', 'log_level = "info"'), "utf-8")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    own = (sys.executable, "-m", "gateway", "serve", "--config", str(config), "--port", str(port))
    with process(*own, ready=f"{url}/readyz") as running:
        yield url, running.pid


@contextmanager
def uvicorn(app: str, **environ: str) -> Iterator[tuple[str, int]]:
    """An ASGI app on uvicorn as it is usually started."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    own = (sys.executable, "-m", "uvicorn", app, "--port", str(port), "--no-access-log")
    with process(*own, ready=url, environ=environ) as running:
        yield url, running.pid


def measure(url: str, pid: int, *, query: Query, path: str, seconds: float) -> tuple[float, Load]:
    """Microseconds of the server's processor time per request, and the load."""
    asyncio.run(load(url, query=query, key=KEY, path=path, seconds=0.2, connections=2))
    before = cpu_seconds(tree_of(pid))
    seen = asyncio.run(load(url, query=query, key=KEY, path=path, seconds=seconds, connections=CONNECTIONS))
    return (cpu_seconds(tree_of(pid)) - before) / seen.requests * 1e6, seen


def print_over_http(seconds: float) -> None:
    """The table of the three servers."""
    print(f"\nOver HTTP, {AGENTS} agents upstream, {CONNECTIONS} connections, medians of {ROUNDS} rounds:")
    print("query     server           us CPU/request  requests/s   p50 ms   p99 ms   times the usual stack")
    with tempfile.TemporaryDirectory() as name, simulator(agents=AGENTS) as evolux, ExitStack() as stack:
        folder = Path(name)
        ours = stack.enter_context(gateway(folder, evolux=evolux))
        usual = stack.enter_context(
            uvicorn("benchmarks.strawberry_stack:app", BENCHMARK_EVOLUX=evolux, BENCHMARK_TOKEN=TOKEN)
        )
        for label in MEASURED:
            query = QUERIES[label]
            body = folder / "body.json"
            body.write_bytes(asyncio.run(ask(ours[0], body=query.body(), key=KEY)))
            with uvicorn("benchmarks.bare:app", BENCHMARK_BODY=str(body)) as bare:
                servers = {"gateway": ours, "usual Strawberry": usual, "bare ASGI bytes": bare}
                print_rounds(label, query, servers=servers, seconds=seconds)


def print_rounds(label: str, query: Query, *, servers: dict[str, tuple[str, int]], seconds: float) -> None:
    """Measure the servers in turn, some rounds, and print their medians."""
    costs: dict[str, list[float]] = defaultdict(list)
    loads: dict[str, list[Load]] = defaultdict(list)
    for _ in range(ROUNDS):
        for name, (url, pid) in servers.items():
            path = "/graphql/" if name.startswith("usual") else "/graphql"
            cost, seen = measure(url, pid, query=query, path=path, seconds=seconds)
            costs[name].append(cost)
            loads[name].append(seen)
    median = {name: statistics.median(found) for name, found in costs.items()}
    for name, cost in median.items():
        rate = statistics.median(each.requests / each.seconds for each in loads[name])
        p50, p99 = (statistics.median(each.percentile(at) for each in loads[name]) for at in (0.5, 0.99))
        ratio = median["usual Strawberry"] / cost
        print(f"{label:9} {name:17} {cost:13,.0f} {rate:11,.0f} {p50:8.1f} {p99:8.1f} {ratio:15.1f}")
    share = median["bare ASGI bytes"] / median["gateway"]
    print(
        f"{label:9} the gateway does {share:.2f} of the bare ASGI app's requests per CPU second", flush=True
    )


if __name__ == "__main__":
    print_in_process()
    print_over_http(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0)
