"""The executor by hand: what is planned, and what is handed over."""

from typing import Any

import pytest

from gateway.domain.errors import UpstreamTimeout
from gateway.schema.planning import build_executor
from gateway.telemetry.labels import HandOver
from tests.unit.engine.comparing import SCHEMA, an_operation, by_engine, by_graphql_core
from tests.unit.engine.worlds import a_context, a_still_call_center

SAME_ANSWERS = {
    "aliases and merged fields": "{ a: agents { n: totalCount nodes { id } nodes { name id } } __typename }",
    "fragments": """{ agents { ...A ... on AgentConnection { nodes { ...B } } } }
        fragment A on AgentConnection { nodes { ...B id } } fragment B on Agent { login queues { name } }""",
    "skipped and included": """{ agents { totalCount @skip(if: true) nodes @include(if: true) {
        ... @skip(if: true) { id } name @include(if: false) __typename } } }""",
    "edges and cursors": """{ agents(first: 2, orderBy: {field: NAME, direction: DESC}) {
        edges { cursor node { id } } } }""",
    "connections in connections": """{ agents { nodes { queues { agents(first: 1) { nodes { queues {
        agents(last: 1) { edges { cursor node { name } } } } } } } } } }""",
    "a report": """{ agentStates(groupBy: [QUEUE, STATE], filter: {states: [PAUSED, LOGGED_IN]}) {
        total { agents longestPauseSeconds averagePauseSeconds } groups { queue { name } state
        counts { overLimit } } freshness { fetchedAt ageSeconds stale complete } } }""",
    "an upstream read per row": "{ agent(id: 1) { allowedPauses { pause { id } queue { name } } } }",
    "upstream reads of many rows": """{ agents { nodes { id allowedPauses { queue { id name } }
        queues { name } } } }""",
    "the pause catalogue": "{ pauses { id description } }",
    "the caller": "{ viewer { name tenant scopes } again: viewer { __typename } }",
    "an agent who is not there": '{ agent(id: "77") { id } viewer { name } }',
    "several failures": '{ a: agent(id: "77") { id } b: agent(id: "x") { id } agents { totalCount } }',
    "a failure that takes all": "{ viewer { name } agents(first: 501) { totalCount } }",
    "a failure far down": "{ agents { nodes { id queues { agents(first: -1) { totalCount } } } } }",
    "one of many roots fails": '{ queues { id } agent(id: "77") { id } agents { freshness { ageSeconds } } }',
    "a failure that takes all before a wait ends": """{ agent(id: 1) { allowedPauses { queue {
        agents(before: "none") { totalCount } } } } agents(first: 501) { totalCount } }""",
    "the schema": "{ __schema { queryType { name } } viewer { name } }",
    "nothing but its type": "{ __typename }",
}


@pytest.mark.parametrize("cost", [0, 10_000])
@pytest.mark.parametrize("document", SAME_ANSWERS.values(), ids=SAME_ANSWERS.keys())
async def test_the_engine_answers_as_graphql_core_does(document: str, cost: int) -> None:
    on, executor = a_still_call_center(), build_executor(SCHEMA)
    operation = an_operation(document, cost=cost)
    expected = await by_graphql_core(operation, a_context(on))
    for warm in (True, False, True):
        assert await by_engine(operation, a_context(on), executor=executor, warm=warm) == expected


HANDED_OVER = {
    "the schema": HandOver.INTROSPECTION,
    "several failures": HandOver.SEVERAL_ERRORS,
    "a failure far down": HandOver.FIELD_ERROR,
}


@pytest.mark.parametrize("name", SAME_ANSWERS)
async def test_only_introspection_and_some_failures_are_handed_over(name: str) -> None:
    handed: list[HandOver] = []
    executor = build_executor(SCHEMA, on_hand_over=handed.append)
    await by_engine(an_operation(SAME_ANSWERS[name]), a_context(a_still_call_center()), executor=executor)
    assert handed == ([HANDED_OVER[name]] if name in HANDED_OVER else [])


VARIABLES: list[tuple[str, dict[str, Any]]] = [
    ("query ($n: Int = 2) { agents(first: $n) { nodes { id } } }", {}),
    ("query ($n: Int = 2) { agents(first: $n) { nodes { id } } }", {"n": None}),
    ("query ($n: Int) { agents(first: $n) { nodes { id } } }", {"n": 1.0}),
    ("query ($n: Int) { agents(first: $n) { nodes { id } } }", {"n": True}),
    ("query ($n: Int) { agents(first: $n) { nodes { id } } }", {"n": 2**40}),
    ("query ($id: ID!) { agent(id: $id) { name } }", {}),
    ("query ($id: ID!) { agent(id: $id) { name } }", {"id": 3}),
    ("query ($f: AgentFilter) { agents(filter: $f) { nodes { id } } }", {"f": {"states": ["PAUSED"]}}),
    ("query ($f: AgentFilter) { agents(filter: $f) { nodes { id } } }", {"f": {"states": "PAUSED", "no": 1}}),
    ("query ($s: [AgentState!]) { agents(filter: {states: $s}) { nodes { id } } }", {"s": "PAUSED"}),
    (
        "query ($yes: Boolean!) { agents { totalCount @include(if: $yes) nodes @skip(if: $yes) { id } } }",
        {"yes": True},
    ),
    (
        "query ($yes: Boolean!) { agents { totalCount @include(if: $yes) nodes @skip(if: $yes) { id } } }",
        {"yes": False},
    ),
    ("query ($n: Int) { queues { agents(first: $n) { nodes { id } } } }", {"n": 501}),
    ("query ($n: Int) { queues { agents(first: $n) { nodes { id } } } }", {"n": 1, "undeclared": 2}),
]


