from typing import Any

import pytest

from gateway.domain.errors import UpstreamUnavailable
from tests.builders import an_agent
from tests.fakes import FakeCallCenter
from tests.unit.schema.operations import a_call_center, data_of, run

PAGE = """query ($first: Int, $after: String, $last: Int, $before: String, $order: AgentOrder) {
  agents(first: $first, after: $after, last: $last, before: $before, orderBy: $order) {
    edges { cursor node { id } } nodes { id } totalCount
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}"""
FILTERED = "query ($filter: AgentFilter) { agents(filter: $filter) { nodes { id } totalCount } }"


def ids_of(connection: dict[str, Any]) -> list[str]:
    return [node["id"] for node in connection["nodes"]]


async def page(on: FakeCallCenter, **variables: object) -> Any:
    answer = await run(PAGE, on=on, variables=variables)
    assert answer.errors == []
    return answer.data["agents"]


async def test_a_connection_is_walked_forward_to_its_end() -> None:
    on, walked, after = FakeCallCenter(agents=map(an_agent, range(1, 8))), [], None
    for _ in range(3):
        shown = await page(on, first=3, after=after)
        assert [edge["node"] for edge in shown["edges"]] == shown["nodes"]
        assert shown["pageInfo"]["startCursor"] == shown["edges"][0]["cursor"]
        assert shown["totalCount"] == 7
        walked.append((ids_of(shown), shown["pageInfo"]["hasPreviousPage"], shown["pageInfo"]["hasNextPage"]))
        after = shown["pageInfo"]["endCursor"]
    assert walked == [
        (["1", "2", "3"], False, True),
        (["4", "5", "6"], True, True),
        (["7"], True, False),
    ]


async def test_a_connection_is_walked_backward_in_its_own_direction() -> None:
    on = FakeCallCenter(agents=map(an_agent, range(1, 6)))
    end = await page(on, last=2)
    start = await page(on, last=3, before=end["pageInfo"]["startCursor"])
    assert (ids_of(start), ids_of(end)) == (["1", "2", "3"], ["4", "5"])
    assert start["pageInfo"]["hasPreviousPage"] is False


async def test_a_cursor_outlives_its_agent_and_a_refreshed_listing() -> None:
    on = FakeCallCenter(agents=map(an_agent, range(1, 6)))
    shown = await page(on, first=2)
    on.remove(an_agent(2).id)
    on.put(an_agent(9))
    assert ids_of(await page(on, first=2, after=shown["pageInfo"]["endCursor"])) == ["3", "4"]


async def test_an_order_is_followed() -> None:
    on = FakeCallCenter(agents=[an_agent(1, name="Érica"), an_agent(2, name="Zeca"), an_agent(3, name="ana")])
    assert ids_of(await page(on, order={"field": "NAME", "direction": "DESC"})) == ["2", "1", "3"]


async def test_fifty_agents_come_if_no_number_is_said_and_null_says_nothing() -> None:
    on = FakeCallCenter(agents=map(an_agent, range(1, 61)))
    assert len(ids_of(await page(on))) == 50
    assert len(ids_of(await page(on, first=None, after=None, last=None, before=None, order=None))) == 50
    assert len(ids_of(await page(on, first=500))) == 60


@pytest.mark.parametrize(
    ("variables", "field"),
    [
        ({"first": 501}, "first"),
        ({"first": -1}, "first"),
        ({"last": 501}, "last"),
        ({"first": 1, "last": 1}, "first"),
        ({"after": "nonsense"}, "after"),
        ({"before": "\ud800"}, "before"),
    ],
)
async def test_a_page_that_cannot_be_names_its_argument(variables: dict[str, object], field: str) -> None:
    answer = await run(PAGE, variables=variables)
    assert answer.data is None
    assert answer.codes == [("BAD_USER_INPUT", ["agents"])]
    assert answer.errors[0]["extensions"]["field"] == [field]


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        (None, ["1", "2", "3", "4"]),
        ({}, ["1", "2", "3", "4"]),
        ({"archived": None, "ids": None, "states": None, "enabled": None}, ["1", "2", "3", "4"]),
        ({"archived": False}, ["1", "2", "3", "4"]),
        ({"archived": True}, ["5"]),
        ({"ids": ["3", 1, "99"]}, ["1", "3"]),
        ({"ids": []}, []),
        ({"search": "conceicao"}, ["3"]),
        ({"search": "  "}, ["1", "2", "3", "4"]),
        ({"states": ["PAUSED", "LOGGED_IN"]}, ["1", "2"]),
        ({"states": []}, []),
        ({"queueIds": ["2"]}, ["1", "4"]),
        ({"pauseIds": ["50"]}, ["1"]),
        ({"enabled": False}, ["4"]),
        ({"enabled": True, "queueIds": [1]}, ["1", "2"]),
    ],
)
async def test_a_filter_keeps_the_chosen(chosen: dict[str, object] | None, found: list[str]) -> None:
    answer = await run(FILTERED, variables={"filter": chosen})
    assert answer.errors == []
    assert ids_of(answer.data["agents"]) == found
    assert answer.data["agents"]["totalCount"] == len(found)


@pytest.mark.parametrize(
    ("chosen", "field"),
    [
        ({"ids": ["1", "x"]}, "ids"),
        ({"queueIds": ["-1"]}, "queueIds"),
        ({"pauseIds": ["0"]}, "pauseIds"),
        ({"search": "a" * 256}, "search"),
    ],
)
@pytest.mark.parametrize(
    "root", ["agents(filter: $f) { totalCount }", "agentStates(filter: $f) { total { agents } }"]
)
async def test_a_filter_that_cannot_be_names_its_condition(
    root: str, chosen: dict[str, object], field: str
) -> None:
    answer = await run(f"query ($f: AgentFilter) {{ it: {root} }}", variables={"f": chosen})
    assert answer.codes == [("BAD_USER_INPUT", ["it"])]
    assert answer.errors[0]["extensions"]["field"] == ["filter", field]


async def test_a_queue_has_its_own_connection() -> None:
    document = """{ queue(id: 1) {
      agents(first: 1) { nodes { id } totalCount pageInfo { hasNextPage endCursor } freshness { complete } }
      archived: agents(filter: {archived: true}) { nodes { id } }
    } }"""
    queue = (await data_of(document))["queue"]
    assert ids_of(queue["agents"]) == ["1"]
    assert (queue["agents"]["totalCount"], queue["agents"]["pageInfo"]["hasNextPage"]) == (2, True)
    assert queue["agents"]["freshness"] == {"complete": True}
    assert ids_of(queue["archived"]) == ["5"]


async def test_a_listing_that_fails_fails_the_connection() -> None:
    on = a_call_center()
    on.fail("agents", UpstreamUnavailable("Evolux cannot be reached.", upstream_status=503))
    answer = await run("{ agents { totalCount } }", on=on)
    assert answer.data is None
    assert answer.codes == [("UPSTREAM_UNAVAILABLE", ["agents"])]
    assert answer.errors[0]["extensions"]["upstreamStatus"] == 503
