"""Every success and every refusal of Evolux's agent page and queue notes, word for word over a socket."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from gateway.simulator.world import World
from tests.unit.simulator.serving import NOON, serving, small_world

DONE = {"meta": {"status": 200, "message": "OK"}}
IMPOSSIBLE = ["Request well-formed but has a semantic impossibility."]
PAGE_FORM_BODY = """{
    "meta": {
        "status": 400,
        "message": {
			"password": "password must not be empty or contain only spaces"
		}
    },
    "errors": [
        "password": "password must not be empty or contain only spaces"
    ]
}"""


@pytest.fixture
def world() -> World:
    return small_world()


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(world) as (_, client):
        yield client


def created_refusal(reason: str) -> dict[str, Any]:
    return {"meta": {"status": 400, "message": "Bad request"}, "errors": [reason]}


async def test_a_request_without_a_token_is_400(client: httpx.AsyncClient, world: World) -> None:
    del client.headers["token"]
    answer = await client.post("/api/v1/agents/1/logoff")
    assert (answer.status_code, answer.json()) == (
        400,
        {"meta": {"status": 400, "message": "Missing token."}},
    )


@pytest.mark.parametrize("path", ["/api/v1/agents", "/api/v1/agents/"])
async def test_the_listing_shows_a_new_agent_as_the_page_does(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path, params={"limit": 1})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert list(body) == ["pagination", "meta", "data"]
    assert body["meta"] == {"status": 200, "message": "OK"}
    assert list(body["data"][0].items()) == [
        ("archived", False),
        ("enable", True),
        ("name", "Agent 1"),
        ("queues", [1]),
        ("current_extension", None),
        ("last_pause", None),
        ("last_login", None),
        ("current_pause", None),
        ("login", "agent.1"),
        ("current_outbound_queue", None),
        ("id", 1),
    ]


async def test_the_listing_shows_pauses_and_logins_as_the_page_does(
    client: httpx.AsyncClient, world: World
) -> None:
    world.log_in(1, extension="sip/3012", outbound_queue_id=1)
    world.pause(1, 49)
    row = (await client.get("/api/v1/agents")).json()["data"][0]
    reason = {
        "system": False,
        "productive": True,
        "type": "nr17rest10",
        "id": 49,
        "description": "10 minutos/NR17",
    }
    taken = {
        "max_duration": 600,
        "time_start": "2026-11-20T15:00:00+00:00",
        "reason_id": 49,
        "time_end": None,
        "reason": reason,
        "id": 46983,
    }
    assert row["current_pause"] == taken
    assert row["last_pause"] is None
    assert row["current_extension"] == "sip/3012"
    assert row["current_outbound_queue"] == 1
    login = {"exten": "sip/3012", "time_logoff": None, "id": 4591, "time_login": "2026-11-20T15:00:00+00:00"}
    assert row["last_login"] == login
    world.log_off(1)
    row = (await client.get("/api/v1/agents")).json()["data"][0]
    assert row["current_pause"] is None
    assert row["current_extension"] is None
    assert row["current_outbound_queue"] is None
    assert row["last_pause"] == {**taken, "time_end": "2026-11-20T15:00:00+00:00"}
    assert row["last_login"] == {**login, "time_logoff": "2026-11-20T15:00:00+00:00"}


async def test_creating_an_agent_answers_201_and_the_whole_row(
    client: httpx.AsyncClient, world: World
) -> None:
    sent = {"name": "Mônica Sá", "login": "monica.sa", "password": "planted-password", "queues": [1, 3]}
    answer = await client.post("/api/v1/agents", json=sent)
    assert answer.status_code == 201
    body = answer.json()
    assert list(body) == ["meta", "data"]
    assert body["meta"] == {"status": 201, "message": "Created"}
    assert body["data"] == {
        "archived": False,
        "enable": True,
        "name": "Mônica Sá",
        "queues": [1, 3],
        "current_extension": None,
        "last_pause": None,
        "last_login": None,
        "current_pause": None,
        "login": "monica.sa",
        "current_outbound_queue": None,
        "id": 4,
    }
    assert world.password_is(4, password="planted-password")
    assert "planted-password" not in repr(world.agents[4])


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"queues": ["1"]}, "Agent not created, queues list must contains only integer ids."),
        ({"queues": [True]}, "Agent not created, queues list must contains only integer ids."),
        ({"queues": 1}, "Agent not created, queues list must contains only integer ids."),
        ({"login": "Agent.1"}, "Agente não foi criado, esse login já está sendo usado."),
        ({"name": "  "}, "Agent not created, name must not be empty."),
        ({"login": ""}, "Agent not created, login must not be empty."),
        ({"password": None}, "Agent not created, password must not be empty."),
    ],
)
async def test_a_bad_new_agent_is_refused_in_errors(
    client: httpx.AsyncClient, world: World, changed: dict[str, Any], reason: str
) -> None:
    sent = {"name": "A", "login": "a", "password": "p", "queues": [1], **changed}
    answer = await client.post("/api/v1/agents", json=sent)
    assert (answer.status_code, answer.json()) == (400, created_refusal(reason))
    assert len(world.agents) == 3


async def test_an_edit_changes_only_what_was_given_and_answers_no_data(
    client: httpx.AsyncClient, world: World
) -> None:
    answer = await client.put("/api/v1/agents/1", json={"levels": [{"queue_id": 1, "priority": 3}]})
    assert (answer.status_code, answer.json()) == (200, DONE)
    assert world.agents[1].levels == ((1, 3),)
    assert (world.agents[1].name, world.agents[1].queue_ids) == ("Agent 1", (1,))
    answer = await client.put("/api/v1/agents/1", json={"name": "João", "queues": [], "password": "nova"})
    assert (answer.status_code, answer.json()) == (200, DONE)
    assert (world.agents[1].name, world.agents[1].queue_ids) == ("João", ())
    assert world.agents[1].levels == ((1, 3),)
    assert world.password_is(1, password="nova")


async def test_a_blank_password_is_refused_with_the_pages_own_body_that_is_not_json(
    client: httpx.AsyncClient, world: World
) -> None:
    answer = await client.put("/api/v1/agents/1", json={"password": " ", "name": "Other"})
    assert (answer.status_code, answer.text) == (400, PAGE_FORM_BODY)
    assert world.agents[1].name == "Agent 1"


async def test_the_pauses_listing_passes_limit_over_and_has_links_as_the_page_does(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.get("/api/v1/agents/1/pauses?page=1&limit=2")
    link = f"https://{client.base_url.netloc.decode()}/api/v1/agents/1/pauses?page=1"
    assert answer.json() == {
        "pagination": {
            "max_limit": 50,
            "limit": 50,
            "first_url": link,
            "next_url": None,
            "items": 1,
            "last_url": link,
            "total": 1,
            "current_url": link,
            "prev_url": None,
        },
        "meta": {"status": 200, "message": "OK"},
        "data": [
            {
                "pause": {
                    "system": False,
                    "productive": True,
                    "type": "nr17rest10",
                    "id": 49,
                    "description": "10 minutos/NR17",
                },
                "automatic_unpause": False,
                "queue_id": 1,
                "disable_unpause": False,
                "limit_duration": 600,
                "id": 3,
            }
        ],
    }


async def test_pausing_takes_the_pauses_id_and_answers_no_data(
    client: httpx.AsyncClient, world: World
) -> None:
    world.log_in(1)
    answer = await client.post("/api/v1/agents/1/pause", json={"pause_id": 49})
    assert (answer.status_code, answer.json()) == (200, DONE)
    pause = world.agents[1].current_pause
    assert pause is not None
    assert (pause.pause_id, pause.started_at, pause.max_seconds) == (49, NOON, 600)


async def test_pausing_a_paused_agent_is_422_and_keeps_the_pause(
    client: httpx.AsyncClient, world: World
) -> None:
    world.log_in(1)
    paused = world.pause(1, 49)
    answer = await client.post("/api/v1/agents/1/pause", json={"pause_id": 49})
    refusal = {"meta": {"status": 422, "message": "Agent already paused"}, "errors": IMPOSSIBLE}
    assert (answer.status_code, answer.json()) == (422, refusal)
    assert world.agents[1] is paused


async def test_unpausing_ends_the_pause_and_answers_no_data(client: httpx.AsyncClient, world: World) -> None:
    world.log_in(1)
    world.pause(1, 49)
    answer = await client.post("/api/v1/agents/1/unpause")
    assert (answer.status_code, answer.json()) == (200, DONE)
    assert world.agents[1].current_pause is None
    last = world.agents[1].last_pause
    assert last is not None
    assert last.ended_at == NOON


async def test_unpausing_one_who_is_not_paused_is_422(client: httpx.AsyncClient, world: World) -> None:
    answer = await client.post("/api/v1/agents/1/unpause")
    refusal = {"meta": {"status": 422, "message": "Agent is unpaused"}, "errors": IMPOSSIBLE}
    assert (answer.status_code, answer.json()) == (422, refusal)


async def test_logging_off_closes_the_login_and_answers_no_data(
    client: httpx.AsyncClient, world: World
) -> None:
    world.log_in(1)
    answer = await client.post("/api/v1/agents/1/logoff")
    assert (answer.status_code, answer.json()) == (200, DONE)
    assert not world.agents[1].logged_in


async def test_logging_off_one_who_is_off_is_400_without_errors(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/v1/agents/1/logoff")
    refusal = {"meta": {"status": 400, "message": "Agent is not logged"}}
    assert (answer.status_code, answer.json()) == (400, refusal)


async def test_logging_off_during_a_call_is_400_in_portuguese(
    client: httpx.AsyncClient, world: World
) -> None:
    world.log_in(1)
    world.set_on_call(1, True)
    answer = await client.post("/api/v1/agents/1/logoff")
    refusal = {"meta": {"status": 400, "message": "Não é possível sair enquanto está em uma chamada."}}
    assert (answer.status_code, answer.json()) == (400, refusal)
    assert world.agents[1].logged_in


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/api/v1/agents/77"),
        ("GET", "/api/v1/agents/77/pauses"),
        ("POST", "/api/v1/agents/77/pause"),
        ("POST", "/api/v1/agents/77/unpause"),
        ("POST", "/api/v1/agents/77/logoff"),
    ],
)
async def test_an_unknown_agent_is_404_everywhere(client: httpx.AsyncClient, method: str, path: str) -> None:
    answer = await client.request(method, path, json={"pause_id": 49} if method != "GET" else None)
    assert (answer.status_code, answer.json()) == (
        404,
        {"meta": {"status": 404, "message": "Agent not found"}},
    )


COBRANCA = {
    "id": 1,
    "name": "Cobrança",
    "slug": "cobranca",
    "number": "3001",
    "public_number": "+558433330001",
}
NATAL = {"id": 3, "name": "Natal", "slug": "natal", "number": "3003", "public_number": None}


async def test_the_queue_listing_hides_archived_queues_and_has_no_paging(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/v1/queues")
    assert (answer.status_code, answer.json()) == (
        200,
        {"meta": {"status": 200, "message": "Created"}, "data": [COBRANCA]},
    )
    answer = await client.get("/api/v1/queues?include_archived=true")
    assert answer.json()["data"] == [COBRANCA, NATAL]


async def test_one_queue_is_served_or_refused_as_documented(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/v1/queues/1")).json() == {**DONE, "data": COBRANCA}
    missing = await client.get("/api/v1/queues/2")
    assert (missing.status_code, missing.json()["meta"]["message"]) == (404, "Queue not found")
    archived = await client.get("/api/v1/queues/3")
    assert (archived.status_code, archived.json()["meta"]["message"]) == (422, "Queue archived not requested")
    asked = await client.get("/api/v1/queues/3?include_archived=true")
    assert asked.json()["data"] == NATAL
