"""What Evolux's page leaves open about agents and tokens, as this simulator decides it."""

from typing import Literal

import httpx
import pytest

from gateway.simulator.records import Pause
from gateway.simulator.rows import WireForm
from gateway.simulator.world import World
from tests.unit.simulator.serving import TOKEN


async def test_a_wrong_token_is_401_and_changes_nothing(client: httpx.AsyncClient, world: World) -> None:
    world.log_in(1)
    answer = await client.post("/api/v1/agents/1/logoff", headers={"token": "wrong"})
    assert (answer.status_code, answer.json()["meta"]["status"]) == (401, 401)
    assert world.agents[1].logged_in


async def test_a_token_in_the_query_does_not_count(client: httpx.AsyncClient) -> None:
    del client.headers["token"]
    assert (await client.get("/api/v1/agents", params={"token": TOKEN})).status_code == 400


async def test_a_rotated_token_replaces_the_old(client: httpx.AsyncClient, world: World) -> None:
    world.rotate_token("new")
    assert (await client.get("/api/v1/agents")).status_code == 401
    assert (await client.get("/api/v1/agents", headers={"token": "new"})).status_code == 200


async def test_extension_and_outbound_queue_can_be_objects(client: httpx.AsyncClient, world: World) -> None:
    world.log_in(1, extension="sip/3012", outbound_queue_id=1)
    world.form = WireForm(extension="object", outbound_queue="object")
    row = (await client.get("/api/v1/agents")).json()["data"][0]
    assert row["current_extension"] == {"id": 4591, "exten": "sip/3012"}
    assert row["current_outbound_queue"] == {"id": 1, "name": "Cobrança"}


async def test_creating_can_answer_http_200_with_meta_201(client: httpx.AsyncClient, world: World) -> None:
    world.form = WireForm(created_status=200)
    sent = {"name": "A", "login": "a", "password": "p"}
    answer = await client.post("/api/v1/agents", json=sent)
    assert (answer.status_code, answer.json()["meta"]["status"]) == (200, 201)


async def test_a_queue_that_does_not_exist_is_404_and_hires_nobody(
    client: httpx.AsyncClient, world: World
) -> None:
    sent = {"name": "A", "login": "a", "password": "p", "queues": [99]}
    answer = await client.post("/api/v1/agents", json=sent)
    assert (answer.status_code, answer.json()) == (
        404,
        {"meta": {"status": 404, "message": "Queue not found"}},
    )
    assert len(world.agents) == 3


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b"\xff"])
async def test_a_body_that_is_no_object_is_400(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post("/api/v1/agents", content=body)
    assert (answer.status_code, answer.json()) == (
        400,
        {
            "meta": {"status": 400, "message": "Bad request"},
            "errors": ["Request body must be a JSON object."],
        },
    )


async def test_an_edit_cannot_change_the_login(client: httpx.AsyncClient, world: World) -> None:
    assert (await client.put("/api/v1/agents/1", json={"login": "other"})).status_code == 200
    assert world.agents[1].login == "agent.1"


BLANK = "password must not be empty or contain only spaces"


@pytest.mark.parametrize(
    ("form", "errors"),
    [("strings", [BLANK]), ("objects", [{"password": BLANK}]), ("object", {"password": BLANK})],
)
async def test_a_blank_password_can_be_refused_in_json(
    client: httpx.AsyncClient, world: World, form: Literal["strings", "objects", "object"], errors: object
) -> None:
    world.form = WireForm(edit_error=form)
    answer = await client.put("/api/v1/agents/1", json={"password": ""})
    assert answer.status_code == 400
    assert answer.json() == {"meta": {"status": 400, "message": {"password": BLANK}}, "errors": errors}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": ""}, {"name": "name must not be empty or contain only spaces"}),
        ({"queues": ["1"]}, {"queues": "queues must contain only integer ids"}),
        ({"levels": [1]}, {"levels": "levels must contain only objects with queue_id and priority"}),
    ],
)
async def test_other_bad_edits_are_refused_alike(
    client: httpx.AsyncClient, world: World, change: dict[str, object], message: dict[str, str]
) -> None:
    world.form = WireForm(edit_error="object")
    before = world.agents[1]
    answer = await client.put("/api/v1/agents/1", json=change)
    assert (answer.status_code, answer.json()["meta"]["message"]) == (400, message)
    assert world.agents[1] is before


async def test_what_is_not_evoluxs_is_refused_in_its_envelope(client: httpx.AsyncClient) -> None:
    missing = await client.get("/api/v1/agents/1")
    assert missing.status_code == 405
    nothing = await client.get("/api/v1/calls")
    assert (nothing.status_code, nothing.json()) == (404, {"meta": {"status": 404, "message": "Not Found"}})


async def test_a_renamed_pause_shows_in_rows_written_before(client: httpx.AsyncClient, world: World) -> None:
    world.log_in(1)
    world.pause(1, 49)
    await client.get("/api/v1/agents")
    world.add_pause(Pause(id=49, description="Descanso"))
    row = (await client.get("/api/v1/agents")).json()["data"][0]
    assert row["current_pause"]["reason"]["description"] == "Descanso"
