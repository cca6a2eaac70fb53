"""What the listing engine costs: a hit, a stale hit, a write, a walk, memory, a tenant for its neighbour.

`.venv/bin/python benchmarks/listings.py` takes under a minute. Simulators are processes of their own. On a
busy machine only the ratios mean something; those of isolation come from rounds that alternate in one run.
"""

import asyncio
import gc
import multiprocessing
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec

from gateway.cache.call_center import CachedCallCenter
from gateway.cache.freshness import FreshnessPolicy
from gateway.cache.generations import Generations, LocalGenerations
from gateway.cache.sharing import Walks
from gateway.cache.store import ListingKind, ListingStore
from gateway.domain.agents import AgentChange
from gateway.domain.clock import SystemClock
from gateway.domain.errors import GatewayError
from gateway.domain.ids import TenantId
from gateway.domain.listings import FreshnessBound
from gateway.domain.secrets import ApiToken
from gateway.evolux.call_center import EvoluxCallCenter
from gateway.evolux.client import EvoluxClient
from gateway.evolux.connection import ConnectionLimits
from gateway.evolux.protection.breaker import BreakerLimits
from gateway.evolux.protection.protection import Protection
from gateway.evolux.protection.turnstile import TurnstileLimits
from gateway.simulator.server import running
from gateway.simulator.world import World

TOKEN = "token-of-the-benchmark"  # noqa: S105 - made up
NO_CACHE = FreshnessBound(max_age_seconds=0)
PAGE_ROWS, CONCURRENCY, PAGE_SECONDS = 50, 10, 0.03
FRESH = FreshnessPolicy(fresh_seconds=3_600)
STALE = FreshnessPolicy(fresh_seconds=0, stale_seconds=3_600, stale_if_error_seconds=3_600)


class Token:
    """A token that never changes."""

    def current(self) -> ApiToken:
        return ApiToken(TOKEN)

    def reread(self) -> bool:
        """There is nowhere to look."""
        return False


def serve_simulator(agents: int, latency_seconds: float, told: Connection) -> None:
    async def serve() -> None:
        async with running(World.seeded(agents, token=TOKEN), latency_seconds=latency_seconds) as simulator:
            told.send(simulator.base_url)
            await asyncio.to_thread(told.poll, None)

    asyncio.run(serve())


@contextmanager
def simulator(*, agents: int, latency_seconds: float = 0.0) -> Iterator[str]:
    """A simulator in a process of its own; gives its address."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=serve_simulator, args=(agents, latency_seconds, theirs))
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send(None)
        process.join()


@asynccontextmanager
async def tenant(
    name: str,
    base_url: str,
    *,
    store: ListingStore,
    policy: FreshnessPolicy = FRESH,
    generations: Generations | None = None,
    walks: Walks | None = None,
) -> AsyncIterator[CachedCallCenter]:
    """One tenant as the service composes it, but for its telemetry."""
    protection = Protection(
        turnstile=TurnstileLimits(
            concurrency=CONCURRENCY, max_waiting=500, requests_per_second=1e6, burst=10**6
        ),
        breaker=BreakerLimits(),
    )
    client = EvoluxClient(
        base_url,
        tokens=Token(),
        limits=ConnectionLimits(connections=CONCURRENCY),
        gate=protection.gate,
        may_retry=protection.may_retry,
    )
    cached = CachedCallCenter(
        EvoluxCallCenter(client, concurrency=CONCURRENCY),
        tenant_id=TenantId(name),
        credential=lambda: "one",
        store=store,
        generations=generations or LocalGenerations(),
        clock=SystemClock(),
        policies=dict.fromkeys(ListingKind, policy),
        walks=walks,
    )
    try:
        yield cached
    finally:
        await cached.close()
        await client.aclose()


def order_fault(base_url: str, kind: str) -> None:
    _control(base_url, method="POST", body=msgspec.json.encode({"kind": kind, "count": None}))


def clear_faults(base_url: str) -> None:
    _control(base_url, method="DELETE")


def _control(base_url: str, *, method: str, body: bytes | None = None) -> None:
    address = f"{base_url}/__simulator__/faults"
    order = urllib.request.Request(address, body, {"token": TOKEN}, method=method)  # noqa: S310 - our own simulator
    with urllib.request.urlopen(order, timeout=5) as answer:  # noqa: S310 - the same
        answer.read()


def row(what: str, measured: str, remark: str = "") -> None:
    print(f"| {what} | {measured} | {remark} |", flush=True)


async def cost_of_hits(base_url: str) -> None:
    async with tenant("fresh", base_url, store=ListingStore()) as cached:
        await cached.agents()
        fresh_us = await _each_us(cached, times=20_000)
        row("hit, 5,000 agents held", f"{fresh_us:.1f} us CPU")
        [agent, *_] = (await cached.agents()).snapshot.rows
        began_at = time.process_time()
        for number in range(50):
            cached._listings.amend(  # noqa: SLF001 - the part of a write that is the engine's
                key := cached._key(ListingKind.AGENTS),  # noqa: SLF001
                msgspec.structs.replace(agent, name=f"Nome {number}"),
                before=cached._listings.peek(key),  # noqa: SLF001
                generation=cached._listings.generation(key),  # noqa: SLF001
            )
        shown_ms = (time.process_time() - began_at) / 50 * 1e3
        row("a known change shown among 5,000", f"{shown_ms:.2f} ms CPU")
    async with tenant("stale", base_url, store=ListingStore(), policy=STALE) as cached:
        await cached.agents()
        order_fault(base_url, "hang")
        stale_us = await _each_us(cached, times=20_000)
        clear_faults(base_url)
    row("stale hit, its refresh under way", f"{stale_us:.1f} us CPU", f"{stale_us / fresh_us:.2f} x a hit")


async def _each_us(cached: CachedCallCenter, *, times: int) -> float:
    began_at = time.process_time()
    for _ in range(times):
        await cached.agents()
    return (time.process_time() - began_at) / times * 1e6


async def cost_of_a_walk(base_url: str, *, agents: int = 5_000) -> None:
    pages = -(-agents // PAGE_ROWS)
    ideal_seconds = PAGE_SECONDS * (1 + -(-(pages - 1) // CONCURRENCY))
    walls, cpus = [], []
    async with tenant("walked", base_url, store=ListingStore()) as cached:
        await cached.agents()
        for _ in range(7):
            wall_at, cpu_at = time.perf_counter(), time.process_time()
            await cached.agents(NO_CACHE)
            walls.append(time.perf_counter() - wall_at)
            cpus.append(time.process_time() - cpu_at)
    wall, cpu = statistics.median(walls), statistics.median(cpus)
    remark = f"{wall / ideal_seconds:.2f} x the ideal of {ideal_seconds * 1e3:.0f} ms; {cpu * 1e3:.0f} ms CPU"
    row(f"walk of {agents} agents, 30 ms a page, 10 at a time", f"{wall * 1e3:.0f} ms", remark)
    row("the best of 7 walks", f"{min(walls) * 1e3:.0f} ms", f"{min(walls) / ideal_seconds:.2f} x the ideal")


async def latencies(cached: CachedCallCenter, *, seconds: float) -> list[float]:
    """How long a reader, a task of its own, is under way to what is held."""
    took, ends_at = [], time.perf_counter() + seconds
    while time.perf_counter() < ends_at:
        began_at = time.perf_counter()
        await asyncio.create_task(cached.agents())
        took.append(time.perf_counter() - began_at)
        await asyncio.sleep(0.001)
    return took


async def isolation(well_url: str, hanging_url: str) -> None:
    """200 readers insist on what Evolux cannot give; another tenant's readers take what is held."""
    store = ListingStore()
    quiet: list[float] = []
    hanging: list[float] = []

    async with (
        tenant("well", well_url, store=store) as well,
        tenant("hangs", hanging_url, store=store) as hangs,
    ):
        await well.agents()
        for _ in range(5):
            quiet += await latencies(well, seconds=1.5)
            await asyncio.to_thread(order_fault, hanging_url, "hang")
            readers = [asyncio.create_task(_insist(hangs)) for _ in range(200)]
            await asyncio.sleep(0.2)
            hanging += await latencies(well, seconds=1.5)
            for reader in readers:
                reader.cancel()
            await asyncio.wait(readers)
            await asyncio.to_thread(clear_faults, hanging_url)
            await asyncio.sleep(0.2)
    for share in (50, 99):
        without, beside = _percentile(quiet, share), _percentile(hanging, share)
        row(
            f"p{share} of cached reads beside a tenant that hangs",
            f"{beside * 1e6:.0f} us",
            f"{beside / without:.2f} x without ({without * 1e6:.0f} us)",
        )


