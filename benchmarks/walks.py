"""A walk: a listing of 5,000 agents, read page by page because one request wants it as it is now."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import repeat
from pathlib import Path
from typing import Final

from benchmarks.load import ask
from benchmarks.peers import Server, gateway, replayed, usual_stack
from benchmarks.queries import WALK
from benchmarks.served import cpu_seconds, simulator, tree_of

AGENTS: Final = 5_000


def walks(folder: Path, *, otlp: str, core: int | None, rounds: int, each: int) -> dict[str, float]:
    """Milliseconds of processor time of one walk by each server: the best of some rounds that alternate.

    "gateway" walks a tenant that it never read before: no connection is open, no page known. "gateway, again"
    walks one whose pages are as they were, "gateway, changed" one of which one agent in ten is another. The
    usual stack knows nothing of its last walk anyway.
    """
    best: dict[str, float] = {}
    with simulator(agents=AGENTS) as evolux, ExitStack() as stack:
        own = folder / "walks"
        own.mkdir()
        names = [f"t{number}" for number in range(1 + rounds * each)]
        tenants = dict.fromkeys(["known", *names], evolux)
        tenants["changing"] = stack.enter_context(replayed(evolux, changing=True))
        ours = stack.enter_context(gateway(own, evolux=evolux, otlp=otlp, core=core, tenants=tenants))
        usual = stack.enter_context(usual_stack(evolux=evolux, core=core, fresh_seconds=0.0))
        strangers, known, changing = iter(names), repeat("known"), repeat("changing")
        for tenant in (strangers, known, changing):
            _walk(ours, tenants=tenant, each=1)
        _walk(usual, tenants=known, each=1)
        for _ in range(rounds):
            for name, spent in (
                ("gateway", _walk(ours, tenants=strangers, each=each)),
                ("gateway, again", _walk(ours, tenants=known, each=each)),
                ("gateway, changed", _walk(ours, tenants=changing, each=each)),
                ("usual", _walk(usual, tenants=known, each=1)),
            ):
                best[name] = min(spent, best.get(name, spent))
    return best


def _walk(server: Server, *, tenants: Iterator[str], each: int) -> float:
    before = cpu_seconds(tree_of(server.pid))
    for _ in range(each):
        headers = {"Cache-Control": "no-cache", "X-Tenant": next(tenants)}
        asyncio.run(ask(server.address("Q7"), body=WALK.body(), headers=headers))
    return (cpu_seconds(tree_of(server.pid)) - before) / each * 1e3
