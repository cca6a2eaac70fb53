from typing import Any

import pytest

from gateway.schema.mutation_inputs import CreateAgentInput, UpdateAgentInput
from tests.unit.schema.operations import a_call_center, run


def _mutation(verb: str) -> str:
    field = f"{verb.lower()}Agent(input: $input) {{ errors {{ code field message }} }}"
    return f"mutation ($input: {verb}AgentInput!) {{ it: {field} }}"


CREATE = _mutation("Create")
UPDATE = _mutation("Update")
PAUSE = (
    "mutation ($input: PauseAgentInput!) { it: pauseAgent(input: $input) { errors { code field message } } }"
)
UNPAUSE = _mutation("Unpause")
LOGOFF = _mutation("Logoff")
NEW = {"name": "N", "login": "n", "password": "planted-password"}


@pytest.mark.parametrize(
    ("document", "given", "field"),
    [
        (CREATE, {**NEW, "name": " \t"}, ["name"]),
        (CREATE, {**NEW, "name": "a" * 256}, ["name"]),
        (CREATE, {**NEW, "login": ""}, ["login"]),
        (CREATE, {**NEW, "login": "a\x00b"}, ["login"]),
        (CREATE, {**NEW, "login": "a\nb"}, ["login"]),
        (CREATE, {**NEW, "name": "\ud800"}, ["name"]),
        (CREATE, {**NEW, "password": "   "}, ["password"]),
        (CREATE, {**NEW, "password": "planted-password" * 37}, ["password"]),
        (CREATE, {**NEW, "password": "planted-password\x7f"}, ["password"]),
        (CREATE, {**NEW, "queueIds": ["1", "x"]}, ["queueIds"]),
        (UPDATE, {"id": "x", "name": "N"}, ["id"]),
        (UPDATE, {"id": 2}, []),
        (UPDATE, {"id": 2, "name": None}, ["name"]),
        (UPDATE, {"id": 2, "password": None, "name": "N"}, ["password"]),
        (UPDATE, {"id": 2, "password": " "}, ["password"]),
        (UPDATE, {"id": 2, "queueIds": None}, ["queueIds"]),
        (UPDATE, {"id": 2, "queueIds": ["0"]}, ["queueIds"]),
        (UPDATE, {"id": 2, "levels": None}, ["levels"]),
        (UPDATE, {"id": 2, "levels": []}, ["levels"]),
        (UPDATE, {"id": 2, "levels": [{"queueId": 1, "priority": 1}] * 2}, ["levels"]),
        (
            UPDATE,
            {"id": 2, "levels": [{"queueId": 1, "priority": 1}, {"queueId": "x", "priority": 1}]},
            ["levels", "1", "queueId"],
        ),
        (UPDATE, {"id": 2, "levels": [{"queueId": 1, "priority": -1}]}, ["levels", "0", "priority"]),
        (UPDATE, {"id": 2, "levels": [{"queueId": 1, "priority": 1001}]}, ["levels", "0", "priority"]),
        (PAUSE, {"agentId": "x", "pauseId": 50}, ["agentId"]),
        (PAUSE, {"agentId": 2, "pauseId": "x"}, ["pauseId"]),
        (UNPAUSE, {"agentId": "1.5"}, ["agentId"]),
        (LOGOFF, {"agentId": ""}, ["agentId"]),
    ],
)
async def test_an_input_that_cannot_be_is_refused_before_anything_is_sent(
    document: str, given: dict[str, Any], field: list[str]
) -> None:
    on = a_call_center()
    answer = await run(document, on=on, variables={"input": given})
    assert answer.errors == []
    (refusal,) = answer.data["it"]["errors"]
    assert (refusal["code"], refusal["field"]) == ("BAD_USER_INPUT", ["input", *field])
    assert "planted-password" not in refusal["message"]
    assert on.calls.total() == 0


async def test_an_input_that_cannot_be_is_an_error_if_errors_are_not_selected() -> None:
    on = a_call_center()
    answer = await run("mutation { pauseAgent(input: {agentId: 2, pauseId: 0}) { agent { id } } }", on=on)
    assert answer.codes == [("BAD_USER_INPUT", ["pauseAgent"])]
    assert answer.errors[0]["extensions"]["field"] == ["input", "pauseId"]
    assert on.calls.total() == 0


def test_no_input_prints_its_password() -> None:
    inputs = (
        CreateAgentInput(name="N", login="n", password="planted-password"),
        UpdateAgentInput(id="1", password="planted-password"),  # type: ignore[arg-type]
    )
    assert [repr(each) for each in inputs] == ["CreateAgentInput(***)", "UpdateAgentInput(***)"]
