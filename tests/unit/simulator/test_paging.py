from typing import Any

import httpx
import pytest

from gateway.simulator.rows import WireForm
from gateway.simulator.world import World
from tests.unit.simulator.serving import serving, small_world


async def page(client: httpx.AsyncClient, query: str) -> dict[str, Any]:
    answer = await client.get(f"/api/v1/agents{query}")
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    return body


async def test_the_pages_example_comes_out_word_for_word() -> None:
    world = World.seeded(62, token="made-up-token")
    async with serving(world) as (_, client):
        answer = await client.get("/api/v1/agents?page=1&limit=2", headers={"host": "example.evolux.net.br"})
    assert list(answer.json()["pagination"].items()) == [
        ("max_limit", 2),
        ("limit", 2),
        ("first_url", "http://example.evolux.net.br/api/v1/agents/?limit=2&page=1"),
        ("next_url", "http://example.evolux.net.br/api/v1/agents/?limit=2&page=2"),
        ("items", 2),
        ("last_url", "http://example.evolux.net.br/api/v1/agents/?limit=2&page=31"),
        ("total", 62),
        ("current_url", "http://example.evolux.net.br/api/v1/agents/?limit=2&page=1"),
        ("prev_url", None),
    ]


async def test_the_last_page_has_no_next_and_holds_the_rest(client: httpx.AsyncClient) -> None:
    body = await page(client, "?page=2&limit=2")
    link = f"http://{client.base_url.netloc.decode()}/api/v1/agents/?limit=2&page="
    assert [row["id"] for row in body["data"]] == [3]
    assert body["pagination"]["items"] == 1
    assert body["pagination"]["next_url"] is None
    assert body["pagination"]["prev_url"] == f"{link}1"
    assert body["pagination"]["last_url"] == f"{link}2"


async def test_a_page_past_the_end_is_empty_and_states_the_true_total(client: httpx.AsyncClient) -> None:
    body = await page(client, "?page=9&limit=2")
    assert body["data"] == []
    assert (body["pagination"]["items"], body["pagination"]["total"]) == (0, 3)
    assert body["pagination"]["next_url"] is None


async def test_no_page_holds_more_than_fifty_rows() -> None:
    async with serving(small_world(agents=51)) as (_, client):
        body = await page(client, "?limit=500")
        assert (len(body["data"]), body["pagination"]["limit"]) == (50, 50)
        body = await page(client, "?page=2")
        assert [row["id"] for row in body["data"]] == [51]


@pytest.mark.parametrize(
    "query", ["?limit=0", "?limit=-1", "?limit=x", "?page=0", "?page=-2", "?page=1e3", ""]
)
async def test_nonsense_means_the_first_page_of_fifty(client: httpx.AsyncClient, query: str) -> None:
    body = await page(client, query)
    assert [row["id"] for row in body["data"]] == [1, 2, 3]
    assert body["pagination"]["limit"] == 50
    assert body["pagination"]["current_url"].endswith("?limit=50&page=1")


async def test_an_empty_call_centre_has_one_empty_page() -> None:
    async with serving(small_world(agents=0)) as (_, client):
        body = await page(client, "")
    assert body["data"] == []
    assert body["pagination"]["total"] == 0
    assert body["pagination"]["last_url"].endswith("page=1")


async def test_links_can_carry_an_internal_address() -> None:
    world = small_world()
    world.form = WireForm(links_host="10.0.0.7:8080")
    async with serving(world) as (_, client):
        body = await page(client, "")
    assert body["pagination"]["first_url"] == "http://10.0.0.7:8080/api/v1/agents/?limit=50&page=1"


async def test_removing_an_agent_between_pages_hides_the_one_that_moved_up() -> None:
    world = small_world(agents=4)
    async with serving(world) as (_, client):
        first = await page(client, "?limit=2&page=1")
        world.remove_agent(1)
        second = await page(client, "?limit=2&page=2")
    assert [row["id"] for row in first["data"]] == [1, 2]
    assert [row["id"] for row in second["data"]] == [4]
    assert second["pagination"]["total"] == 3