@pytest.mark.parametrize(("document", "variables"), VARIABLES)
async def test_variables_are_read_as_graphql_core_reads_them(
    document: str, variables: dict[str, Any]
) -> None:
    on, operation = a_still_call_center(), an_operation(document, variables=variables)
    executor = build_executor(SCHEMA)
    expected = await by_graphql_core(operation, a_context(on))
    for _ in range(3):
        assert await by_engine(operation, a_context(on), executor=executor) == expected


async def test_one_and_true_are_different_variables() -> None:
    document = "query ($n: Int) { agents(first: $n) { totalCount } }"
    executor, on = build_executor(SCHEMA), a_still_call_center()
    for _ in range(3):
        right = await by_engine(an_operation(document, variables={"n": 1}), a_context(on), executor=executor)
        assert b"errors" not in right
    wrong = await by_engine(an_operation(document, variables={"n": True}), a_context(on), executor=executor)
    assert b"BAD_USER_INPUT" in wrong or b"GRAPHQL_VALIDATION_FAILED" in wrong


async def test_a_failing_queue_listing_is_asked_once_and_shown_as_graphql_core_shows_it() -> None:
    operation = an_operation("{ agents { nodes { queues { name } } } viewer { name } }")
    on, executor = a_still_call_center(), build_executor(SCHEMA)
    on.failures["queues"] = UpstreamTimeout("Evolux did not answer in time.")
    expected = await by_graphql_core(operation, a_context(on))
    on.calls.clear()
    assert await by_engine(operation, a_context(on), executor=executor, warm=False) == expected
    assert sorted(on.calls) == ["agents", "queues"]
    assert b'"data":null' in expected


async def test_two_failures_of_one_listing_are_told_in_graphql_cores_order() -> None:
    operation = an_operation("{ queues { agentStates { paused } } agentStates { total { agents } } }")
    on, executor = a_still_call_center(), build_executor(SCHEMA)
    on.failures["agents"] = UpstreamTimeout("Evolux did not answer in time.")
    expected = await by_graphql_core(operation, a_context(on))
    assert b'"path":["queues",0,"agentStates"]' in expected
    assert await by_engine(operation, a_context(on), executor=executor) == expected


async def test_what_takes_all_waits_for_no_pauses() -> None:
    operation = an_operation(SAME_ANSWERS["a failure that takes all before a wait ends"])
    on, executor = a_still_call_center(), build_executor(SCHEMA)
    answered = await by_engine(operation, a_context(on), executor=executor)
    assert b'"path":["agents"]' in answered
    assert b"allowedPauses" not in answered
    assert "agent_pauses" not in on.calls


@pytest.mark.parametrize(
    "variables",
    [
        {"first": 2, "id": "1", "login": "ana", "archived": True},
        {"first": 2, "id": 1, "login": "ana", "archived": True},
        {"id": "1", "login": "ana"},
        {"first": None, "id": "1", "login": "ana", "archived": None},
        {"first": 2**31 - 1, "id": "1", "login": "ana"},
        {"first": 2**31, "id": "1", "login": "ana"},
        {"first": -(2**31), "id": "1", "login": "ana"},
        {"first": 2.0, "id": "1", "login": "ana"},
        {"first": True, "id": "1", "login": "ana"},
        {"first": "2", "id": "1", "login": "ana"},
        {"first": 2, "id": True, "login": "ana"},
        {"first": 2, "id": "1", "login": 1},
        {"first": 2, "id": "1", "login": None},
        {"first": 2, "id": "1"},
        {"first": 2, "id": "1", "login": "ana", "archived": 1},
        {"first": 2, "id": "1", "login": "ana", "nobody": "asked"},
    ],
    ids=str,
)
async def test_a_variable_that_stands_for_a_whole_argument_is_taken_as_graphql_core_coerces_it(
    variables: dict[str, Any],
) -> None:
    document = """query ($first: Int = 3, $id: ID!, $login: String!, $archived: Boolean) {
        agents(first: $first, filter: {search: "a", archived: $archived}) { nodes { id } }
        also: agents(first: $first, orderBy: {field: NAME, direction: ASC}) { nodes { id } }
        agent(id: $id) { id }
        agentByLogin(login: $login) { id }
    }"""
    executor, on = build_executor(SCHEMA), a_still_call_center()
    operation = an_operation(document, variables=variables)
    for _ in range(2):
        expected = await by_graphql_core(operation, a_context(on))
        assert await by_engine(operation, a_context(on), executor=executor) == expected


async def test_a_variable_for_a_whole_argument_of_objects_is_converted_with_what_stands_beside_it() -> None:
    document = """query ($filter: AgentFilter, $order: AgentOrder, $first: Int) {
        agents(filter: $filter, orderBy: $order, first: $first, after: null) { nodes { id name } }
    }"""
    executor, on = build_executor(SCHEMA), a_still_call_center()
    for variables in (
        {"filter": {"search": "a"}, "order": {"field": "NAME", "direction": "DESC"}, "first": 2},
        {"filter": {"ids": ["1", 2]}, "first": 1},
        {"filter": None, "order": None},
        {},
    ):
        operation = an_operation(document, variables=variables)
        expected = await by_graphql_core(operation, a_context(on))
        assert b'"errors"' not in expected
        assert await by_engine(operation, a_context(on), executor=executor) == expected
