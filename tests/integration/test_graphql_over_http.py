"""GraphQL over HTTP: the public audit suite against the whole gateway, and what the audits do not ask."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.settings import LimitSettings
from gateway.simulator.world import World
from tests import node
from tests.served import KEY, Plan, Served, serving, token_of

AUDIT = Path(__file__).parents[1] / "audit"


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    world = World(token=token_of("acme"))
    world.add_agent("Ana", login="ana")
    limits = LimitSettings(caller_burst=10_000)
    async with serving(world, plan=Plan(limits=limits)) as (running, _simulators):
        yield running


async def test_every_audit_of_the_public_suite_is_green(served: Served) -> None:
    node.install(AUDIT)
    url = f"{served.client.base_url}/graphql".replace("//graphql", "/graphql")
    lines = await node.run(AUDIT / "audit.mjs", environ={"URL": url, "KEY": KEY})
    audits = [json.loads(line) for line in lines]
    assert len(audits) >= 61
    assert [one for one in audits if one["status"] != "ok"] == []
