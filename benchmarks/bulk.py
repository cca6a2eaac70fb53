"""A log-off of 500 agents in one request: how long over the ideal, how many at once, how many listings.

`.venv/bin/python -m benchmarks.bulk` takes some seconds. The simulator is a process of its own, and both run
on uvloop, as `gateway serve` does. The floor is the same 500 writes straight to it by a bare client, ten at a
time, in the same run. On a busy machine only the ratio to the floor means something.
"""

import asyncio
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection

import aiohttp
import uvloop

from gateway.settings import LimitSettings
from gateway.simulator.records import Queue
from gateway.simulator.server import running
from gateway.simulator.world import World
from tests.served import KEY, Plan, serving_gateway, settings_for, token_of

AGENTS, LATENCY_SECONDS, CONCURRENCY = 500, 0.03, 10
IDEAL_SECONDS = AGENTS * LATENCY_SECONDS / CONCURRENCY
LISTING = "/api/v1/agents"
UNHURRIED = LimitSettings(upstream_requests_per_second=100_000, upstream_burst=100_000)
IDS = [str(each) for each in range(1, AGENTS + 1)]


def a_world() -> World:
    world = World(token=token_of("acme"))
    world.add_queue(Queue(id=1, name="Cobrança", slug="cobranca", number="3001"))
    for number in range(AGENTS):
        agent = world.add_agent(f"Agente {number}", login=f"agente.{number}", queue_ids=(1,))
        world.log_in(agent.id, at=datetime.now(UTC) - timedelta(hours=1))
    return world


def simulate(ours: Connection) -> None:
    """Serve until killed; tells the address once."""

    async def serve() -> None:
        async with running(a_world(), latency_seconds=LATENCY_SECONDS) as simulator:
            ours.send(simulator.base_url)
            await asyncio.Event().wait()

    uvloop.run(serve())


@contextmanager
def a_simulator() -> Iterator[str]:
    context = multiprocessing.get_context("spawn")
    theirs, ours = context.Pipe()
    process = context.Process(target=simulate, args=(ours,), daemon=True)
    process.start()
    try:
        yield theirs.recv()
    finally:
        process.kill()
        process.join()


async def floor(base_url: str) -> float:
    """Seconds that the bare writes take."""
    waiting = iter(IDS)
    async with aiohttp.ClientSession(headers={"token": token_of("acme")}) as session:

        async def write() -> None:
            for agent_id in waiting:
                async with session.post(f"{base_url}{LISTING}/{agent_id}/logoff") as answer:
                    assert answer.status == 200
                    await answer.read()

        began_at = time.perf_counter()
        await asyncio.gather(*(write() for _ in range(CONCURRENCY)))
        return time.perf_counter() - began_at


async def counted(base_url: str) -> tuple[int, dict[int, int]]:
    """The most requests that were open at once, and how often each page of the listing was asked."""
    async with aiohttp.ClientSession(base_url, headers={"token": token_of("acme")}) as session:
        told = await (await session.get("/__simulator__/requests")).json(content_type=None)
    pages = {
        one["page"]: one["count"]
        for one in told["counts"]
        if one["path"] == LISTING and one["method"] == "GET"
    }
    return told["peak_in_flight"], pages


async def bulk(base_url: str) -> tuple[float, dict[int, int]]:
    """Seconds that one request takes through the gateway, and the pages read for it."""
    settings = settings_for(
        {"acme": base_url}, plan=Plan(limits=UNHURRIED), tokens={"acme": token_of("acme")}
    )
    async with serving_gateway(settings) as served:
        await served.ask("{ viewer { name } }")
        began_at = time.perf_counter()
        answer = await served.client.post(
            "/v1/bulk/logoff-agents",
            json={"agentIds": IDS},
            headers={"Authorization": f"Bearer {KEY}"},
        )
        seconds = time.perf_counter() - began_at
        await served.ask("{ agentStates { total { loggedOut } } }")
    assert answer.json()["doneCount"] == AGENTS, answer.text[:500]
    return seconds, (await counted(base_url))[1]


async def main() -> None:
    with a_simulator() as base_url:
        bare_seconds = await floor(base_url)
    with a_simulator() as base_url:
        seconds, pages = await bulk(base_url)
        at_once = (await counted(base_url))[0]
    assert at_once <= CONCURRENCY
    assert set(pages.values()) == {1}, pages
    print(f"{AGENTS} agents at {LATENCY_SECONDS * 1000:.0f} ms, {at_once} at a time")
    print(f"{seconds:.2f} s; ideal {IDEAL_SECONDS:.2f} s, ratio {seconds / IDEAL_SECONDS:.2f}")
    print(f"bare client {bare_seconds:.2f} s, ratio {seconds / bare_seconds:.2f}")
    print(f"{len(pages)} pages read afterwards, each once: one listing")


if __name__ == "__main__":
    uvloop.run(main())
