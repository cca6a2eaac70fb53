"""The subgraph over HTTP: off by default, asked by a router's queries, composed by a real composition."""

import json
from pathlib import Path

import msgspec
from graphql import build_ast_schema, parse

from gateway.settings import ServerSettings
from gateway.simulator.world import World
from tests import node
from tests.served import KEY, Plan, serving, token_of

COMPOSITION = Path(__file__).parents[1] / "federation"
ROUTERS_QUERY = (
    "query Cases__gateway__1($representations: [_Any!]!) "
    "{ _entities(representations: $representations) { ... on Agent { name state } } }"
)


def call_center() -> World:
    world = World(token=token_of("acme"))
    world.add_agent("Ana", login="ana")
    return world


def federated() -> Plan:
    return Plan(server=ServerSettings(port=0, federation=True))


async def test_the_subgraph_composes_with_another_that_extends_agents() -> None:
    node.install(COMPOSITION)
    async with serving(call_center(), plan=federated()) as (served, _):
        url = f"{str(served.client.base_url).rstrip('/')}/graphql"
        [line] = await node.run(COMPOSITION / "compose.mjs", environ={"URL": url, "KEY": KEY})
    composed = json.loads(line)
    assert composed["errors"] == []
    public = build_ast_schema(parse(composed["publicSdl"]))
    agent = public.type_map["Agent"].fields  # type: ignore[attr-defined]
    assert {"name", "state", "cases"} <= set(agent)
    assert {"agents", "cases", "viewer"} <= set(public.query_type.fields)  # type: ignore[union-attr]
    assert '@join__type(graph: GATEWAY, key: "id")' in composed["supergraph"]


async def test_a_routers_query_is_answered_and_a_bad_representation_is_not_ours() -> None:
    async with serving(call_center(), plan=federated()) as (served, _):
        ana = {"__typename": "Agent", "id": "1"}
        data = await served.ask(ROUTERS_QUERY, representations=[ana, {**ana, "id": "7"}])
        assert data == {"_entities": [{"name": "Ana", "state": "LOGGED_OUT"}, None]}
        error = await served.fail(ROUTERS_QUERY, representations=[{**ana, "name": "Ana"}])
        assert error["extensions"]["code"] == "BAD_USER_INPUT"
        assert error["path"] == ["_entities", 0]
        told = [line for line in served.log_lines() if line["level"] == "error"]
        assert told == []
        assert msgspec.json.encode(await served.ask("{ agents { nodes { name } } }")) == (
            b'{"agents":{"nodes":[{"name":"Ana"}]}}'
        )


async def test_without_the_setting_there_is_no_subgraph() -> None:
    async with serving(call_center()) as (served, _):
        for document in ("{ _service { sdl } }", "{ _entities(representations: []) { __typename } }"):
            error = await served.fail(document)
            assert error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
