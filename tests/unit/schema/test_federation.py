"""The subgraph: agents, queues and pauses by id, of one snapshot; what is misnamed is an error of its own."""

from typing import Any

import pytest
from graphql import execute, parse, validate

from gateway.domain.errors import UpstreamTimeout
from gateway.domain.ids import TenantId
from gateway.schema.context import OperationContext
from gateway.schema.errors import shape_error
from gateway.schema.federation import MAX_REPRESENTATIONS, federated, subgraph_of
from gateway.schema.schema import build_schema, print_sdl
from tests.fakes import FakeCallCenter, FakeClock
from tests.unit.schema.operations import READ_AND_WRITE, a_call_center

SUBGRAPH = federated(build_schema()._schema, sdl=print_sdl())
ENTITIES = """query ($of: [_Any!]!) { _entities(representations: $of) {
  ... on Agent { id name queues { id name } } ... on Queue { id slug agentStates { agents } }
  ... on Pause { description }
} }"""


async def ask(
    representations: list[Any],
    *,
    on: FakeCallCenter | None = None,
    scopes: frozenset[str] = READ_AND_WRITE,
    document: str = ENTITIES,
) -> tuple[Any, list[tuple[str, Any]]]:
    """The entities, and each error's code and path."""
    context = OperationContext(
        tenant_id=TenantId("acme"),
        caller_name="router",
        scopes=scopes,
        call_center=on or a_call_center(),
        clock=FakeClock(),
        request_id="r-1",
    )
    syntax = parse(document)
    assert validate(SUBGRAPH, syntax) == []
    result: Any = execute(SUBGRAPH, syntax, context_value=context, variable_values={"of": representations})
    result = await result
    errors = [shape_error(error, request_id="r-1") for error in result.errors or ()]
    codes = [(error["extensions"]["code"], error["path"]) for error in errors]
    return result.data and result.data["_entities"], codes


def agent(id: Any, **more: Any) -> dict[str, Any]:  # noqa: A002 - as it is in GraphQL
    return {"__typename": "Agent", "id": id, **more}


async def test_entities_are_found_by_id_in_order_by_one_reading_of_each_listing() -> None:
    on = a_call_center()
    asked = [
        agent("2"),
        {"__typename": "Pause", "id": "49"},
        {"__typename": "Queue", "id": 1},
        {"__typename": "Queue", "id": "9"},
        agent(5),
        agent("2"),
    ]
    entities, errors = await ask(asked, on=on)
    assert errors == []
    bruno = {
        "id": "2",
        "name": "Bruno Lima",
        "queues": [{"id": "1", "name": "Vendas"}, {"id": "9", "name": None}],
    }
    assert entities == [
        bruno,
        {"description": "10 minutos/NR17"},
        {"id": "1", "slug": "fila-1", "agentStates": {"agents": 2}},
        {"id": "9", "slug": None, "agentStates": {"agents": 1}},
        {"id": "5", "name": "Eva Nunes", "queues": [{"id": "1", "name": "Vendas"}]},
        bruno,
    ]
    assert (on.calls["agents"], on.calls["queues"], on.calls["read_agent"]) == (1, 1, 0)


async def test_only_the_listings_that_are_asked_for_are_read() -> None:
    on = a_call_center()
    document = (
        "query ($of: [_Any!]!) { _entities(representations: $of) { __typename ... on Agent { name } } }"
    )
    assert await ask([agent(1)], on=on, document=document) == (
        [{"__typename": "Agent", "name": "Ana Souza"}],
        [],
    )
    assert on.calls == {"agents": 1}


@pytest.mark.parametrize("kind", ["Agent", "Queue", "Pause"])
async def test_what_is_not_there_is_null_and_no_error(kind: str) -> None:
    assert await ask([{"__typename": kind, "id": "404"}]) == ([None], [])


@pytest.mark.parametrize(
    "representation",
    [
        agent("2", name="Bruno"),
        agent("2", tenant="beta"),
        {"__typename": "Agent"},
        {"id": "2"},
        {"__typename": "Agent", "login": "bruno"},
        {"__typename": "Viewer", "id": "2"},
        {"__typename": ["Agent"], "id": "2"},
        {"__typename": None, "id": "2"},
        agent("../1"),
        agent(""),
        agent("-1"),
        agent(0),
        agent(True),
        agent(2.0),
        agent(None),
        agent(["2"]),
        agent({"id": "2"}),
        agent("9" * 5000),
        agent("2\x00"),
        agent("\ud800"),
        "Agent:2",
        2,
        True,
        ["Agent", "2"],
        {},
    ],
)
async def test_a_misnamed_entity_is_an_input_error_and_the_others_are_given(representation: Any) -> None:
    entities, errors = await ask([agent("1"), representation, {"__typename": "Pause", "id": 50}])
    assert entities[0]["name"] == "Ana Souza"
    assert entities[1] is None
    assert entities[2] == {"description": "Almoço"}
    assert errors == [("BAD_USER_INPUT", ["_entities", 1])]


async def test_no_entities_read_nothing() -> None:
    on = a_call_center()
    assert await ask([], on=on) == ([], [])
    assert on.calls == {}


async def test_too_many_entities_are_refused_before_anything_is_read() -> None:
    on = a_call_center()
    entities, errors = await ask([agent("1")] * (MAX_REPRESENTATIONS + 1), on=on)
    assert (entities, errors) == (None, [("OPERATION_TOO_LARGE", ["_entities"])])
    assert on.calls == {}


async def test_entities_need_the_scope_of_reading() -> None:
    on = a_call_center()
    entities, errors = await ask([agent("1")], on=on, scopes=frozenset({"agents:write"}))
    assert (entities, errors) == (None, [("FORBIDDEN", ["_entities"])])
    assert on.calls == {}


async def test_a_listing_that_fails_fails_its_entities() -> None:
    on = a_call_center()
    on.fail("agents", UpstreamTimeout("Evolux did not answer in time."))
    entities, errors = await ask([agent("1")], on=on)
    assert (entities, errors) == (None, [("UPSTREAM_TIMEOUT", ["_entities"])])


def test_the_subgraphs_sdl_is_the_schemas_with_keys_and_what_may_be_shared() -> None:
    sdl = subgraph_of(print_sdl())
    marked = [line for line in sdl.splitlines() if "@key(" in line or " @shareable {" in line]
    assert marked == [
        'type Agent @key(fields: "id") {',
        "type PageInfo @shareable {",
        'type Pause @key(fields: "id") {',
        'type Queue @key(fields: "id") {',
    ]
    plain = sdl.partition("\n\n")[2].replace(' @key(fields: "id")', "").replace(" @shareable", "")
    assert plain == print_sdl()
    assert "/federation/v2.9" in sdl


def test_the_schema_itself_knows_nothing_of_it() -> None:
    assert "_entities" not in print_sdl()
    assert "_entities" not in build_schema()._schema.query_type.fields  # type: ignore[union-attr]
