"""What telemetry costs: a cached page of 50 agents with all of it off, without traces, at 0 % and at 5 %.

Four gateways as shipped but for that, each a process on the server's core, are asked over HTTP in turns, so
that what else the machine does meets all four alike. The figures are processor time of
the whole process, exporting threads included; only the ratios mean something.
`python -m benchmarks.telemetry_cost [ROUNDS]` takes a second a round (60) and some to start.
"""

import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from benchmarks.peers import Server, collector, gateway
from benchmarks.queries import QUERIES
from benchmarks.rounds import ask_in_turn
from benchmarks.served import keep_to, simulator, two_cores

OFF, UNTRACED, AT_0, AT_5 = "all off", "logs and metrics", "traces at 0 %", "traces at 5 %"
LABEL: Final = "Q2"
SECONDS, CONNECTIONS = 0.25, 16


@contextmanager
def four(folder: Path, *, evolux: str, otlp: str, core: int | None) -> Iterator[dict[str, Server]]:
    """The gateways, by what they tell."""
    told = {
        OFF: {"otlp": None, "program": ("benchmarks.silent",)},
        UNTRACED: {"otlp": None},
        AT_0: {"otlp": otlp, "sample_ratio": 0.0},
        AT_5: {"otlp": otlp, "sample_ratio": 0.05},
    }
    with ExitStack() as stack:
        servers = {}
        for at, (name, how) in enumerate(told.items()):
            own = folder / str(at)
            own.mkdir()
            servers[name] = stack.enter_context(gateway(own, evolux=evolux, core=core, **how))  # type: ignore[arg-type]
        yield servers


def table(costs: dict[str, list[float]]) -> str:
    """The median cost of each, and its throughput as a share of the others', round by round."""
    lines = [
        "| telemetry | us CPU per request | throughput to all off | to no traces |",
        "| --- | ---: | ---: | ---: |",
    ]
    for name, seen in costs.items():
        shares = [
            statistics.median(before / now for before, now in zip(costs[other], seen, strict=True))
            for other in (OFF, UNTRACED)
        ]
        lines.append(f"| {name} | {statistics.median(seen):.0f} | {shares[0]:.1%} | {shares[1]:.1%} |")
    return "\n".join(lines)


def main(rounds: int) -> None:
    """Print the table."""
    server_core, load_core = two_cores()
    keep_to(load_core)
    with (
        tempfile.TemporaryDirectory() as name,
        simulator(agents=600) as evolux,
        collector() as otlp,
        four(Path(name), evolux=evolux, otlp=otlp, core=server_core) as servers,
    ):
        asked = {"label": LABEL, "query": QUERIES[LABEL], "connections": CONNECTIONS}
        ask_in_turn(servers, rounds=2, seconds=SECONDS, **asked)  # type: ignore[arg-type]
        seen = ask_in_turn(servers, rounds=rounds, seconds=SECONDS, **asked)  # type: ignore[arg-type]
    print(table({name: [cpu for cpu, _ in found] for name, found in seen.items()}))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 60)
