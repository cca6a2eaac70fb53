import asyncio

import pytest
from msgspec.structs import replace

from gateway.domain.agents import Agent
from gateway.domain.errors import UpstreamTimeout
from gateway.domain.listings import ANY_AGE, FreshnessBound, Reading
from tests.builders import NINE, NOON, a_login, a_pause, a_snapshot, an_agent, an_agent_pause, queue_ids
from tests.fakes import FakeCallCenter
from tests.unit.schema.operations import a_call_center, data_of, run

EVERYTHING = """{ agent(id: 1) {
  id name login enabled archived state stateSince extension
  queues { id name slug number publicNumber } outboundQueue { id }
  currentPause { id startedAt endedAt maxDurationSeconds elapsedSeconds
                 pause { id description type productive system } }
  lastPause { id } lastLogin { id extension startedAt endedAt }
} }"""


class TornCallCenter(FakeCallCenter):
    """Its agents listing could not be walked whole."""

    async def agents(self, bound: FreshnessBound = ANY_AGE) -> Reading[Agent]:
        reading = await super().agents(bound)
        return Reading(a_snapshot(reading.snapshot.rows, missing="page 2"), reading.source)


async def test_an_agent_is_shown_with_everything_the_listing_tells() -> None:
    assert await data_of(EVERYTHING) == {
        "agent": {
            "id": "1",
            "name": "Ana Souza",
            "login": "ana",
            "enabled": True,
            "archived": False,
            "state": "PAUSED",
            "stateSince": "2026-03-10T14:50:00Z",
            "extension": None,
            "queues": [
                {
                    "id": "2",
                    "name": "Suporte",
                    "slug": "fila-2",
                    "number": "7002",
                    "publicNumber": "08001234",
                },
                {"id": "1", "name": "Vendas", "slug": "fila-1", "number": "7001", "publicNumber": None},
            ],
            "outboundQueue": None,
            "currentPause": {
                "id": "46983",
                "startedAt": "2026-03-10T14:50:00Z",
                "endedAt": None,
                "maxDurationSeconds": 300,
                "elapsedSeconds": 600,
                "pause": {
                    "id": "50",
                    "description": "Almoço",
                    "type": None,
                    "productive": True,
                    "system": False,
                },
            },
            "lastPause": None,
            "lastLogin": {
                "id": "4591",
                "extension": "sip/3012",
                "startedAt": "2026-03-10T12:00:00Z",
                "endedAt": None,
            },
        }
    }


@pytest.mark.parametrize(
    ("agent_id", "state"),
    [(1, "PAUSED"), (2, "LOGGED_IN"), (3, "LOGGED_OUT"), (4, "INACTIVE"), (5, "INACTIVE")],
)
async def test_one_agent_is_found_whatever_the_state(agent_id: int, state: str) -> None:
    assert await data_of(f"{{ agent(id: {agent_id}) {{ state }} }}") == {"agent": {"state": state}}


async def test_pauses_and_logins_without_a_number_get_a_key_of_their_content() -> None:
    pause = replace(an_agent_pause(a_pause(49), started_at=NINE, ended_at=NOON), id=None)
    login = replace(a_login(started_at=NINE), id=None)
    on = FakeCallCenter(agents=[an_agent(1, last_pause=pause, last_login=login)])
    assert await data_of("{ agent(id: 1) { lastPause { id } lastLogin { id } } }", on=on) == {
        "agent": {
            "lastPause": {"id": "unnumbered-49-20260310T120000000000-20260310T150000000000"},
            "lastLogin": {"id": "unnumbered-sip/3012-20260310T120000000000-open"},
        }
    }


async def test_a_missing_agent_is_null_with_its_reason() -> None:
    answer = await run("{ agent(id: 77) { id } viewer { name } }")
    assert answer.data == {"agent": None, "viewer": {"name": "wallboard"}}
    assert answer.errors == [
        {
            "message": "No agent has this id.",
            "locations": [{"line": 1, "column": 3}],
            "path": ["agent"],
            "extensions": {
                "code": "AGENT_NOT_FOUND",
                "retryable": False,
                "requestId": "request-1",
                "field": ["id"],
            },
        }
    ]


@pytest.mark.parametrize("field", ["agent", "queue"])
@pytest.mark.parametrize("given", ["abc", "", "0", "-1", "1.0", "٣", "9007199254740992", "1\x00", "\ud800"])
async def test_an_id_that_is_none_is_the_callers_mistake_and_reads_nothing(field: str, given: str) -> None:
    on = a_call_center()
    answer = await run(f"query ($id: ID!) {{ {field}(id: $id) {{ id }} }}", on=on, variables={"id": given})
    assert answer.data == {field: None}
    assert answer.codes == [("BAD_USER_INPUT", [field])]
    assert answer.errors[0]["extensions"]["field"] == ["id"]
    assert on.calls.total() == 0


async def test_an_agent_who_may_stand_in_the_missing_part_is_not_called_missing() -> None:
    on = TornCallCenter(agents=[an_agent(1)])
    answer = await run(
        '{ agent(id: 1) { id } other: agent(id: 2) { id } agentByLogin(login: "x") { id } }', on=on
    )
    assert answer.data == {"agent": {"id": "1"}, "other": None, "agentByLogin": None}
    assert answer.codes == [
        ("UPSTREAM_INVALID_RESPONSE", ["other"]),
        ("UPSTREAM_INVALID_RESPONSE", ["agentByLogin"]),
    ]


