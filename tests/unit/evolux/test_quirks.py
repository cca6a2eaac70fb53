"""The twenty quirks of Evolux, each survived: the number and the name are the test's."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from gateway.domain.agents import Agent, AgentChange, AgentState, NewAgent, QueueLevel
from gateway.domain.errors import (
    AgentAlreadyPaused,
    AgentNotFound,
    AgentNotLoggedIn,
    AgentNotPaused,
    AgentOnCall,
    BadUserInput,
    GatewayError,
    LoginTaken,
    OutcomeUnknown,
    PauseNotFound,
    UpstreamInvalidResponse,
    UpstreamRefused,
)
from gateway.domain.ids import AgentId, PauseId, QueueId
from gateway.evolux.call_center import EvoluxCallCenter
from gateway.evolux.envelope import read_envelope
from gateway.evolux.observing import Odd
from tests.unit.evolux.raw_evolux import (
    RawEvolux,
    Reply,
    a_client,
    bytes_reply,
    json_reply,
    page_body,
    raw_evolux,
    truncated_reply,
)

SEVEN, LUNCH = AgentId(7), PauseId(49)
NEW = NewAgent(name="Agent 1", login="agent.1", password="planted-password", queue_ids=(QueueId(1),))
OK = {"meta": {"status": 200, "message": "OK"}}
BLANK = "password must not be empty or contain only spaces"
PAGE_FORM = b"""{
    "meta": {"status": 400, "message": {"password": "password must not be empty or contain only spaces"}},
    "errors": ["password": "password must not be empty or contain only spaces"]
}"""
CREATED = {"meta": {"status": 201, "message": "Created"}, "data": None}
REASON = {
    "id": 49,
    "description": "10 minutos/NR17",
    "type": "nr17rest10",
    "productive": True,
    "system": False,
}


def row(agent_id: int = 7, **changes: object) -> dict[str, object]:
    return {"id": agent_id, "name": f"Agent {agent_id}", "login": f"agent.{agent_id}", "queues": []} | changes


def refusal(status: int, message: object, *, errors: object = None) -> Reply:
    body: dict[str, Any] = {"meta": {"status": status, "message": message}}
    return json_reply(status, body=body if errors is None else body | {"errors": errors})


class Asked:
    """What a verb of the call centre gave, and what Evolux saw of it."""

    def __init__(self, value: Any, error: GatewayError | None, evolux: RawEvolux, odd: list[Odd]) -> None:
        self.value = value
        self.error = error
        self.requests = evolux.requests
        self.lines = evolux.lines
        self.odd = odd


async def ask(verb: str, *arguments: object, replies: list[Reply]) -> Asked:
    odd: list[Odd] = []
    async with raw_evolux(*replies) as evolux, a_client(evolux.base_url) as client:
        call_center = EvoluxCallCenter(client, on_odd=odd.append)
        try:
            return Asked(await getattr(call_center, verb)(*arguments), None, evolux, odd)
        except GatewayError as error:
            return Asked(None, error, evolux, odd)


async def listed(**changes: object) -> Agent:
    """One agent, read through a whole listing."""
    asked = await ask("agents", replies=[json_reply(body=page_body([row(7) | changes]))])
    [agent] = asked.value.snapshot.rows
    assert isinstance(agent, Agent)
    assert asked.odd == []
    return agent


@pytest.mark.parametrize(
    "body",
    [
        PAGE_FORM,
        msgspec.json.encode({"meta": {"status": 400}, "errors": [{"password": BLANK}]}),
        msgspec.json.encode({"meta": {"status": 400}, "errors": {"password": BLANK}}),
        msgspec.json.encode({"meta": {"status": 400}, "errors": [BLANK]}),
    ],
    ids=["page", "objects", "object", "strings"],
)
async def test_quirk_01_an_edit_error_that_is_not_json_still_names_its_field(body: bytes) -> None:
    change = AgentChange(password=" ")
    asked = await ask("update_agent", SEVEN, change, replies=[bytes_reply(400, body=body)])
    assert isinstance(asked.error, BadUserInput)
    assert (asked.error.field, asked.error.upstream_status) == (("password",), 400)


async def test_quirk_01_any_other_undecodable_body_keeps_its_http_status() -> None:
    asked = await ask("update_agent", SEVEN, AgentChange(name="A"), replies=[bytes_reply(418, body=b"{{{{")])
    assert isinstance(asked.error, UpstreamRefused)
    assert asked.error.upstream_status == 418


async def test_quirk_02_a_message_that_is_an_object_keyed_by_field_is_read() -> None:
    asked = await ask(
        "update_agent", SEVEN, AgentChange(name=" "), replies=[refusal(400, {"name": "must not be empty"})]
    )
    assert isinstance(asked.error, BadUserInput)
    assert asked.error.field == ("name",)


async def test_quirk_03_urls_of_the_pagination_are_never_followed() -> None:
    async with raw_evolux(json_reply(body=page_body([]))) as internal:
        elsewhere = f"{internal.base_url}/api/v1/agents/?limit=1&page=2"
        pages = [page_body([row(number)], total=2, limit=1) for number in (1, 2)]
        for page in pages:
            page["pagination"] |= {"next_url": elsewhere, "current_url": elsewhere}  # type: ignore[operator]
        asked = await ask("agents", replies=[json_reply(body=page) for page in pages])
        assert [agent.id for agent in asked.value.snapshot.rows] == [1, 2]
        assert [line.split()[1] for line in asked.lines] == [
            "/api/v1/agents?page=1&limit=50",
            "/api/v1/agents?page=2&limit=50",
        ]
        assert internal.requests == []


async def test_quirk_03_a_redirect_is_not_followed_and_a_post_never_becomes_a_get() -> None:
    async with raw_evolux(json_reply(body=OK)) as elsewhere:
        away = bytes_reply(302, headers=[f"Location: {elsewhere.base_url}/"])
        asked = await ask("pause_agent", SEVEN, LUNCH, replies=[away])
        assert isinstance(asked.error, OutcomeUnknown)
        assert len(asked.lines) == 1
        assert elsewhere.requests == []


async def test_quirk_04_pages_come_from_the_returned_limit_and_max_limit_is_ignored() -> None:
    pages = [page_body([row(number), row(number + 1)], total=4, limit=2) for number in (1, 3)]
    for page in pages:
        page["pagination"] |= {"max_limit": 1}  # type: ignore[operator]
    asked = await ask("agents", replies=[json_reply(body=page) for page in pages])
    assert (len(asked.value.snapshot.rows), asked.value.snapshot.page_rows, len(asked.lines)) == (4, 2, 2)
    assert asked.value.snapshot.complete


@pytest.mark.parametrize(
    ("extension", "outbound", "expected"),
    [
        ("sip/3012", 4, ("sip/3012", 4, None)),
        ({"id": 1, "exten": "sip/3012"}, {"id": 4, "name": "Vendas"}, ("sip/3012", 4, "Vendas")),
        (None, {"name": "Vendas"}, (None, None, "Vendas")),
        ("", None, (None, None, None)),
    ],
)
async def test_quirk_05_current_fields_are_read_in_each_of_their_forms(
    extension: object, outbound: object, expected: tuple[object, ...]
) -> None:
    agent = await listed(current_extension=extension, current_outbound_queue=outbound)
    assert (agent.extension, agent.outbound_queue_id, agent.outbound_queue_name) == expected


async def test_quirk_05_a_current_pause_lasts_and_one_with_an_end_is_none() -> None:
    pause = {
        "id": 1,
        "time_start": "2026-03-10T15:00:00Z",
        "time_end": None,
        "reason": REASON,
        "reason_id": 49,
    }
    login = {"time_login": "2026-03-10T12:00:00Z", "time_logoff": None}
    agent = await listed(current_pause=pause, last_login=login)
    assert agent.current_pause is not None
    assert agent.current_pause.started_at == datetime(2026, 3, 10, 15, 0, tzinfo=UTC)
    assert agent.state is AgentState.PAUSED
    ended = pause | {"time_end": "2026-03-10T15:10:00Z"}
    assert (await listed(current_pause=ended, last_login=login)).state is AgentState.LOGGED_IN


async def test_quirk_05_an_odd_field_is_null_noted_and_fails_no_listing() -> None:
    odd_row = row(8, current_pause=[1], current_extension={"exten": [2]}, current_outbound_queue=3.5)
    asked = await ask("agents", replies=[json_reply(body=page_body([row(7), odd_row]))])
    snapshot = asked.value.snapshot
    assert ([agent.id for agent in snapshot.rows], snapshot.complete) == ([7, 8], True)
    assert snapshot.by_id[8].current_pause is None
    assert sorted((odd.row_id, odd.field, odd.seen) for odd in asked.odd) == [
        (8, "current_extension.exten", "array"),
        (8, "current_outbound_queue", "number"),
        (8, "current_pause", "array"),
    ]


async def test_quirk_06_of_the_three_ids_of_a_pauses_row_pausing_sends_the_pauses_own() -> None:
    allowed = {"id": 3, "queue_id": 13, "pause": REASON, "limit_duration": 5}
    asked = await ask("agent_pauses", SEVEN, replies=[json_reply(body=page_body([allowed]))])
    [found] = asked.value.snapshot.rows
    assert (found.id, found.queue_id, found.pause.id) == (3, 13, 49)
    sent = await ask("pause_agent", SEVEN, found.pause.id, replies=[json_reply(body=OK)])
    assert sent.requests[0].endswith(b'\r\n\r\n{"pause_id":49}')


@pytest.mark.parametrize("name", ["max_duration", "limit_duration", "limit"])
async def test_quirk_07_a_pause_comes_once_per_queue_with_its_limit_under_any_name(name: str) -> None:
    rows = [
        {"id": 3, "queue_id": 13, "pause": REASON, name: 600},
        {"id": 4, "queue_id": 20, "pause": REASON, name: -1},
    ]
    asked = await ask("agent_pauses", SEVEN, replies=[json_reply(body=page_body(rows))])
    found = [(each.queue_id, each.limit_duration_seconds) for each in asked.value.snapshot.rows]
    assert found == [(13, 600), (20, None)]
    taken = {"time_start": "2026-03-10T15:00:00Z", name: 600}
    agent = await listed(last_pause=taken)
    assert agent.last_pause is not None
    assert agent.last_pause.max_duration_seconds == 600


@pytest.mark.parametrize(
    ("wire", "read"), [("", None), (None, None), ("nr17rest10", "nr17rest10"), ("novo", "novo")]
)
async def test_quirk_08_an_empty_type_is_none_and_the_set_is_open(wire: str | None, read: str | None) -> None:
    allowed = {"id": 3, "pause": REASON | {"type": wire}}
    asked = await ask("agent_pauses", SEVEN, replies=[json_reply(body=page_body([allowed]))])
    assert asked.value.snapshot.rows[0].pause.type == read


async def test_quirk_09_productive_is_taken_as_it_stands_also_for_lunch() -> None:
    lunch = {"id": 50, "description": "Almoço", "type": None, "productive": True, "system": False}
    asked = await ask(
        "agent_pauses", SEVEN, replies=[json_reply(body=page_body([{"id": 4, "pause": lunch}]))]
    )
    assert asked.value.snapshot.rows[0].pause.productive is True


async def test_quirk_10_queue_ids_that_no_queue_listing_shows_stay_on_the_agent() -> None:
    assert (await listed(queues=[4, 999])).queue_ids == (4, 999)


async def test_quirk_11_archived_and_disabled_agents_are_in_the_listing_and_no_filter_is_sent() -> None:
    rows = [row(1, archived=True, enable=True), row(2, archived=False, enable=False), row(3)]
    asked = await ask("agents", replies=[json_reply(body=page_body(rows))])
    states = [agent.state for agent in asked.value.snapshot.rows]
    assert states == [AgentState.INACTIVE, AgentState.INACTIVE, AgentState.LOGGED_OUT]
    assert asked.lines == ["GET /api/v1/agents?page=1&limit=50 HTTP/1.1"]


async def test_quirk_12_an_edit_sends_the_given_fields_alone_and_never_a_login() -> None:
    levels = (QueueLevel(queue_id=QueueId(1), priority=3),)
    change = AgentChange(name="Zoé", levels=levels)
    asked = await ask("update_agent", SEVEN, change, replies=[json_reply(body=OK)])
    head, body = asked.requests[0].split(b"\r\n\r\n", 1)
    assert head.startswith(b"PUT /api/v1/agents/7 HTTP/1.1\r\n")
    assert msgspec.json.decode(body) == {"name": "Zoé", "levels": [{"queue_id": 1, "priority": 3}]}


@pytest.mark.parametrize(("verb", "path"), [("unpause_agent", "unpause"), ("log_off_agent", "logoff")])
async def test_quirk_13_unpause_and_logoff_are_sent_without_a_body_and_answer_no_data(
    verb: str, path: str
) -> None:
    asked = await ask(verb, SEVEN, replies=[json_reply(body=OK)])
    assert (asked.value, asked.error) == (None, None)
    head, body = asked.requests[0].lower().split(b"\r\n\r\n", 1)
    assert head.startswith(f"post /api/v1/agents/7/{path} http/1.1\r\n".encode())
    assert body == b""
    assert b"content-type" not in head
    assert b"transfer-encoding" not in head


@pytest.mark.parametrize("http_status", [200, 201])
async def test_quirk_14_create_succeeds_by_http_status_whether_200_or_201(http_status: int) -> None:
    asked = await ask("create_agent", NEW, replies=[json_reply(http_status, body=CREATED | {"data": row(8)})])
    assert (asked.error, asked.value.id) == (None, 8)


async def test_quirk_14_a_meta_status_of_refusal_inside_http_200_is_a_refusal() -> None:
    reply = json_reply(200, body={"meta": {"status": 422, "message": "Agent already paused"}})
    asked = await ask("pause_agent", SEVEN, LUNCH, replies=[reply])
    assert isinstance(asked.error, AgentAlreadyPaused)
    assert asked.error.upstream_status == 422


@pytest.mark.parametrize("reply", [bytes_reply(200), bytes_reply(204), bytes_reply(200, body=b" \r\n")])
async def test_quirk_14_an_empty_success_of_a_write_without_data_is_a_success(reply: Reply) -> None:
    asked = await ask("unpause_agent", SEVEN, replies=[reply])
    assert (asked.error, len(asked.lines)) == (None, 1)


async def test_quirk_15_the_useful_text_is_found_in_message_or_in_errors() -> None:
    login_taken = "Agente não foi criado, esse login já está sendo usado."
    in_errors = await ask("create_agent", NEW, replies=[refusal(400, "Bad request", errors=[login_taken])])
    assert isinstance(in_errors.error, LoginTaken)
    generic = ["Request well-formed but has a semantic impossibility."]
    in_message = await ask(
        "unpause_agent", SEVEN, replies=[refusal(422, "Agent is unpaused", errors=generic)]
    )
    assert isinstance(in_message.error, AgentNotPaused)


@pytest.mark.parametrize(
    ("verb", "status", "text", "kind"),
    [
        ("pause_agent", 422, "Agent already paused", AgentAlreadyPaused),
        ("unpause_agent", 422, "Agent is unpaused", AgentNotPaused),
        ("log_off_agent", 400, "Agent is not logged", AgentNotLoggedIn),
        ("log_off_agent", 400, "Não é possível sair enquanto está em uma chamada.", AgentOnCall),
        ("log_off_agent", 422, "Agent is not logged", AgentNotLoggedIn),
        ("pause_agent", 400, "Agent already paused", AgentAlreadyPaused),
    ],
)
async def test_quirk_16_like_conflicts_are_told_by_their_words_whatever_their_code(
    verb: str, status: int, text: str, kind: type[GatewayError]
) -> None:
    arguments = (SEVEN, LUNCH) if verb == "pause_agent" else (SEVEN,)
    asked = await ask(verb, *arguments, replies=[refusal(status, text)])
    assert (type(asked.error), len(asked.lines)) == (kind, 1)


@pytest.mark.parametrize(
    "verb", ["create_agent", "pause_agent", "unpause_agent", "log_off_agent", "update_agent"]
)
async def test_quirk_17_a_write_whose_answer_is_lost_is_unknown_and_never_repeated(verb: str) -> None:
    arguments: dict[str, tuple[object, ...]] = {
        "create_agent": (NEW,), "pause_agent": (SEVEN, LUNCH), "update_agent": (SEVEN, AgentChange(name="A")),
    }  # fmt: skip
    replies = [truncated_reply(200, body=b"{"), json_reply(body=OK)]
    asked = await ask(verb, *arguments.get(verb, (SEVEN,)), replies=replies)
    assert (type(asked.error), len(asked.lines)) == (OutcomeUnknown, 1)


@pytest.mark.parametrize(
    ("verb", "status", "text", "kind"),
    [
        ("pause_agent", 404, "Pause not found", PauseNotFound),
        ("pause_agent", 422, "Pausa não encontrada", PauseNotFound),
        ("pause_agent", 422, "Agent is not logged", AgentNotLoggedIn),
        ("pause_agent", 422, "Agente em chamada", AgentOnCall),
        ("unpause_agent", 422, "Unpause disabled", UpstreamRefused),
        ("log_off_agent", 404, "", AgentNotFound),
        ("update_agent", 404, "???", AgentNotFound),
    ],
)
async def test_quirk_18_undocumented_refusals_have_a_sensible_meaning(
    verb: str, status: int, text: str, kind: type[GatewayError]
) -> None:
    arguments: dict[str, tuple[object, ...]] = {
        "pause_agent": (SEVEN, LUNCH), "update_agent": (SEVEN, AgentChange(name="A")),
    }  # fmt: skip
    asked = await ask(verb, *arguments.get(verb, (SEVEN,)), replies=[refusal(status, text)])
    assert type(asked.error) is kind


@pytest.mark.parametrize(
    "past_the_end", [json_reply(404, body=OK), json_reply(body=page_body([], total=3, limit=1))]
)
async def test_quirk_18_a_page_past_the_end_is_an_empty_page(past_the_end: Reply) -> None:
    first = json_reply(body=page_body([row(1)], total=2, limit=1))
    settled = json_reply(body=page_body([row(1)]))
    asked = await ask("agents", replies=[first, past_the_end, settled])
    snapshot = asked.value.snapshot
    assert ([agent.id for agent in snapshot.rows], snapshot.complete) == ([1], True)


async def test_quirk_19_one_agent_is_found_in_the_listing() -> None:
    replies = [json_reply(body=page_body([row(number)], total=2, limit=1)) for number in (1, 7)]
    asked = await ask("read_agent", SEVEN, replies=replies)
    assert asked.value.login == "agent.7"
    assert all("/api/v1/agents?" in line for line in asked.lines)


@pytest.mark.parametrize(
    "reply",
    [
        bytes_reply(200),
        json_reply(body=OK),
        json_reply(body=OK | {"data": None}),
        json_reply(body=OK | {"data": {"id": 1}}),
        bytes_reply(200, body=b"<!doctype html><title>Evolux</title>"),
        bytes_reply(200, body=b'{"meta": {"status": 200}, "data": [{"id": 1'),
    ],
    ids=["empty", "no-data", "null-data", "object-data", "html", "half"],
)
@pytest.mark.parametrize("verb", ["agents", "queues", "agent_pauses", "create_agent"])
async def test_quirk_20_a_200_that_is_no_answer_is_told_from_one(verb: str, reply: Reply) -> None:
    arguments: dict[str, tuple[object, ...]] = {"agent_pauses": (SEVEN,), "create_agent": (NEW,)}
    asked = await ask(verb, *arguments.get(verb, ()), replies=[reply])
    if verb != "create_agent":
        assert isinstance(asked.error, UpstreamInvalidResponse)
    elif asked.error is None:
        assert asked.value.id == 1
        assert read_envelope(b'{"data": {"id": 1}}', http_status=200).data is not None
    else:
        assert isinstance(asked.error, OutcomeUnknown)
    assert len(asked.lines) == 1
