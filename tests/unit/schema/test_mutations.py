import pytest

from gateway.domain.agents import AgentState, QueueLevel
from gateway.domain.errors import (
    AgentOnCall,
    GatewayError,
    OutcomeUnknown,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from gateway.domain.ids import AgentId, QueueId
from tests.builders import queue_ids
from tests.unit.schema.operations import a_call_center, data_of, run

PAUSE = "pauseAgent(input: {agentId: 2, pauseId: 50})"
UNPAUSE = "unpauseAgent(input: {agentId: 1})"
LOGOFF = "logoffAgent(input: {agentId: 2})"
RENAME = 'updateAgent(input: {id: 2, name: "Bruna Lima"})'


async def test_an_agent_is_created_and_shown_from_the_answer() -> None:
    on = a_call_center()
    document = """mutation { createAgent(input: {
      name: "Zélia Prado", login: "zelia", password: "planted-password", queueIds: [2, "1", 2]
    }) { agent { id name login state queues { id } } errors { code } } }"""
    assert await data_of(document, on=on) == {
        "createAgent": {
            "agent": {
                "id": "6",
                "name": "Zélia Prado",
                "login": "zelia",
                "state": "LOGGED_OUT",
                "queues": [{"id": "2"}, {"id": "1"}],
            },
            "errors": [],
        }
    }
    assert on.calls == {"create_agent": 1}
    assert on.passwords == {6: "planted-password"}


async def test_an_agent_can_be_created_in_no_queue() -> None:
    on = a_call_center()
    given = 'name: "N", login: "n", password: "p"'
    await data_of(f"mutation {{ createAgent(input: {{{given}}}) {{ agent {{ id }} }} }}", on=on)
    assert on.rows[AgentId(6)].queue_ids == ()


async def test_only_what_is_given_is_changed() -> None:
    on = a_call_center()
    before = on.rows[AgentId(2)]
    document = f"mutation {{ {RENAME} {{ agent {{ id name login queues {{ id }} }} errors {{ code }} }} }}"
    assert await data_of(document, on=on) == {
        "updateAgent": {
            "agent": {
                "id": "2",
                "name": "Bruna Lima",
                "login": "bruno",
                "queues": [{"id": "1"}, {"id": "9"}],
            },
            "errors": [],
        }
    }
    assert (on.passwords, on.levels) == ({}, {})
    assert on.rows[AgentId(2)].queue_ids == before.queue_ids
    assert on.calls == {"update_agent": 1, "read_agent": 1}


async def test_queues_password_and_priorities_are_changed() -> None:
    on = a_call_center()
    document = """mutation { updateAgent(input: {
      id: 2, password: "nova", queueIds: [2, 1, 2]
      levels: [{queueId: 1, priority: 3}, {queueId: 2, priority: 0}]
    }) { errors { code } } }"""
    assert await data_of(document, on=on) == {"updateAgent": {"errors": []}}
    assert on.rows[AgentId(2)].queue_ids == queue_ids(2, 1)
    assert on.rows[AgentId(2)].name == "Bruno Lima"
    assert on.passwords == {2: "nova"}
    assert on.levels == {
        2: (QueueLevel(queue_id=QueueId(1), priority=3), QueueLevel(queue_id=QueueId(2), priority=0))
    }


async def test_an_agent_can_be_taken_out_of_every_queue() -> None:
    on = a_call_center()
    await data_of("mutation { updateAgent(input: {id: 2, queueIds: []}) { agent { id } } }", on=on)
    assert on.rows[AgentId(2)].queue_ids == ()


async def test_an_agent_pauses_comes_back_and_logs_off() -> None:
    on = a_call_center()
    agent = "{ agent { state currentPause { pause { description } } } errors { code } }"
    data = await data_of(
        f"mutation {{ a: {PAUSE} {agent} b: {UNPAUSE.replace('1', '2')} {agent} c: {LOGOFF} {agent} }}",
        on=on,
    )
    assert [(data[key]["agent"], data[key]["errors"]) for key in "abc"] == [
        ({"state": "PAUSED", "currentPause": {"pause": {"description": "Almoço"}}}, []),
        ({"state": "LOGGED_IN", "currentPause": None}, []),
        ({"state": "LOGGED_OUT", "currentPause": None}, []),
    ]


@pytest.mark.parametrize("write", [PAUSE, UNPAUSE, LOGOFF, RENAME])
async def test_the_agent_is_read_again_only_if_selected(write: str) -> None:
    on = a_call_center()
    await data_of(f"mutation {{ it: {write} {{ errors {{ code }} }} }}", on=on)
    assert on.calls["read_agent"] == 0
    on = a_call_center()
    selection = f"{{ a: agent {{ id }} ... on {_payload(write)} {{ b: agent {{ name }} }} }}"
    await data_of(f"mutation {{ it: {write} {selection} }}", on=on)
    assert on.calls["read_agent"] == 1
    assert on.calls["agents"] == 0


async def test_the_agent_is_read_again_near_the_page_where_the_operation_saw_it() -> None:
    on = a_call_center()
    on.page_rows = 1
    show = "{ agent { queues { agents { totalCount } } } }"
    await data_of(f"mutation {{ a: {PAUSE} {show} b: {UNPAUSE} {show} }}", on=on)
    assert on.near_pages == [None, 1]


@pytest.mark.parametrize(
    ("error", "code"),
    [(UpstreamTimeout("Evolux did not answer in time."), "UPSTREAM_TIMEOUT"), (None, "AGENT_NOT_FOUND")],
)
async def test_a_write_stands_though_its_agent_cannot_be_read_again(
    error: GatewayError | None, code: str
) -> None:
    on = a_call_center()

    async def lose_the_agent(method: str) -> None:
        if method == "read_agent":
            on.remove(AgentId(2))

    if error is None:
        on.before = lose_the_agent
    else:
        on.fail("read_agent", error)
    answer = await run(f"mutation {{ {PAUSE} {{ agent {{ id }} errors {{ code }} }} }}", on=on)
    assert answer.data == {"pauseAgent": {"agent": None, "errors": []}}
    assert answer.codes == [(code, ["pauseAgent", "agent"])]
    assert on.calls["pause_agent"] == 1


REFUSED = [
    (PAUSE.replace("2,", "1,"), "AGENT_ALREADY_PAUSED", None),
    (PAUSE.replace("2,", "3,"), "AGENT_NOT_LOGGED_IN", None),
    (PAUSE.replace("2,", "77,"), "AGENT_NOT_FOUND", None),
    (PAUSE.replace("50", "77"), "PAUSE_NOT_FOUND", None),
    (UNPAUSE.replace("1", "2"), "AGENT_NOT_PAUSED", None),
    (LOGOFF.replace("2", "3"), "AGENT_NOT_LOGGED_IN", None),
    (RENAME.replace("id: 2", "id: 77"), "AGENT_NOT_FOUND", None),
    ("updateAgent(input: {id: 2, queueIds: [77]})", "QUEUE_NOT_FOUND", None),
    (
        'createAgent(input: {name: "N", login: "ANA", password: "p"})',
        "LOGIN_TAKEN",
        ["input", "login"],
    ),
]


@pytest.mark.parametrize(("write", "code", "field"), REFUSED)
async def test_a_refusal_stands_in_the_payload(write: str, code: str, field: list[str] | None) -> None:
    on = a_call_center()
    before = dict(on.rows)
    answer = await run(
        f"mutation {{ it: {write} {{ agent {{ id }} errors {{ code field retryable message }} }} }}", on=on
    )
    assert answer.errors == []
    assert answer.data["it"]["agent"] is None
    (refusal,) = answer.data["it"]["errors"]
    assert refusal.pop("message").endswith(".")
    assert refusal == {"code": code, "field": field, "retryable": False}
    assert on.rows == before
    assert on.calls["read_agent"] == 0


@pytest.mark.parametrize(("write", "code", "field"), REFUSED)
async def test_a_refusal_nobody_selected_is_an_error(write: str, code: str, field: list[str] | None) -> None:
    on = a_call_center()
    before = dict(on.rows)
    answer = await run(f"mutation {{ it: {write} {{ agent {{ id }} }} }}", on=on)
    assert answer.data is None
    assert answer.codes == [(code, ["it"])]
    assert answer.errors[0]["extensions"].get("field") == field
    assert on.rows == before


async def test_a_refusal_that_ends_by_itself_says_so() -> None:
    on = a_call_center()
    on.on_call.add(AgentId(2))
    data = await data_of(f"mutation {{ {LOGOFF} {{ errors {{ code retryable }} }} }}", on=on)
    assert data == {"logoffAgent": {"errors": [{"code": "AGENT_ON_CALL", "retryable": True}]}}
    assert on.rows[AgentId(2)].state is AgentState.LOGGED_IN


async def test_a_refusal_names_the_input_in_the_callers_words() -> None:
    on = a_call_center()
    on.fail("update_agent", UpstreamRefused("Evolux refused the change.", field=("queues",)))
    data = await data_of(f"mutation {{ {RENAME} {{ errors {{ field }} }} }}", on=on)
    assert data == {"updateAgent": {"errors": [{"field": ["input", "queueIds"]}]}}


@pytest.mark.parametrize(
    ("selection", "variables", "is_selected"),
    [
        ("{ errors { code } }", {}, True),
        ("{ problems: errors { code } }", {}, True),
        ("{ ...Outer }", {}, True),
        ("{ ... { ... on LogoffAgentPayload { errors { code } } } }", {}, True),
        ("{ agent { id } }", {}, False),
        ("{ __typename errors @skip(if: $yes) { code } }", {"yes": True}, False),
        ("{ __typename errors @skip(if: $yes) { code } }", {"yes": False}, True),
        ("{ __typename errors @include(if: $yes) { code } }", {"yes": False}, False),
        ("{ __typename errors @include(if: $yes) { code } }", {"yes": True}, True),
        ("{ __typename errors @include(if: $yes) @skip(if: true) { code } }", {"yes": True}, False),
        ("{ __typename ...Outer @include(if: $yes) }", {"yes": False}, False),
        ("{ __typename ... @skip(if: $yes) { errors { code } } }", {"yes": True}, False),
    ],
)
async def test_what_counts_as_selecting_errors(
    selection: str, variables: dict[str, object], *, is_selected: bool
) -> None:
    document = f"mutation ($yes: Boolean! = true) {{ ...Root __typename @include(if: $yes) }} {_FRAGMENTS}"
    document = document.replace("SELECTION", selection)
    if "...Outer" not in selection:
        document = document.replace(_OUTER, "")
    on = a_call_center()
    on.fail("log_off_agent", AgentOnCall("The agent is on a call."))
    answer = await run(document, on=on, variables=variables)
    if is_selected:
        assert answer.errors == []
        ((_, errors),) = [item for item in answer.data["logoffAgent"].items() if item[0] != "__typename"]
        assert errors == [{"code": "AGENT_ON_CALL"}]
    else:
        assert answer.codes == [("AGENT_ON_CALL", ["logoffAgent"])]


_OUTER = """fragment Outer on LogoffAgentPayload { ...Inner ...Inner }
fragment Inner on LogoffAgentPayload { errors { code } }"""
_FRAGMENTS = f"fragment Root on Mutation {{ {LOGOFF} SELECTION }} {_OUTER}"


@pytest.mark.parametrize("selection", ["{ agent { id } errors { code } }", "{ agent { id } }"])
async def test_a_failure_is_always_an_error(selection: str) -> None:
    on = a_call_center()
    on.lose_answer("pause_agent", OutcomeUnknown("The answer was lost."))
    on.fail("read_agent", UpstreamUnavailable("Not reached."))
    answer = await run(f"mutation {{ {PAUSE} {selection} }}", on=on)
    assert answer.data is None
    assert answer.codes == [("OUTCOME_UNKNOWN", ["pauseAgent"])]
    assert answer.errors[0]["extensions"]["retryable"] is False
    assert on.calls == {"pause_agent": 1, "read_agent": 1}


@pytest.mark.parametrize(
    ("failure", "reads"), [(OutcomeUnknown("Lost."), 2), (UpstreamUnavailable("Not reached."), 1)]
)
async def test_only_a_write_that_may_have_happened_lets_later_fields_read_anew(
    failure: GatewayError, reads: int
) -> None:
    on = a_call_center()
    on.lose_answer("unpause_agent", failure)

    async def fail_the_settling(method: str) -> None:
        if method == "read_agent" and on.calls["unpause_agent"]:
            raise UpstreamUnavailable("Not reached.")

    on.before = fail_the_settling
    counted = "{ agent { queues { agents { totalCount } } } }"
    answer = await run(f"mutation {{ {RENAME} {counted} {UNPAUSE} {counted} }}", on=on)
    assert answer.codes == [(failure.code.value, ["unpauseAgent"])]
    assert on.calls["agents"] == 1
    await answer.context.agents.result()
    assert on.calls["agents"] == reads


async def test_fragments_spread_over_and_over_are_looked_into_once() -> None:
    chain = "".join(
        f"fragment F{at} on LogoffAgentPayload {{ ...F{at + 1} ...F{at + 1} }} " for at in range(60)
    )
    last = "fragment F60 on LogoffAgentPayload { errors { code } }"
    on = a_call_center()
    on.on_call.add(AgentId(2))
    answer = await run(f"mutation {{ {LOGOFF} {{ ...F0 }} }} {chain} {last}", on=on, is_validated=False)
    assert answer.data == {"logoffAgent": {"errors": [{"code": "AGENT_ON_CALL"}]}}


def _payload(write: str) -> str:
    verb = write.partition("(")[0]
    return f"{verb[0].upper()}{verb[1:]}Payload"
