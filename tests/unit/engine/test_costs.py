"""The cost of an operation: lists by what their pages ask for, told before anything is run."""

from typing import Any

import pytest
from graphql import GraphQLObjectType, get_nullable_type, is_list_type

from gateway.schema.costs import FIELD_COSTS, LIST_LENGTHS
from tests.unit.engine.measured import SCHEMA, read


def cost(text: str, **variables: Any) -> int:
    document = read(text)
    assert document.errors == ()
    [operation] = document.operations.values()
    return operation.price.at(variables)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{ viewer { name } }", 2),
        ("{ agents { totalCount } }", 2),
        ("{ agents { nodes { id name } } }", 1 + 50 * 3),
        ("{ agents(first: 3) { nodes { id name } totalCount } }", 1 + 3 * 3 + 1),
        ("{ agents(last: 4) { edges { node { id } } } }", 1 + 4 * 3),
        ("{ agents(first: 0) { nodes { id } } }", 1),
        ("{ agents(first: 900000) { nodes { id } } }", 1 + 500 * 2),
        ("{ agents(first: -5) { nodes { id } } }", 1),
        ("{ agents(first: null) { nodes { id } } }", 1 + 50 * 2),
        ("{ queues { agents(first: 10) { nodes { id } } } }", 1 + 20 * (1 + 10 * 2)),
        ("{ agents(first: 2) { nodes { queues { id } } } }", 1 + 2 * (1 + 1 + 3)),
        ("{ agents(first: 2) { nodes { allowedPauses { queue { id } } } } }", 1 + 2 * (1 + 50 + 10 * 2)),
        ("{ agents(first: 2) { n: nodes { id } m: nodes { id } } }", 1 + 2 * 4),
        ("{ agents(first: 7) { ...c } } fragment c on AgentConnection { nodes { id } }", 1 + 7 * 2),
        ("{ agents(first: 7) { ... { nodes { ... on Agent { id } } } } }", 1 + 7 * 2),
        ("{ agents(filter: {enabled: true}) { totalCount } }", 501 + 1),
        ("{ agents(filter: null) { totalCount } }", 1 + 1),
        ("query ($f: AgentFilter) { queues { agents(filter: $f) { totalCount } } }", 1 + 20 * (1_501 + 1)),
        ("{ __typename }", 1),
        ('mutation { logoffAgent(input: {agentId: "1"}) { errors { code } } }', 100 + 2),
    ],
)  # fmt: skip
def test_a_cost_is_the_fields_of_the_answer_at_most(text: str, expected: int) -> None:
    assert cost(text) == expected


@pytest.mark.parametrize(
    ("variables", "rows"),
    [
        ({"n": 8}, 8),
        ({}, 50),
        ({"n": None}, 50),
        ({"n": "many"}, 50),
        ({"n": True}, 50),
        ({"n": -1}, 0),
        ({"n": 10**30}, 500),
    ],
)
def test_a_page_may_be_a_variable(variables: dict[str, Any], rows: int) -> None:
    assert cost("query ($n: Int) { agents(first: $n) { nodes { id } } }", **variables) == 1 + rows * 2


def test_a_variables_default_counts_where_none_is_given() -> None:
    text = "query ($n: Int = 5) { agents(first: $n) { nodes { id } } }"
    assert (cost(text), cost(text, n=6), cost(text, n=None)) == (11, 13, 101)


def test_pages_within_pages_multiply_with_their_variables() -> None:
    text = """query ($n: Int, $m: Int) {
      agents(first: $n) { nodes { queues { agents(last: $m) { nodes { id } } } } }
    }"""
    assert cost(text, n=10, m=20) == 1 + 10 * (1 + 1 + 3 * (1 + 20 * 2))


def test_a_fragment_may_be_spread_in_pages_of_several_sizes() -> None:
    text = """query ($n: Int) {
      a: agents(first: $n) { ...page } b: agents(first: 3) { ...page }
    } fragment page on AgentConnection { nodes { id } totalCount }"""
    assert cost(text, n=4) == (1 + 4 * 2 + 1) + (1 + 3 * 2 + 1)


def test_a_default_of_thousands_of_digits_is_no_trouble() -> None:
    text = f"query ($id: ID = {'9' * 9_000}) {{ agent(id: $id) {{ id }} }}"
    assert read(text).errors or cost(text) == 2


def test_every_list_without_a_page_has_an_expected_length() -> None:
    lists = {
        f"{kind.name}.{name}"
        for kind in SCHEMA.type_map.values()
        if isinstance(kind, GraphQLObjectType) and not kind.name.startswith("__")
        for name, field in kind.fields.items()
        if is_list_type(get_nullable_type(field.type))
    }
    assert lists - set(LIST_LENGTHS) == {"AgentConnection.edges", "AgentConnection.nodes"}
    assert set(LIST_LENGTHS) - lists == {"Query._entities"}  # of the subgraph alone


def test_every_field_with_a_cost_of_its_own_exists() -> None:
    for name in FIELD_COSTS:
        kind, _, rest = name.partition(".")
        field, _, argument = rest.rstrip(")").partition("(")
        graphql_type = SCHEMA.type_map[kind]
        assert isinstance(graphql_type, GraphQLObjectType)
        assert not argument or argument in graphql_type.fields[field].args
        assert field in graphql_type.fields
