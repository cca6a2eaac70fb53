"""What Evolux's page leaves open about pauses, as this simulator decides it."""

import httpx
import pytest

from gateway.simulator.records import AllowedPause
from gateway.simulator.world import World

IMPOSSIBLE = ["Request well-formed but has a semantic impossibility."]


async def test_more_than_fifty_allowed_pauses_take_two_pages(client: httpx.AsyncClient, world: World) -> None:
    allowed = [AllowedPause(id=number, queue_id=1, pause_id=49) for number in range(60)]
    world.set_allowed_pauses(1, allowed=allowed)
    answer = (await client.get("/api/v1/agents/1/pauses?page=2&limit=10")).json()
    assert [row["id"] for row in answer["data"]] == list(range(50, 60))
    assert answer["pagination"]["total"] == 60


@pytest.mark.parametrize("pause_id", [50, 3, 999])
async def test_a_pause_the_agent_may_not_take_is_404(
    client: httpx.AsyncClient, world: World, pause_id: int
) -> None:
    world.log_in(1)
    answer = await client.post("/api/v1/agents/1/pause", json={"pause_id": pause_id})
    assert (answer.status_code, answer.json()) == (
        404,
        {"meta": {"status": 404, "message": "Pause not found"}},
    )
    assert world.agents[1].current_pause is None


async def test_a_pause_id_that_is_no_integer_is_400(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/v1/agents/1/pause", json={"pause_id": "49"})
    assert (answer.status_code, answer.json()) == (
        400,
        {"meta": {"status": 400, "message": "Bad request"}, "errors": ["pause_id must be an integer."]},
    )


async def test_pausing_one_who_is_off_is_422(client: httpx.AsyncClient, world: World) -> None:
    answer = await client.post("/api/v1/agents/1/pause", json={"pause_id": 49})
    refusal = {"meta": {"status": 422, "message": "Agent is not logged"}, "errors": IMPOSSIBLE}
    assert (answer.status_code, answer.json()) == (422, refusal)
    assert world.agents[1].current_pause is None
