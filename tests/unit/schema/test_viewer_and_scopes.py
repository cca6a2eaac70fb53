import pytest

from tests.unit.schema.operations import a_call_center, data_of, run

QUERIES = [
    "agents { totalCount }",
    "agent(id: 1) { id }",
    'agentByLogin(login: "ana") { id }',
    "queues { id }",
    "queue(id: 1) { id }",
    "pauses { id }",
    "agentStates { total { agents } }",
]
MUTATIONS = [
    'createAgent(input: {name: "N", login: "n", password: "p"}) { agent { id } errors { code } }',
    'updateAgent(input: {id: 1, name: "N"}) { agent { id } errors { code } }',
    "pauseAgent(input: {agentId: 2, pauseId: 50}) { agent { id } errors { code } }",
    "unpauseAgent(input: {agentId: 1}) { agent { id } errors { code } }",
    "logoffAgent(input: {agentId: 2}) { agent { id } errors { code } }",
]


async def test_the_viewer_is_the_caller_as_the_gateway_knows_it() -> None:
    on = a_call_center()
    assert await data_of("{ viewer { name tenant scopes } }", on=on) == {
        "viewer": {"name": "wallboard", "tenant": "acme", "scopes": ["agents:read", "agents:write"]}
    }
    assert on.calls.total() == 0


async def test_a_caller_without_scopes_still_learns_who_they_are() -> None:
    answer = await run("{ viewer { name scopes } }", scopes=frozenset())
    assert answer.data == {"viewer": {"name": "wallboard", "scopes": []}}
    assert answer.errors == []


@pytest.mark.parametrize("field", QUERIES)
async def test_every_query_is_forbidden_without_the_scope_to_read(field: str) -> None:
    on = a_call_center()
    answer = await run(f"{{ it: {field} }}", on=on, scopes=frozenset({"agents:write", "agents"}))
    assert answer.codes == [("FORBIDDEN", ["it"])]
    assert answer.errors[0]["message"] == "This needs the scope agents:read."
    assert answer.data in (None, {"it": None})
    assert on.calls.total() == 0


@pytest.mark.parametrize("field", MUTATIONS)
async def test_every_mutation_is_forbidden_without_the_scope_to_write(field: str) -> None:
    on = a_call_center()
    before = dict(on.rows)
    answer = await run(f"mutation {{ it: {field} }}", on=on, scopes=frozenset({"agents:read"}))
    assert answer.data is None
    assert answer.codes == [("FORBIDDEN", ["it"])]
    assert on.calls.total() == 0
    assert on.rows == before


@pytest.mark.parametrize("field", MUTATIONS)
async def test_the_scope_to_write_is_enough_to_write(field: str) -> None:
    answer = await run(f"mutation {{ it: {field} }}", scopes=frozenset({"agents:write"}))
    assert answer.errors == []
    assert answer.data["it"]["errors"] == []
    assert answer.data["it"]["agent"] is not None
