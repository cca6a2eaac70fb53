"""Rounds that alternate between servers, so that what else the machine does meets all of them alike."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from benchmarks.load import Load, load
from benchmarks.peers import Server
from benchmarks.queries import Query
from benchmarks.served import cpu_seconds, tree_of

_FEWEST: Final = 10
"""Requests of each connection that a round has to see: what is under way at its end is not counted."""
_PATIENCE: Final = ((1, 1_000), (1, 4), (3, 1), (9, 1))
"""How much longer, and over how many connections at most, whoever is too slow for that is asked."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """The best of some rounds, each figure by itself: other work on the machine only ever takes away."""

    cpu_us: float
    per_second: float
    p50_ms: float
    p99_ms: float


def measure(
    servers: Mapping[str, Server],
    *,
    label: str,
    query: Query,
    rounds: int,
    seconds: float,
    connections: int,
) -> dict[str, Cost]:
    """Ask each server in turn, and again: the best of each."""
    seen = ask_in_turn(
        servers, label=label, query=query, rounds=rounds, seconds=seconds, connections=connections
    )
    return {name: _best(found) for name, found in seen.items()}


def ask_in_turn(
    servers: Mapping[str, Server],
    *,
    label: str,
    query: Query,
    rounds: int,
    seconds: float,
    connections: int,
) -> dict[str, list[tuple[float, Load]]]:
    """Microseconds of processor time per request, and the load, of each server in each round."""
    seen: dict[str, list[tuple[float, Load]]] = {name: [] for name in servers}
    patience = dict.fromkeys(servers, 0)
    for _ in range(rounds):
        for name, server in servers.items():
            for at in range(patience[name], len(_PATIENCE)):
                patience[name] = at
                longer, most = _PATIENCE[at]
                taken = min(connections, most)
                cost, found = _one(
                    server, label=label, query=query, seconds=seconds * longer, connections=taken
                )
                if found.requests >= _FEWEST * taken:
                    break
            assert found.requests, f"{server.url} did not answer {label} at all"
            seen[name].append((cost, found))
    return seen


def _one(server: Server, *, label: str, query: Query, seconds: float, connections: int) -> tuple[float, Load]:
    """Microseconds of the server's processor time per request, and the load."""
    before = cpu_seconds(tree_of(server.pid))
    found = load(server.address(label), query=query, seconds=seconds, connections=connections)
    return (cpu_seconds(tree_of(server.pid)) - before) / max(1, found.requests) * 1e6, found


def _best(found: list[tuple[float, Load]]) -> Cost:
    return Cost(
        cpu_us=min(cpu for cpu, _ in found),
        per_second=max(seen.per_second for _, seen in found),
        p50_ms=min(seen.p50_ms for _, seen in found),
        p99_ms=min(seen.p99_ms for _, seen in found),
    )
