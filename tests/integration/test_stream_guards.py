"""What streams are not to be misled by: ids that nobody gave out, tenants that move, checks that fail."""

from typing import Any

from gateway.simulator.server import running
from gateway.simulator.world import World
from tests.integration.test_event_streams import SLOW, serving_three
from tests.integration.test_stream_lives import QUICK, settings_without
from tests.served import Plan, serving, token_of
from tests.streams import subscribed

WITH_QUEUES = "subscription { agentChanged { initial agents { name queues { name } } left } }"


async def test_an_id_that_nobody_gave_out_is_not_repeated_while_evolux_fails() -> None:
    async with serving_three(SLOW) as (served, simulator), subscribed(served.client) as reader:
        name = (await reader.next()).id.partition(".")[2]
    async with serving_three(SLOW) as (served, simulator):
        simulator.faults.answer(503, count=None)
        for state in ("x\nevent: made-up\n\ndata: {}", "A" * 24, "0" * 23, ""):
            async with subscribed(served.client, extensions={"lastEventId": f"{state}.{name}"}) as reader:
                told = await reader.next()
            assert told.code == "UPSTREAM_UNAVAILABLE"
            assert "id" not in told.fields
            assert "extensions" not in told.result
        known = f"{'0' * 24}.{name}"
        async with subscribed(served.client, extensions={"lastEventId": known}) as reader:
            assert (await reader.next()).id == known  # what the reader has seen stays what it has seen


async def test_events_after_a_tenant_has_moved_are_of_its_new_evolux_alone() -> None:
    moved = World.seeded(5, seed=3, token=token_of("acme"))
    async with serving_three(QUICK) as (served, before), running(moved) as after:
        async with subscribed(served.client, WITH_QUEUES) as reader:
            assert (await reader.next()).changes["initial"] is True
            settings_without(served, after, subscriptions=QUICK)
            walks = len(before.requests)
            told = await reader.next()
        assert len(before.requests) == walks
    names = {queue["name"] for agent in told.changes["agents"] for queue in agent["queues"]}
    assert names
    assert names <= {queue.name for queue in moved.queues.values()}


async def test_an_id_of_another_subscription_or_tenant_is_a_new_beginning() -> None:
    worlds = {name: World(token=token_of(name)) for name in ("acme", "beta")}
    for world in worlds.values():  # equal agents, so equal states
        world.add_agent("Ana", login="ana")
    async with serving(worlds, plan=Plan(subscriptions=SLOW)) as (served, _simulators):

        async def begins(last: str, *, tenant: str = "acme", **variables: Any) -> bool:
            headers = {"X-Tenant": tenant, "Last-Event-ID": last}
            async with subscribed(served.client, headers=headers, **variables) as reader:
                return bool((await reader.next()).changes["initial"])

        async with (
            subscribed(served.client, headers={"X-Tenant": "acme"}) as mine,
            subscribed(served.client, headers={"X-Tenant": "beta"}) as others,
        ):
            seen, foreign = (await mine.next()).id, (await others.next()).id
            assert await begins(seen) is False
            assert await begins(seen, filter={"search": "ana"}) is True
            assert await begins(foreign) is True
            assert await begins(seen, tenant="beta") is True


async def test_readers_of_two_tenants_whose_agents_have_equal_ids_hear_of_their_own_alone() -> None:
    worlds = {name: World(token=token_of(name)) for name in ("acme", "beta")}
    for name, world in worlds.items():
        world.add_agent(f"Ana of {name}", login="ana")
    async with (
        serving(worlds, plan=Plan(subscriptions=QUICK)) as (served, _simulators),
        subscribed(served.client, headers={"X-Tenant": "acme"}) as mine,
        subscribed(served.client, headers={"X-Tenant": "beta"}) as others,
    ):
        first = [(await reader.next()).changes["agents"] for reader in (mine, others)]
        worlds["beta"].add_agent("Bia of beta", login="bia")
        foreign = (await others.next()).changes
        worlds["acme"].add_agent("Caio of acme", login="caio")
        own = (await mine.next()).changes
    assert [[agent["name"] for agent in agents] for agents in first] == [["Ana of acme"], ["Ana of beta"]]
    assert [agent["name"] for agent in foreign["agents"]] == ["Bia of beta"]
    assert [(agent["id"], agent["name"]) for agent in own["agents"]] == [("2", "Caio of acme")]
    assert own["totalCount"] == 2
