"""A cold walk: a listing of 5,000 agents, read page by page because one request wants it as it is now."""

import asyncio
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from benchmarks.load import ask
from benchmarks.peers import Server, gateway, usual_stack
from benchmarks.queries import WALK
from benchmarks.served import cpu_seconds, simulator, tree_of

AGENTS: Final = 5_000
_NOW: Final = {"Cache-Control": "no-cache"}


def walks(folder: Path, *, otlp: str, core: int | None, rounds: int, each: int) -> dict[str, float]:
    """Milliseconds of processor time of one walk by each server: the best of some rounds that alternate."""
    best: dict[str, float] = {}
    with simulator(agents=AGENTS) as evolux, ExitStack() as stack:
        own = folder / "walks"
        own.mkdir()
        servers = {
            "gateway": stack.enter_context(gateway(own, evolux=evolux, otlp=otlp, core=core)),
            "usual": stack.enter_context(usual_stack(evolux=evolux, core=core, fresh_seconds=0.0)),
        }
        for server in servers.values():
            asyncio.run(ask(server.address("Q7"), body=WALK.body(), headers=_NOW))
        for _ in range(rounds):
            for name, server in servers.items():
                spent = _walk(server, each=each if name == "gateway" else 1)
                best[name] = min(spent, best.get(name, spent))
    return best


def _walk(server: Server, *, each: int) -> float:
    before = cpu_seconds(tree_of(server.pid))
    for _ in range(each):
        asyncio.run(ask(server.address("Q7"), body=WALK.body(), headers=_NOW))
    return (cpu_seconds(tree_of(server.pid)) - before) / each * 1e3
