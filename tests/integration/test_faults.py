"""Every fault of the wire, met by a gateway over sockets: the documented code, nothing lost, recovery."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from gateway.settings import CacheSettings, LimitSettings
from gateway.simulator.faults import Faults
from gateway.simulator.interference import HTML_PAGE
from gateway.simulator.records import Agent
from gateway.simulator.server import RunningSimulator
from gateway.simulator.world import World
from tests.served import TOKEN, Plan, Served, serving

COUNT = "{ agents(first: 1) { totalCount freshness { stale complete } } }"
ONE = "query($id: ID!) { agent(id: $id) { name state } }"
NO_CACHE = {"Cache-Control": "no-cache"}
QUICK = LimitSettings(
    upstream_read_seconds=0.4,
    upstream_deadline_seconds=1.0,
    read_attempts=1,
    breaker_failures=10_000,
)
NEVER_FRESH = CacheSettings(fresh_seconds=0, stale_seconds=0, stale_if_error_seconds=600)


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """A fault of every request: what a read and a write come to, and whether the write was done."""

    arm: Callable[[Faults], object]
    read: str
    write: str | None
    is_done: bool = False
    create: str | None = None
    """What creating comes to, where its answer has to tell more than that of the others."""
    covered: bool = True
    """Whether a held listing stands in."""


TROUBLES = {
    "reset": Trouble(
        arm=lambda faults: faults.reset(count=None), read="UPSTREAM_UNAVAILABLE", write="OUTCOME_UNKNOWN"
    ),
    "answer lost": Trouble(
        arm=lambda faults: faults.lose_answer(count=None),
        read="UPSTREAM_UNAVAILABLE",
        write="OUTCOME_UNKNOWN",
        is_done=True,
    ),
    "hang": Trouble(
        arm=lambda faults: faults.hang(count=None), read="UPSTREAM_TIMEOUT", write="OUTCOME_UNKNOWN"
    ),
    "truncated": Trouble(
        arm=lambda faults: faults.truncate(count=None),
        read="UPSTREAM_UNAVAILABLE",
        write="OUTCOME_UNKNOWN",
        is_done=True,
    ),
    "502 of HTML": Trouble(
        arm=lambda faults: faults.answer(502, body=HTML_PAGE, content_type="text/html", count=None),
        read="UPSTREAM_UNAVAILABLE",
        write="OUTCOME_UNKNOWN",
    ),
    "503": Trouble(
        arm=lambda faults: faults.answer(503, count=None),
        read="UPSTREAM_UNAVAILABLE",
        write="OUTCOME_UNKNOWN",
    ),
    "429": Trouble(
        arm=lambda faults: faults.rate_limit(retry_after_seconds=1, count=None),
        read="UPSTREAM_RATE_LIMITED",
        write="UPSTREAM_RATE_LIMITED",
    ),
    "401": Trouble(
        arm=lambda faults: faults.answer(401, count=None),
        read="UPSTREAM_CREDENTIALS_REJECTED",
        write="UPSTREAM_CREDENTIALS_REJECTED",
        covered=False,
    ),
    "200 of nothing": Trouble(
        arm=lambda faults: faults.empty(count=None),
        read="UPSTREAM_INVALID_RESPONSE",
        write=None,
        create="OUTCOME_UNKNOWN",
        is_done=True,
    ),
    "200 of HTML": Trouble(
        arm=lambda faults: faults.html(count=None),
        read="UPSTREAM_INVALID_RESPONSE",
        write="OUTCOME_UNKNOWN",
    ),
    "slow drip": Trouble(
        arm=lambda faults: faults.drip(seconds=5, count=None),
        read="UPSTREAM_TIMEOUT",
        write="OUTCOME_UNKNOWN",
        is_done=True,
    ),
}
EVERY_TROUBLE = pytest.mark.parametrize("trouble", TROUBLES.values(), ids=list(TROUBLES))


def call_center() -> World:
    return World.seeded(30, token=TOKEN)


def agents_who(world: World, is_so: Callable[[Agent], bool]) -> list[str]:
    """Ids of the active agents who are so."""
    active = (agent for agent in world.agents.values() if agent.enabled and not agent.archived)
    return [str(agent.id) for agent in active if is_so(agent)]


def mutation(field: str, given: str) -> str:
    return f"mutation {{ {field}(input: {{ {given} }}) {{ errors {{ code }} }} }}"


def writes(world: World) -> dict[str, tuple[str, str]]:
    """One write of each kind, each about an agent of its own: the agent's id, and the operation."""
    ready = agents_who(world, lambda one: one.logged_in and one.current_pause is None and not one.on_call)
    [paused, *_] = agents_who(world, lambda one: one.logged_in and one.current_pause is not None)
    to_pause, to_log_off, to_rename, *_ = ready
    return {
        "update": (to_rename, mutation("updateAgent", f'id: "{to_rename}", name: "Nome Novo"')),
        "pause": (to_pause, mutation("pauseAgent", f'agentId: "{to_pause}", pauseId: "49"')),
        "unpause": (paused, mutation("unpauseAgent", f'agentId: "{paused}"')),
        "log off": (to_log_off, mutation("logoffAgent", f'agentId: "{to_log_off}"')),
    }


