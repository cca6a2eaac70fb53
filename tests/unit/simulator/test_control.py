import httpx

from gateway.simulator.server import RunningSimulator

AGENTS = "/api/v1/agents"
FAULTS = "/__simulator__/faults"


async def test_a_fault_is_armed_and_cleared_over_http(
    simulator: RunningSimulator, client: httpx.AsyncClient
) -> None:
    armed = await client.post(FAULTS, json={"kind": "status", "status": 503, "path": AGENTS, "count": None})
    assert (armed.status_code, armed.json()["data"]) == (201, {"armed": 1})
    assert (await client.get(AGENTS)).status_code == 503
    cleared = await client.delete(FAULTS)
    assert (cleared.status_code, cleared.json()["data"]) == (200, {"armed": 0})
    assert (await client.get(AGENTS)).status_code == 200


async def test_fields_of_rows_can_be_set_over_http(client: httpx.AsyncClient) -> None:
    await client.post(FAULTS, json={"kind": "rows", "set_fields": {"current_extension": [1]}})
    rows = (await client.get(AGENTS)).json()["data"]
    assert [row["current_extension"] for row in rows] == [[1], [1], [1]]


async def test_a_wrong_order_arms_nothing_and_says_why(
    simulator: RunningSimulator, client: httpx.AsyncClient
) -> None:
    answer = await client.post(FAULTS, json={"kind": "statsu"})
    assert answer.status_code == 400
    assert answer.json()["errors"] == ["Invalid enum value 'statsu' - at `$.kind`"]
    assert (await client.post(FAULTS, json={"kind": "hang", "pth": "/"})).status_code == 400
    assert len(simulator.faults) == 0


async def test_the_requests_are_counted_without_those_to_the_control_itself(
    client: httpx.AsyncClient,
) -> None:
    await client.get(f"{AGENTS}?page=2")
    await client.get(f"{AGENTS}?page=2")
    assert (await client.get("/__simulator__/requests")).json() == {
        "total": 2,
        "peak_in_flight": 1,
        "counts": [{"method": "GET", "path": AGENTS, "page": 2, "count": 2}],
    }


async def test_the_control_asks_for_the_token_and_is_out_of_the_faults_reach(
    simulator: RunningSimulator, client: httpx.AsyncClient
) -> None:
    simulator.faults.reset(count=None)
    refused = await client.delete(FAULTS, headers={"token": "wrong"})
    assert (refused.status_code, len(simulator.faults)) == (401, 1)
    assert (await client.delete(FAULTS)).status_code == 200
