from gateway.domain.errors import UpstreamTimeout
from tests.builders import a_login, a_pause, a_queue, an_agent, an_agent_pause, queue_ids
from tests.fakes import FakeCallCenter
from tests.unit.schema.operations import a_call_center, data_of, run

REPORT = """query ($by: [AgentStateDimension!], $filter: AgentFilter) {
  agentStates(groupBy: $by, filter: $filter) {
    total { agents inactive loggedOut loggedIn paused pausedProductive longestPauseSeconds
            averagePauseSeconds overLimit }
    groups { queue { id name } pause { id } state productive pauseType counts { agents paused } }
    freshness { stale complete }
  }
}"""


async def test_the_queues_of_the_listing_are_shown() -> None:
    on = a_call_center()
    assert await data_of("{ queues { id name } }", on=on) == {
        "queues": [{"id": "1", "name": "Vendas"}, {"id": "2", "name": "Suporte"}]
    }
    assert on.calls == {"queues": 1}


async def test_a_tenant_without_the_queue_listing_has_queues_by_id() -> None:
    on = FakeCallCenter(agents=[an_agent(1, queue_ids=queue_ids(3))])
    assert await data_of("{ queues { id } queue(id: 3) { id name agents { totalCount } } }", on=on) == {
        "queues": [],
        "queue": {"id": "3", "name": None, "agents": {"totalCount": 1}},
    }


async def test_a_listed_queue_is_found_without_the_agents() -> None:
    on = a_call_center()
    assert await data_of("{ queue(id: 2) { name } }", on=on) == {"queue": {"name": "Suporte"}}
    assert on.calls == {"queues": 1}


async def test_a_missing_queue_is_null_with_its_reason() -> None:
    answer = await run("{ queue(id: 77) { id } }")
    assert answer.data == {"queue": None}
    assert answer.codes == [("QUEUE_NOT_FOUND", ["queue"])]


async def test_each_queue_counts_its_agents_archived_ones_left_out() -> None:
    on = a_call_center()
    on.queue_rows[queue_ids(3)[0]] = a_queue(3)
    document = "{ queues { agentStates { agents inactive loggedIn paused longestPauseSeconds overLimit } } }"
    empty = {
        "agents": 0,
        "inactive": 0,
        "loggedIn": 0,
        "paused": 0,
        "longestPauseSeconds": None,
        "overLimit": 0,
    }
    paused = {"paused": 1, "longestPauseSeconds": 600, "overLimit": 1}
    assert await data_of(document, on=on) == {
        "queues": [
            {"agentStates": {**empty, **paused, "agents": 2, "loggedIn": 1}},
            {"agentStates": {**empty, **paused, "agents": 2, "inactive": 1}},
            {"agentStates": empty},
        ]
    }
    assert on.calls == {"queues": 1, "agents": 1}


async def test_the_pause_catalogue_is_gathered_from_few_agents() -> None:
    on = a_call_center()
    assert await data_of("{ pauses { id description } }", on=on) == {
        "pauses": [
            {"id": "49", "description": "10 minutos/NR17"},
            {"id": "50", "description": "Almoço"},
        ]
    }
    assert on.calls == {"agents": 1, "agent_pauses": 2}


async def test_a_pauses_listing_that_fails_fails_the_catalogue() -> None:
    on = a_call_center()
    on.fail("agent_pauses", UpstreamTimeout("Evolux did not answer in time."), times=2)
    answer = await run("{ pauses { id } }", on=on)
    assert answer.data is None
    assert answer.codes == [("UPSTREAM_TIMEOUT", ["pauses"])]


async def test_a_report_counts_each_agent_once() -> None:
    answer = await run(REPORT)
    assert answer.errors == []
    assert answer.data["agentStates"] == {
        "total": {
            "agents": 4,
            "inactive": 1,
            "loggedOut": 1,
            "loggedIn": 1,
            "paused": 1,
            "pausedProductive": 1,
            "longestPauseSeconds": 600,
            "averagePauseSeconds": 600.0,
            "overLimit": 1,
        },
        "groups": [],
        "freshness": {"stale": False, "complete": True},
    }


async def test_null_and_empty_dimensions_give_no_groups() -> None:
    dimensions: list[list[str] | None] = [None, []]
    for by in dimensions:
        answer = await run(REPORT, variables={"by": by})
        assert answer.data["agentStates"]["groups"] == []
        assert answer.data["agentStates"]["total"]["agents"] == 4


async def test_a_report_is_grouped_by_queue_with_a_row_for_agents_in_none() -> None:
    answer = await run(REPORT, variables={"by": ["QUEUE", "QUEUE"]})
    groups = answer.data["agentStates"]["groups"]
    assert [(group["queue"], group["counts"]["agents"]) for group in groups] == [
        ({"id": "1", "name": "Vendas"}, 2),
        ({"id": "2", "name": "Suporte"}, 2),
        ({"id": "9", "name": None}, 1),
        (None, 1),
    ]
    assert {group["state"] for group in groups} == {None}


async def test_a_report_is_grouped_by_what_the_pause_is() -> None:
    rest = an_agent_pause(a_pause(49, type="nr17rest10"))
    on = FakeCallCenter(
        agents=[an_agent(1, last_login=a_login(), current_pause=rest), an_agent(2, last_login=a_login())]
    )
    answer = await run(REPORT, on=on, variables={"by": ["PAUSE", "PAUSE_TYPE", "PRODUCTIVE", "STATE"]})
    none = {"queue": None, "pause": None, "productive": None, "pauseType": None}
    assert answer.data["agentStates"]["groups"] == [
        {
            **none,
            "pause": {"id": "49"},
            "pauseType": "nr17rest10",
            "productive": False,
            "state": "PAUSED",
            "counts": {"agents": 1, "paused": 1},
        },
        {**none, "state": "LOGGED_IN", "counts": {"agents": 1, "paused": 0}},
    ]
    assert on.calls == {"agents": 1}


async def test_a_report_is_of_the_chosen_agents_alone() -> None:
    answer = await run(REPORT, variables={"filter": {"states": ["LOGGED_IN"]}})
    assert answer.data["agentStates"]["total"]["agents"] == 1
