"""Writes whose answer is lost after they happened: Evolux ends up exactly as the callers were told."""

import asyncio
import random
from collections import Counter
from datetime import UTC, datetime, timedelta

from gateway.settings import LimitSettings
from gateway.simulator.records import Pause, Queue
from gateway.simulator.world import World
from tests.served import Plan, Served, serving, token_of

CALLS = 1_000
WORKERS = 10
PATIENT = LimitSettings(
    upstream_requests_per_second=100_000,
    upstream_burst=100_000,
    breaker_failures=1_000_000,
    caller_requests_per_second=100_000,
    caller_burst=100_000,
)
AFTER = "{ changed reconciled errors { code } }"


def a_world(*, agents: int = 60) -> World:
    world = World(token=token_of("acme"))
    world.add_queue(Queue(id=1, name="Cobrança", slug="cobranca", number="3001"))
    world.add_pause(Pause(id=49, description="10 minutos/NR17", type="nr17rest10", productive=True))
    world.add_pause(Pause(id=50, description="Almoço", productive=True))
    for pause_id in (49, 50):
        world.allow_pause(pause_id, queue_id=1, limit_seconds=600)
    for number in range(agents):
        made = world.add_agent(f"Agente {number}", login=f"agente.{number}", queue_ids=(1,), password="x")
        if number % 5:
            world.log_in(made.id, at=datetime.now(UTC) - timedelta(hours=1))
    return world


class Caller:
    """Writes at random to agents of its own, and checks each answer against the world."""

    def __init__(self, served: Served, world: World, *, agent_ids: list[int], seed: int) -> None:
        self.told: Counter[str] = Counter()
        self._served = served
        self._world = world
        self._agent_ids = agent_ids
        self._random = random.Random(seed)  # noqa: S311 - the same calls every time
        self._seed = seed

    async def call(self, number: int) -> None:
        agent_id = self._random.choice(self._agent_ids)
        verb = self._random.choice(("pause", "pause", "unpause", "unpause", "logoff", "create"))
        if verb == "create":
            await self._create(f"novo.{self._seed}.{self._random.choice((number, number - 7))}")
            return
        pause_id = self._random.choice((49, 50))
        more = f', pauseId: "{pause_id}"' if verb == "pause" else ""
        before = self._world.agents[agent_id]
        told = await self._tell(f'it: {verb}Agent(input: {{agentId: "{agent_id}"{more}}}) {AFTER}')
        after = self._world.agents[agent_id]
        if told != "done":
            assert after == before, (verb, told)
            return
        assert after != before, verb
        if verb == "pause":
            assert after.current_pause is not None
            assert after.current_pause.pause_id == pause_id
        elif verb == "unpause":
            assert after.current_pause is None
        else:
            assert not after.logged_in
            self._world.log_in(agent_id)

    async def _create(self, login: str) -> None:
        existed = self._world.login_taken(login)
        count = len(self._world.agents)
        inputs = f'{{name: "Nova", login: "{login}", password: "planted-password", queueIds: ["1"]}}'
        told = await self._tell(f"it: createAgent(input: {inputs}) {AFTER}")
        assert self._world.login_taken(login) is (existed or told == "done")
        assert len(self._world.agents) >= count
        assert [one.login for one in self._world.agents.values()].count(login) <= 1
        if existed:
            assert told == "UPSTREAM_UNAVAILABLE"

    async def _tell(self, field: str) -> str:
        answer = (await self._served.post(f"mutation {{ {field} }}")).json()
        if "errors" in answer:
            [error] = answer["errors"]
            told: str = error["extensions"]["code"]
            assert error["extensions"]["retryable"] is (told == "UPSTREAM_UNAVAILABLE")
        else:
            assert answer["data"]["it"] == {"changed": True, "reconciled": True, "errors": []}
            told = "done"
        self.told[told] += 1
        return told


async def test_a_thousand_lost_answers_are_settled_as_they_were() -> None:
    world = a_world()
    async with serving(world, plan=Plan(limits=PATIENT)) as (served, simulators):
        await served.ask("{ agents { totalCount } }")
        simulators["acme"].faults.lose_answer(method="POST", count=None)
        ids = list(world.agents)
        callers = [Caller(served, world, agent_ids=ids[at::WORKERS], seed=at) for at in range(WORKERS)]

        async def run(caller: Caller) -> None:
            for number in range(CALLS // WORKERS):
                await caller.call(number)

        await asyncio.gather(*(run(caller) for caller in callers))
        told = sum((caller.told for caller in callers), Counter[str]())
        posts = sum(one.method == "POST" for one in simulators["acme"].requests)
    assert told.total() == CALLS
    assert told["done"] < posts <= CALLS
    assert set(told) == {"done", "UPSTREAM_UNAVAILABLE"}
    assert told["done"] > CALLS // 3


async def test_what_cannot_be_read_again_stays_unknown() -> None:
    world = a_world()
    async with serving(world, plan=Plan(limits=PATIENT)) as (served, simulators):
        await served.ask("{ agents { totalCount } }")
        simulators["acme"].faults.lose_answer(method="POST")
        simulators["acme"].faults.answer(500, method="GET", count=None)
        error = await served.fail(
            f'mutation {{ pauseAgent(input: {{agentId: "2", pauseId: "49"}}) {AFTER} }}'
        )
    assert error["extensions"]["code"] == "OUTCOME_UNKNOWN"
    assert world.agents[2].current_pause is not None


async def test_a_write_that_may_still_come_is_not_said_to_have_failed() -> None:
    world = a_world()
    limits = LimitSettings(upstream_read_seconds=0.3, upstream_connect_seconds=0.3)
    async with serving(world, plan=Plan(limits=limits)) as (served, simulators):
        await served.ask("{ agents { totalCount } }")
        simulators["acme"].faults.hang(method="POST")
        error = await served.fail(
            f'mutation {{ pauseAgent(input: {{agentId: "2", pauseId: "49"}}) {AFTER} }}'
        )
    assert error["extensions"]["code"] == "OUTCOME_UNKNOWN"
    assert error["extensions"]["retryable"] is False
    assert world.agents[2].current_pause is None


async def test_a_pause_from_before_is_never_taken_for_the_one_that_was_asked() -> None:
    world = a_world()
    async with serving(world, plan=Plan(limits=PATIENT)) as (served, simulators):
        await served.ask("{ agents { totalCount } }")
        world.pause(2, 49, at=datetime.now(UTC) - timedelta(seconds=30))
        simulators["acme"].faults.lose_answer(method="POST")
        error = await served.fail(
            f'mutation {{ pauseAgent(input: {{agentId: "2", pauseId: "49"}}) {AFTER} }}'
        )
    assert error["extensions"]["code"] == "UPSTREAM_UNAVAILABLE"


async def test_a_clock_that_is_off_does_not_make_an_old_pause_new() -> None:
    world = a_world()
    async with serving(world, plan=Plan(limits=PATIENT, clock=LateClock())) as (served, simulators):
        await served.ask("{ agents { totalCount } }")
        simulators["acme"].faults.lose_answer(method="POST", count=2)
        asked = f'mutation {{ pauseAgent(input: {{agentId: "2", pauseId: "49"}}) {AFTER} }}'
        told = await served.ask(asked)
        assert told["pauseAgent"]["reconciled"] is True
        error = await served.fail(asked)
    assert error["extensions"]["code"] == "UPSTREAM_UNAVAILABLE"


class LateClock:
    """The gateway's clock, three hours late."""

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    def now(self) -> datetime:
        return datetime.now(UTC) - timedelta(hours=3)