CREATE = mutation("createAgent", 'name: "Zoé Prado", login: "zoe.prado", password: "planted-password-9"')


async def outcome_of(served: Served, operation: str) -> tuple[str | None, dict[str, Any]]:
    """The code that an operation came to (None: done), and its error's extensions."""
    answer = (await served.post(operation)).json()
    if "errors" in answer:
        [error] = answer["errors"]
        return error["extensions"]["code"], error["extensions"]
    assert all(payload["errors"] == [] for payload in answer["data"].values())
    return None, {}


async def recovers(served: Served, simulator: RunningSimulator) -> None:
    """Evolux is well again, and so is the gateway as soon as Evolux lets it."""
    simulator.faults.clear()
    async with asyncio.timeout(5):
        while "errors" in (answer := (await served.post(COUNT, headers=NO_CACHE)).json()):
            [error] = answer["errors"]
            await asyncio.sleep(error["extensions"].get("retryAfterMs", 50) / 1000)
    assert answer["data"]["agents"]["freshness"]["complete"] is True


def truth(world: World, agent_id: str) -> dict[str, str]:
    agent = world.agents[int(agent_id)]
    state = "PAUSED" if agent.current_pause else "LOGGED_IN" if agent.logged_in else "LOGGED_OUT"
    return {"name": agent.name, "state": state}


@EVERY_TROUBLE
async def test_with_nothing_held_a_read_fails_by_the_documented_code_and_then_recovers(
    trouble: Trouble,
) -> None:
    async with serving(call_center(), plan=Plan(cache=NEVER_FRESH, limits=QUICK)) as (served, simulators):
        simulator = simulators["acme"]
        await served.ask("{ queues { id } }")
        trouble.arm(simulator.faults)
        error = await served.fail(COUNT)
        assert error["extensions"]["code"] == trouble.read
        assert error["extensions"]["retryable"] is trouble.covered
        assert ("retryAfterMs" in error["extensions"]) is (trouble.read == "UPSTREAM_RATE_LIMITED")
        assert TOKEN not in str(error)
        await recovers(served, simulator)


@EVERY_TROUBLE
async def test_with_a_listing_held_a_read_is_covered_by_it_and_then_sees_what_is_new(
    trouble: Trouble,
) -> None:
    world = call_center()
    async with serving(world, plan=Plan(cache=NEVER_FRESH, limits=QUICK)) as (served, simulators):
        simulator = simulators["acme"]
        before = (await served.ask(COUNT))["agents"]["totalCount"]
        world.add_agent("Nova Pessoa", login="nova.pessoa")
        trouble.arm(simulator.faults)
        for _ in range(3):
            answer = await served.post(COUNT)
            if trouble.covered:
                data = answer.json()["data"]["agents"]
                assert data == {"totalCount": before, "freshness": {"stale": True, "complete": True}}
                assert answer.headers["cache-status"] == "evolux-gateway; hit; detail=stale-if-error"
            else:
                assert answer.json()["errors"][0]["extensions"]["code"] == trouble.read
        asked = len(simulator.requests)
        assert asked <= (3 if trouble.covered else 5), "queues and agents as it began, then once or each time"
        error = await served.fail(COUNT, headers=NO_CACHE)
        assert error["extensions"]["code"] == trouble.read
        await recovers(served, simulator)
        assert (await served.ask(COUNT, headers=NO_CACHE))["agents"]["totalCount"] == before + 1