async def _insist(cached: CachedCallCenter) -> None:
    while True:
        try:
            await cached.agents(NO_CACHE)
        except GatewayError:
            await asyncio.sleep(0.1)


def _percentile(values: list[float], share: int) -> float:
    return sorted(values)[int(len(values) * share / 100)]


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


async def memory(base_url: str, *, tenants: int = 50) -> None:
    """In a process of its own: what it takes to hold so many tenants of 1,000 agents, each row looked up."""
    store = ListingStore(max_bytes=1 << 40)
    before = resident_mb()
    for number in range(tenants):
        async with tenant(f"tenant-{number}", base_url, store=store) as cached:
            reading = await cached.agents()
            assert len(reading.snapshot.by_id) == 1_000
            assert reading.snapshot.page_of(reading.snapshot.rows[0].id) == 1
    gc.collect()
    after = resident_mb()
    estimated = store.held_bytes / 2**20
    row(
        f"{tenants} tenants of 1,000 agents",
        f"{after:.0f} MB resident",
        f"of which {after - before:.0f} MB for listings; the store's estimate is {estimated:.0f} MB",
    )


async def update_shown(base_url: str) -> None:
    async with tenant("writes", base_url, store=ListingStore()) as cached:
        [agent, *_] = (await cached.agents()).snapshot.rows
        wall_at = time.perf_counter()
        await cached.update_agent(agent.id, AgentChange(name="Nome Novo"))
        reading = await cached.agents()
        assert reading.snapshot.by_id[agent.id].name == "Nome Novo"
        row(
            "write, then read what it changed",
            f"{(time.perf_counter() - wall_at) * 1e3:.1f} ms",
            f"no walk: {reading.source.value}",
        )


def main() -> None:
    print("| what | measured | |\n| --- | --- | --- |")
    with simulator(agents=5_000) as base_url:
        asyncio.run(cost_of_hits(base_url))
        asyncio.run(update_shown(base_url))
    with simulator(agents=5_000, latency_seconds=PAGE_SECONDS) as base_url:
        asyncio.run(cost_of_a_walk(base_url))
    with simulator(agents=1_000) as base_url:
        subprocess.run([sys.executable, __file__, base_url], check=True)  # noqa: S603 - this file
    with simulator(agents=1_000) as well_url, simulator(agents=62) as hanging_url:
        asyncio.run(isolation(well_url, hanging_url))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        asyncio.run(memory(sys.argv[1]))
    else:
        main()
