"""What a cached query waits beside a costly one: `python -m benchmarks.beside [WINDOWS]`.

The costly one is a page of 500 agents next to two failing fields, which graphql-core runs in a thread of its
own, again and again. Two gateways are asked in turns: as shipped, and with Python's own turns between
threads. Server on one core, load on the other.
"""

import asyncio
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.half_load import Paced, TooBusy, window
from benchmarks.load import Connection, Failed
from benchmarks.peers import Server, gateway
from benchmarks.queries import NESTED, QUERIES, Query
from benchmarks.served import keep_to, simulator, two_cores

PER_SECOND: Final = 500.0
COSTLY: Final = Query(
    text=f'{{ {(NESTED % 500)[2:-2]} a: agent(id: "999998") {{ id }} b: agent(id: "999999") {{ id }} }}',
    about="500 agents, nested, next to two failing fields",
)


def main(windows: int) -> None:
    """Measure each in turn, and print the medians of the windows."""
    server_core, load_core = two_cores()
    keep_to(load_core)
    found: dict[str, list[Paced]] = {}
    costly_ms: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as name, simulator(agents=600) as evolux, ExitStack() as stack:
        servers = {
            label: stack.enter_context(
                gateway(Path(name) / label, evolux=evolux, otlp=None, core=server_core, program=program)
            )
            for label, program in (
                ("as shipped", ("gateway",)),
                ("Python's own turns", ("benchmarks.usual_turns",)),
            )
        }
        for _ in range(windows):
            for label, server in servers.items():
                took_ms = costly_ms.setdefault(label, [])
                with _asked_for_much(server, took_ms), suppress(TooBusy):
                    paced = window(
                        server.address("Q2"), query=QUERIES["Q2"], per_second=PER_SECOND, seconds=2
                    )
                    found.setdefault(label, []).append(paced)
    print("| beside a costly operation | p50 ms | p99 ms | the costly operation, ms |")
    print("| --- | ---: | ---: | ---: |")
    for label, each in found.items():
        p50_ms, p99_ms = median(p.p50_ms for p in each), median(p.p99_ms for p in each)
        print(f"| {label} | {p50_ms:.2f} | {p99_ms:.1f} | {median(costly_ms[label]):.0f} |")


@contextmanager
def _asked_for_much(server: Server, took_ms: list[float]) -> Iterator[None]:
    """While this lasts, the costly operation is always under way; raises `Failed` where it was refused."""
    is_over = threading.Event()

    async def ask() -> None:
        connection = Connection(server.address("Q2"))
        await connection.open()
        while not is_over.is_set():
            begun = time.perf_counter()
            await connection.ask(COSTLY.body())
            took_ms.append((time.perf_counter() - begun) * 1_000)
        connection.close()

    with ThreadPoolExecutor(1) as threads:
        asking = threads.submit(asyncio.run, ask())
        try:
            yield
        finally:
            is_over.set()
        asking.result()


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
    except Failed as failed:
        sys.exit(str(failed))
