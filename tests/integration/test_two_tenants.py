"""Two customers with equal agent ids: what belongs to one is never answered to the other."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from gateway.settings import CacheSettings, LimitSettings
from gateway.simulator.server import RunningSimulator
from gateway.simulator.world import World
from tests.served import KEY, Plan, Served, caller, serving, token_of

ONLY_ACME = "planted-key-only-acme"


def named(tenant: str, *, agents: int = 120) -> World:
    world = World(token=token_of(tenant))
    for number in range(1, agents + 1):
        world.add_agent(f"{tenant} {number}", login=f"{tenant}.{number}")
        world.log_in(number)
    return world


@pytest.fixture
async def both() -> AsyncIterator[tuple[Served, dict[str, RunningSimulator]]]:
    plan = Plan(
        cache=CacheSettings(fresh_seconds=0.1, stale_seconds=0),
        limits=LimitSettings(
            caller_burst=100_000, upstream_burst=100_000, upstream_requests_per_second=100_000
        ),
        callers={"acme-only": caller(ONLY_ACME, tenants=("acme",))},
    )
    async with serving({"acme": named("acme"), "outra": named("outra")}, plan=plan) as running:
        yield running


async def test_concurrent_requests_of_two_tenants_never_mix(
    both: tuple[Served, dict[str, RunningSimulator]],
) -> None:
    served, simulators = both
    draw = random.Random(7)  # noqa: S311 - a repeatable mix of requests
    agent = "query($id: ID!) { agent(id: $id) { id name login } viewer { tenant } }"

    async def ask(tenant: str, agent_id: int) -> None:
        await asyncio.sleep(draw.random() * 0.2)
        data = await served.ask(agent, headers={"X-Tenant": tenant}, id=agent_id)
        assert data == {
            "agent": {"id": str(agent_id), "name": f"{tenant} {agent_id}", "login": f"{tenant}.{agent_id}"},
            "viewer": {"tenant": tenant},
        }

    await asyncio.gather(*(ask(draw.choice(("acme", "outra")), draw.randint(1, 120)) for _ in range(400)))
    assert all(seen.token_ok for simulator in simulators.values() for seen in simulator.requests)


async def test_a_write_reaches_the_callers_tenant_and_no_other(
    both: tuple[Served, dict[str, RunningSimulator]],
) -> None:
    served, simulators = both
    logoff = 'mutation { logoffAgent(input: {agentId: "5"}) { errors { code } } }'
    await served.ask(logoff, headers={"X-Tenant": "outra"})
    assert not simulators["outra"].world.agents[5].logged_in
    assert simulators["acme"].world.agents[5].logged_in
    assert simulators["acme"].requests.count(method="POST") == 0


async def test_a_caller_of_several_tenants_must_say_which(
    both: tuple[Served, dict[str, RunningSimulator]],
) -> None:
    answer = await both[0].post("{ viewer { tenant } }")
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (400, "BAD_REQUEST")


async def test_another_customers_tenant_looks_like_one_that_does_not_exist(
    both: tuple[Served, dict[str, RunningSimulator]],
) -> None:
    answers = [
        await both[0].post("{ viewer { tenant } }", key=ONLY_ACME, headers={"X-Tenant": tenant})
        for tenant in ("outra", "nenhuma")
    ]
    told = [(answer.status_code, answer.json()["errors"][0]) for answer in answers]
    for status, error in told:
        assert (status, error["extensions"]["code"]) == (403, "UNKNOWN_TENANT")
        error["extensions"].pop("requestId")
    assert told[0] == told[1]
    own = await both[0].post("{ viewer { tenant } }", key=ONLY_ACME)
    assert own.json()["data"] == {"viewer": {"tenant": "acme"}}


async def test_a_tenant_that_hangs_does_not_slow_the_other(
    both: tuple[Served, dict[str, RunningSimulator]],
) -> None:
    served, simulators = both
    simulators["outra"].faults.hang(count=None)
    waiting = [
        asyncio.create_task(served.post("{ agents { totalCount } }", headers={"X-Tenant": "outra"}))
        for _ in range(50)
    ]
    await asyncio.sleep(0.05)
    for _ in range(20):
        data = await asyncio.wait_for(
            served.ask("{ agents { totalCount } }", headers={"X-Tenant": "acme"}), timeout=2
        )
        assert data["agents"]["totalCount"] == 120
    assert not any(task.done() for task in waiting)
    simulators["outra"].faults.clear()
    answers = await asyncio.gather(*waiting)
    assert all(answer.json()["data"]["agents"]["totalCount"] == 120 for answer in answers)


async def test_scopes_are_enforced_on_every_write(both: tuple[Served, dict[str, RunningSimulator]]) -> None:
    served, simulators = both
    for mutation in (
        'createAgent(input: {name: "N", login: "l", password: "p", queueIds: []})',
        'updateAgent(input: {id: "1", name: "N"})',
        'pauseAgent(input: {agentId: "1", pauseId: "49"})',
        'unpauseAgent(input: {agentId: "1"})',
        'logoffAgent(input: {agentId: "1"})',
    ):
        answer = await served.post(f"mutation {{ {mutation} {{ errors {{ code }} }} }}", key=ONLY_ACME)
        [error] = answer.json()["errors"]
        assert (error["extensions"]["code"], error["extensions"]["retryable"]) == ("FORBIDDEN", False)
    assert (
        simulators["acme"].requests.count(method="POST") + simulators["acme"].requests.count(method="PUT")
        == 0
    )


async def test_unknown_and_missing_keys_are_refused_before_anything_is_done(
    both: tuple[Served, dict[str, RunningSimulator]],
) -> None:
    served, simulators = both
    before = [len(simulator.requests) for simulator in simulators.values()]
    missing = await served.client.post("/graphql", json={"query": "{ viewer { name } }"})
    wrong = await served.post("{ viewer { name } }", key="planted-key-of-nobody")
    for answer in (missing, wrong):
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert answer.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert "data" not in answer.json()
    assert [len(simulator.requests) for simulator in simulators.values()] == before
    assert KEY not in served.logs.getvalue()