@pytest.mark.parametrize(
    ("login", "found"),
    [("ana", "1"), ("ANA", "1"), ("Maria", "12"), ("maria", "11"), ("MARIA", None), ("an", None), ("", None)],
)
async def test_a_login_is_matched_as_it_is_then_in_another_case_if_that_is_one_agent(
    login: str, found: str | None
) -> None:
    on = FakeCallCenter(
        agents=[an_agent(1, login="ana"), an_agent(11, login="maria"), an_agent(12, login="Maria")]
    )
    answer = await run(
        "query ($login: String!) { agentByLogin(login: $login) { id } }", on=on, variables={"login": login}
    )
    assert answer.data == {"agentByLogin": {"id": found} if found else None}
    assert answer.codes == ([] if found else [("AGENT_NOT_FOUND", ["agentByLogin"])])


async def test_of_two_agents_with_one_login_the_one_who_is_not_archived_is_found() -> None:
    on = FakeCallCenter(agents=[an_agent(1, login="ana", archived=True), an_agent(2, login="ana")])
    assert await data_of('{ agentByLogin(login: "ana") { id } }', on=on) == {"agentByLogin": {"id": "2"}}


async def test_hidden_queues_of_an_agent_have_no_name() -> None:
    assert await data_of("{ agent(id: 2) { queues { id name } } }") == {
        "agent": {"queues": [{"id": "1", "name": "Vendas"}, {"id": "9", "name": None}]}
    }


async def test_the_ids_of_queues_alone_need_no_queue_listing() -> None:
    on = a_call_center()
    on.put(an_agent(6, queue_ids=queue_ids(9, 9, 1), outbound_queue_id=queue_ids(1)[0]))
    document = """{ agent(id: 6) { queues { ...Bare } outboundQueue { id } } }
                  fragment Bare on Queue { __typename id }"""
    assert await data_of(document, on=on) == {
        "agent": {
            "queues": [{"__typename": "Queue", "id": "9"}, {"__typename": "Queue", "id": "1"}],
            "outboundQueue": {"id": "1"},
        }
    }
    assert on.calls == {"agents": 1}


@pytest.mark.parametrize(
    ("queue_id", "named", "shown"), [(1, "Antigo", "Vendas"), (9, "Antigo", "Antigo"), (9, None, None)]
)
async def test_the_outbound_queue_is_named_by_the_listing_and_else_by_the_agent(
    queue_id: int, named: str | None, shown: str | None
) -> None:
    on = a_call_center()
    on.put(an_agent(6, outbound_queue_id=queue_ids(queue_id)[0], outbound_queue_name=named))
    assert await data_of("{ agent(id: 6) { outboundQueue { id name } } }", on=on) == {
        "agent": {"outboundQueue": {"id": str(queue_id), "name": shown}}
    }


async def test_a_queue_listing_that_fails_fails_the_fields_that_need_it_and_no_other() -> None:
    on = a_call_center()
    on.fail("queues", UpstreamTimeout("Evolux did not answer in time."))
    answer = await run(
        "{ a: agent(id: 1) { queues { name } } b: agent(id: 2) { queues { id } name } }", on=on
    )
    assert answer.data == {"a": None, "b": {"queues": [{"id": "1"}, {"id": "9"}], "name": "Bruno Lima"}}
    assert answer.codes == [("UPSTREAM_TIMEOUT", ["a", "queues"])]
    assert answer.errors[0]["extensions"]["retryable"] is True
    assert on.calls["queues"] == 1


async def test_allowed_pauses_are_read_once_per_agent_and_all_at_once() -> None:
    on, all_four = a_call_center(), asyncio.Barrier(4)

    async def wait_for_the_others(method: str) -> None:
        if method == "agent_pauses":
            await asyncio.wait_for(all_four.wait(), timeout=5)

    on.before = wait_for_the_others
    pauses = "allowedPauses { pause { id } }"
    data = await data_of(f"{{ agents {{ a: nodes {{ {pauses} }} b: nodes {{ {pauses} }} }} }}", on=on)
    assert [len(agent["allowedPauses"]) for agent in data["agents"]["a"]] == [4, 4, 0, 2]
    assert data["agents"]["a"] == data["agents"]["b"]
    assert on.calls == {"agents": 1, "agent_pauses": 4}


async def test_allowed_pauses_show_queue_and_limit() -> None:
    document = """{ agent(id: 4) { allowedPauses {
      pause { id type } queue { id name } limitDurationSeconds automaticUnpause unpauseDisabled
    } } }"""
    queue = {"id": "2", "name": "Suporte"}
    rest = {"limitDurationSeconds": None, "automaticUnpause": False, "unpauseDisabled": False}
    assert await data_of(document) == {
        "agent": {
            "allowedPauses": [
                {"pause": {"id": "50", "type": None}, "queue": queue, **rest},
                {"pause": {"id": "49", "type": "nr17rest10"}, "queue": queue, **rest},
            ]
        }
    }