@EVERY_TROUBLE
async def test_a_write_is_sent_once_and_never_said_to_be_what_it_is_not(trouble: Trouble) -> None:
    world = call_center()
    async with serving(world, plan=Plan(limits=QUICK)) as (served, simulators):
        simulator = simulators["acme"]
        for agent_id, operation in writes(world).values():
            await served.ask(COUNT)
            before = truth(world, agent_id)
            simulator.requests.clear()
            trouble.arm(simulator.faults)
            code, extensions = await outcome_of(served, operation)
            assert code == trouble.write, operation
            assert extensions.get("retryable") is (None if code is None else code == "UPSTREAM_RATE_LIMITED")
            assert sum(each.method != "GET" for each in simulator.requests) <= 1
            await recovers(served, simulator)
            assert (truth(world, agent_id) != before) is trouble.is_done, operation
            assert (await served.ask(ONE, id=agent_id))["agent"] == truth(world, agent_id)


@EVERY_TROUBLE
async def test_an_agent_is_created_once_or_not_at_all(trouble: Trouble) -> None:
    world = call_center()
    async with serving(world, plan=Plan(limits=QUICK)) as (served, simulators):
        simulator = simulators["acme"]
        before = (await served.ask(COUNT))["agents"]["totalCount"]
        trouble.arm(simulator.faults)
        code, _ = await outcome_of(served, CREATE)
        assert code == (trouble.create or trouble.write)
        assert simulator.requests.count("/api/v1/agents", method="POST") == 1
        await recovers(served, simulator)
        assert world.login_taken("zoe.prado") is trouble.is_done
        assert (await served.ask(COUNT))["agents"]["totalCount"] == before + trouble.is_done


async def test_a_page_that_fails_once_is_read_again_and_nobody_notices() -> None:
    world = World.seeded(300, token=TOKEN)
    async with serving(world) as (served, simulators):
        simulator = simulators["acme"]
        simulator.faults.reset(path="/api/v1/agents", page=4)
        simulator.faults.answer(503, path="/api/v1/agents", page=2)
        simulator.faults.truncate(path="/api/v1/agents", page=6)
        data = await served.ask(COUNT)
        assert data["agents"]["freshness"] == {"stale": False, "complete": True}
        assert simulator.requests.pages("/api/v1/agents") == {1: 1, 2: 2, 3: 1, 4: 2, 5: 1, 6: 2}


async def test_a_write_done_while_reads_fail_shows_as_soon_as_evolux_can_be_read() -> None:
    world = call_center()
    async with serving(world, plan=Plan(limits=QUICK)) as (served, simulators):
        simulator = simulators["acme"]
        await served.ask(COUNT)
        agent_id, operation = writes(world)["pause"]
        simulator.faults.answer(503, method="GET", count=None)
        assert await outcome_of(served, operation) == (None, {})
        answer = (await served.post(ONE, id=agent_id)).json()
        if "errors" in answer:
            assert answer["errors"][0]["extensions"]["code"] == "UPSTREAM_UNAVAILABLE"
        else:
            assert answer["data"]["agent"]["state"] == "PAUSED"
        await recovers(served, simulator)
        assert (await served.ask(ONE, id=agent_id))["agent"]["state"] == "PAUSED"


async def test_a_caller_who_hangs_up_leaves_the_write_to_be_done_and_seen() -> None:
    world = call_center()
    async with serving(world) as (served, simulators):
        simulator = simulators["acme"]
        await served.ask(COUNT)
        agent_id, operation = writes(world)["pause"]
        hang = simulator.faults.hang(method="POST")
        caller = asyncio.create_task(served.post(operation))
        await hang.met()
        caller.cancel()
        await asyncio.wait([caller])
        simulator.faults.release()
        async with asyncio.timeout(5):
            while (await served.ask(ONE, id=agent_id))["agent"]["state"] != "PAUSED":  # noqa: ASYNC110 - over a socket
                await asyncio.sleep(0.02)
        assert simulator.requests.count(f"/api/v1/agents/{agent_id}/pause") == 1
