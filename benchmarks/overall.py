"""`make bench`: the gateway as shipped beside its peers, in one go, in rounds that alternate.

The peers: the usual Strawberry stack over the same simulator, Mercurius with its JIT where npm is there, and
a bare ASGI app that sends the gateway's bytes. Each server has one core, the load and the simulator the
other. Every answer is compared with the gateway's first. On a busy machine only the ratios mean something.

`python -m benchmarks.overall [--quick] [--write]`: a minute, or some five; `--write` renews the tables
of README.md and docs/performance.md.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.half_load import Paced, half_load
from benchmarks.in_process import in_process_table
from benchmarks.peers import (
    Server,
    bare,
    collector,
    gateway,
    install_mercurius,
    mercurius,
    replayed,
    usual_stack,
)
from benchmarks.queries import QUERIES, RENAME
from benchmarks.rounds import Cost, measure
from benchmarks.same import answers_of, check_same
from benchmarks.served import keep_to, simulator, standing_still, stolen_seconds, two_cores, undisturbed
from benchmarks.tables import (
    latency_line,
    ratios_table,
    servers_table,
    targets_table,
    walks_line,
    write,
)
from benchmarks.walks import walks

AGENTS, CONNECTIONS = 600, 16
ABOUT: Final = {**{label: query.about for label, query in QUERIES.items()}, "Q6": RENAME.about}


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How long to measure."""

    rounds: int
    seconds: float
    windows: int
    walked: int
    labels: tuple[str, ...]


WINDOW_SECONDS: Final = 5.0
"""As long as a listing is fresh: each window at half load has its walks."""
QUICK: Final = Effort(rounds=1, seconds=1.0, windows=1, walked=2, labels=("Q1", "Q2", "Q3", "Q5"))
WHOLE: Final = Effort(rounds=3, seconds=1.0, windows=5, walked=4, labels=tuple(QUERIES))


def start(stack: ExitStack, folder: Path, *, evolux: str, otlp: str, core: int | None) -> dict[str, Server]:
    """Start all servers, and see that they answer alike."""
    of_ours = {"gateway": None, "kept": "answers", "afresh": "rows"}
    servers = {
        name: stack.enter_context(gateway(folder, evolux=evolux, otlp=otlp, core=core, forgets=forgets))
        for name, forgets in of_ours.items()
    }
    servers["usual"] = stack.enter_context(usual_stack(evolux=evolux, core=core))
    missing = install_mercurius()
    if missing is None:
        servers["mercurius"] = stack.enter_context(mercurius(evolux=evolux, core=core))
    else:
        print(f"Mercurius is not measured: {missing}.")
    ours = answers_of(servers["gateway"], queries=QUERIES)
    for name, server in servers.items():
        check_same(ours, answers_of(server, queries=QUERIES), name=name)
    servers["bare"] = stack.enter_context(bare(ours, folder=folder, core=core))
    return servers


def measure_all(servers: Mapping[str, Server], *, effort: Effort) -> dict[str, dict[str, Cost]]:
    """The queries by all servers, then the mutation by those that write to Evolux."""
    results = {}
    for label in effort.labels:
        asked = servers if label == "Q2" else _without(servers, "kept", "afresh")
        results[label] = measure(
            asked,
            label=label,
            query=QUERIES[label],
            rounds=effort.rounds,
            seconds=effort.seconds,
            connections=CONNECTIONS,
        )
    writing = {name: servers[name] for name in ("gateway", "usual")}
    results["Q6"] = measure(
        writing, label="Q6", query=RENAME, rounds=effort.rounds, seconds=effort.seconds, connections=4
    )
    return results


def _without(servers: Mapping[str, Server], *names: str) -> dict[str, Server]:
    return {name: server for name, server in servers.items() if name not in names}


def at_half_load(
    servers: Mapping[str, Server], *, folder: Path, evolux: str, otlp: str, core: int | None, windows: int
) -> dict[str, list[Paced | None]]:
    """Q2 by the gateway at half of the most it does, and by the ceiling at half of its own.

    The gateway is one more, with an Evolux that costs the load's core nothing, and the others stand still. In
    every second window the server's core is kept from other work, where the system allows it.
    """
    query, found = QUERIES["Q2"], dict[str, list[Paced | None]]()
    with (
        replayed(evolux) as ready,
        gateway(folder / "paced", evolux=ready, otlp=otlp, core=core) as ours,
        standing_still([each.pid for each in _without(servers, "bare").values()]),
    ):
        in_turn = {"gateway": ours, "bare": servers["bare"]}
        for name, server in [*in_turn.items()] * windows:
            settings = {name: nullcontext(enter_result=True), f"{name}, kept": undisturbed(server.pid)}
            measured = half_load(
                server.address("Q2"), query=query, seconds=WINDOW_SECONDS, settings=settings.values()
            )
            for label, paced in zip(settings, measured, strict=True):
                found.setdefault(label, []).append(paced)
    return found


def main() -> None:
    given = argparse.ArgumentParser(prog="make bench")
    given.add_argument("--quick", action="store_true", help="fewer queries and rounds")
    given.add_argument("--write", action="store_true", help="renew the tables in the documents")
    chosen = given.parse_args()
    effort = QUICK if chosen.quick else WHOLE
    began_at, busy, stolen = time.monotonic(), os.getloadavg()[0], stolen_seconds()
    server_core, load_core = two_cores()
    keep_to(load_core)
    with (
        tempfile.TemporaryDirectory() as name,
        simulator(agents=AGENTS) as evolux,
        collector() as otlp,
        ExitStack() as stack,
    ):
        folder = Path(name)
        servers = start(stack, folder, evolux=evolux, otlp=otlp, core=server_core)
        paced = at_half_load(
            servers, folder=folder, evolux=evolux, otlp=otlp, core=server_core, windows=effort.windows
        )
        results = measure_all(servers, effort=effort)
        walked = walks(folder, otlp=otlp, core=server_core, rounds=effort.walked, each=3)
    parts = {
        "servers": servers_table(results, about=ABOUT),
        "ratios": ratios_table(results, about=ABOUT, walks=walked),
        "targets": targets_table(results, about=ABOUT),
        "latency": f"{walks_line(walked)}\n\n{latency_line(paced)}",
    }
    if not chosen.quick:
        parts["in process"] = in_process_table()
    load_average = os.getloadavg()[0]
    parts["machine"] = (
        f"Measured in one run on {os.cpu_count()} cores that others used, too: the load average was "
        f"{busy:.1f} before it began and {load_average:.1f} at its end"
        f"{_shown_stolen(stolen, seconds=time.monotonic() - began_at)}."
    )
    print("\n\n".join(parts.values()))
    print(f"\nTook {time.monotonic() - began_at:.0f} s.")
    if chosen.write:
        write(parts)


def _shown_stolen(before: float | None, *, seconds: float) -> str:
    now = stolen_seconds()
    if before is None or now is None:
        return ""
    share = (now - before) / seconds / (os.cpu_count() or 1)
    return f", and the host gave {share:.1%} of their time to others"


if __name__ == "__main__":
    main()
