"""Rows to domain values: typed where they decode, else field by field, each oddity noted."""

import json
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.agents import Agent, AgentChange, AgentState, NewAgent, QueueLevel
from gateway.domain.ids import QueueId
from gateway.domain.listings import Snapshot
from gateway.domain.pauses import AllowedPause
from gateway.domain.queues import Queue
from gateway.evolux.agents import AgentReader, agent_change_body, new_agent_body
from gateway.evolux.observing import Odd
from gateway.evolux.pauses import allowed_pause_reader
from gateway.evolux.queues import queue_reader

REASON = {"id": 18, "description": "Pausa Cadastro", "type": "", "productive": True, "system": False}
TAKEN = {
    "id": 46983, "reason_id": 18, "reason": REASON, "max_duration": None,
    "time_start": "2018-07-07T16:40:11+00:00", "time_end": "2018-07-07T17:06:38+00:00",
}  # fmt: skip
LOGIN = {"id": 4591, "exten": "sip/3012", "time_login": "2018-07-07T12:27:42+00:00", "time_logoff": None}
AGENT = {
    "archived": False, "enable": True, "name": "Agent 2", "queues": [4], "current_extension": None,
    "last_pause": None, "last_login": None, "current_pause": None, "login": "agent.2",
    "current_outbound_queue": None, "id": 40,
}  # fmt: skip
BEFORE_TIME = "0001-01-01T00:00:00+05:00"
TOOK_AT = datetime(2018, 7, 7, 16, 40, 11, tzinfo=UTC)


def read_agents(*rows: object) -> tuple[tuple[Agent, ...], list[Odd]]:
    odd: list[Odd] = []
    page = AgentReader(odd.append).rows.read_page(msgspec.Raw(msgspec.json.encode(list(rows))))
    assert page is not None
    assert page.held == len(rows)
    return page.rows, odd


def read_agent(**changes: object) -> tuple[Agent, list[Odd]]:
    """The agent of the page's example with some fields changed, and what was noted."""
    [agent], odd = read_agents(AGENT | changes)
    return agent, odd


def clean_agent(**changes: object) -> Agent:
    agent, odd = read_agent(**changes)
    assert odd == []
    return agent


def noted(odd: list[Odd]) -> list[tuple[str, str]]:
    assert {each.listing for each in odd} <= {"agents"}
    return [(each.field, each.seen) for each in odd]


def test_the_pages_example_is_read_word_for_word() -> None:
    agent = clean_agent(last_pause=TAKEN, last_login=LOGIN, archived=True, enable=False)
    assert (agent.id, agent.name, agent.login, agent.queue_ids) == (40, "Agent 2", "agent.2", (4,))
    assert (agent.enabled, agent.archived, agent.state) == (False, True, AgentState.INACTIVE)
    assert agent.last_pause is not None
    assert agent.last_pause.started_at == TOOK_AT
    assert agent.last_pause.pause is not None
    assert (agent.last_pause.pause_id, agent.last_pause.pause.type) == (18, None)
    assert agent.last_login is not None
    assert (agent.last_login.extension, agent.last_login.ended_at) == ("sip/3012", None)


@pytest.mark.parametrize(
    ("time_start", "started_at"),
    [
        ("2018-07-07T16:40:11Z", TOOK_AT),
        ("2018-07-07T13:40:11-03:00", TOOK_AT),
        ("2018-07-07T13:40:11-0300", TOOK_AT),
        ("2018-07-07T16:40:11", TOOK_AT),
        ("2018-07-07 16:40:11", TOOK_AT),
        (1530981611, TOOK_AT),
        ("1530981611", TOOK_AT),
        (1530981611000, TOOK_AT),
        ("2018-07-07T16:40:11.500Z", TOOK_AT + timedelta(seconds=0.5)),
    ],
)
@pytest.mark.parametrize("odd_name", [None, 7], ids=["typed", "field-by-field"])
def test_times_of_every_form_are_aware_and_in_utc(
    time_start: object, started_at: datetime, odd_name: object
) -> None:
    row = AGENT | {"last_pause": TAKEN | {"time_start": time_start}}
    if odd_name is not None:
        row["enable"] = "sim"
    [agent], _ = read_agents(row)
    assert agent.last_pause is not None
    assert agent.last_pause.started_at == started_at
    assert agent.last_pause.started_at.tzinfo is UTC


def test_an_offset_is_turned_into_utc_on_both_ways() -> None:
    away = datetime(2018, 7, 7, 13, 40, 11, tzinfo=timezone(timedelta(hours=-3)))
    typed = clean_agent(last_login=LOGIN | {"time_logoff": away.isoformat()})
    lenient, _ = read_agent(last_login=LOGIN | {"time_logoff": away.isoformat()}, enable="sim")
    assert typed.last_login == lenient.last_login
    assert typed.last_login is not None
    assert typed.last_login.ended_at == TOOK_AT


@pytest.mark.parametrize(
    ("field", "value", "note"),
    [
        ("enable", "talvez", ("enable", "string")),
        ("enable", None, ("enable", "null")),
        ("archived", [], ("archived", "array")),
        ("name", None, ("name", "null")),
        ("name", {"first": "A"}, ("name", "object")),
        ("queues", 4, ("queues", "number")),
        ("queues", [4, "x"], ("queues", "array")),
        ("current_extension", [1], ("current_extension", "array")),
        ("current_extension", True, ("current_extension", "boolean")),
        ("current_outbound_queue", "vendas", ("current_outbound_queue", "string")),
        ("current_outbound_queue", {"id": "x"}, ("current_outbound_queue.id", "string")),
        ("current_pause", "almoço", ("current_pause", "string")),
        ("current_pause", {"id": 1}, ("current_pause.time_start", "missing")),
        ("last_pause", TAKEN | {"time_start": "ontem"}, ("last_pause.time_start", "string")),
        ("last_pause", TAKEN | {"reason_id": "x"}, ("last_pause.reason_id", "string")),
        ("last_pause", TAKEN | {"reason": REASON | {"id": 0}}, ("last_pause.reason.id", "number")),
        ("last_pause", TAKEN | {"max_duration": "1h"}, ("last_pause.max_duration", "string")),
        ("last_login", 7, ("last_login", "number")),
        ("last_login", LOGIN | {"time_login": BEFORE_TIME}, ("last_login.time_login", "string")),
    ],
)  # fmt: skip
def test_one_odd_field_is_noted_and_the_row_served_with_the_others(
    field: str, value: object, note: tuple[str, str]
) -> None:
    other = AGENT | {"id": 41, "last_login": LOGIN}
    (odd_one, fine_one), odd = read_agents(AGENT | {field: value}, other)
    assert noted(odd) == [note]
    assert odd[0].row_id == 40
    assert (odd_one.id, odd_one.login) == (40, "agent.2")
    assert (fine_one.id, fine_one.last_login is not None) == (41, True)


@pytest.mark.parametrize(
    "row",
    [{}, {"name": "A"}, *(AGENT | {"id": each} for each in (None, "x", 0, -1, True, 2**53)), 7, None, []],
)
def test_a_row_without_a_usable_id_is_dropped_and_noted(row: object) -> None:
    rows, odd = read_agents(row, AGENT)
    assert [agent.id for agent in rows] == [40]
    assert len(odd) == 1
    assert odd[0].row_id is None


@pytest.mark.parametrize("number", [2**53, 2**63, 2**64, -(2**63) - 1, 10**30, 10**4_000])
@pytest.mark.parametrize(
    "path",
    [("last_login", "id"), ("last_pause", "id"), ("last_pause", "limit"), ("current_pause", "reason_id")],
)
def test_a_number_too_large_is_odd_and_fails_neither_row_nor_digest(
    path: tuple[str, str], number: int
) -> None:
    field, name = path
    row = AGENT | {field: (LOGIN if field == "last_login" else TAKEN) | {name: number}}
    odd: list[Odd] = []
    page = AgentReader(odd.append).rows.read_page(msgspec.Raw(json.dumps([row, AGENT]).encode()))
    assert page is not None
    assert [agent.id for agent in page.rows] == [40, 40]
    assert [each.field for each in odd] == [f"{field}.{name}"]
    assert Snapshot(page.rows, fetched_at=TOOK_AT).version


def test_a_limit_beyond_what_callers_can_be_shown_is_none_and_noted() -> None:
    agent, odd = read_agent(last_pause=TAKEN | {"max_duration": 2**31 - 1})
    assert agent.last_pause is not None
    assert (agent.last_pause.max_duration_seconds, odd) == (2**31 - 1, [])
    agent, odd = read_agent(last_pause=TAKEN | {"max_duration": 2**31})
    assert agent.last_pause is not None
    assert agent.last_pause.max_duration_seconds is None
    assert noted(odd) == [("last_pause.max_duration", "number")]


def test_numbers_as_text_and_flags_as_numbers_are_no_oddity() -> None:
    agent = clean_agent(id="40", enable=1, archived="false", queues=["4", 5])
    assert (agent.id, agent.enabled, agent.archived, agent.queue_ids) == (40, True, False, (4, 5))


def test_queues_as_objects_are_read_by_their_id() -> None:
    assert clean_agent(queues=[{"id": 4, "name": "Vendas"}, {"id": "5"}]).queue_ids == (4, 5)


def test_an_end_that_cannot_be_read_never_makes_a_login_or_a_pause_last() -> None:
    agent, odd = read_agent(
        last_login=LOGIN | {"time_logoff": "ontem"}, last_pause=TAKEN | {"time_end": "ontem"}
    )
    assert (agent.last_login, agent.last_pause) == (None, None)
    assert sorted(noted(odd)) == [("last_login.time_logoff", "string"), ("last_pause.time_end", "string")]
    agent, _ = read_agent(last_login=LOGIN | {"time_logoff": ""})
    assert agent.last_login is not None
    assert agent.last_login.ended_at is None


def test_equal_reasons_and_queues_are_one_value_in_a_walk() -> None:
    rows, _ = read_agents(*({**AGENT, "id": number, "last_pause": TAKEN} for number in (1, 2)))
    first, second = rows
    assert first.queue_ids is second.queue_ids
    assert first.last_pause is not None
    assert second.last_pause is not None
    assert first.last_pause.pause is second.last_pause.pause


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(AGENT)), inner),
    max_leaves=6,
)


@given(st.sampled_from([name for name in AGENT if name != "id"]), JSON)
def test_no_value_in_any_field_fails_the_row(field: str, value: object) -> None:
    try:
        encoded = msgspec.json.encode([AGENT | {field: value}])
    except UnicodeEncodeError:
        return
    odd: list[Odd] = []
    page = AgentReader(odd.append).rows.read_page(msgspec.Raw(encoded))
    assert page is not None
    assert [agent.id for agent in page.rows] == [40]
    assert all(each.field.startswith(field) for each in odd)


def read_allowed(*rows: object) -> tuple[tuple[AllowedPause, ...], list[Odd]]:
    odd: list[Odd] = []
    page = allowed_pause_reader(odd.append).read_page(msgspec.Raw(msgspec.json.encode(list(rows))))
    assert page is not None
    return page.rows, odd


def test_a_pauses_row_without_a_pause_is_dropped_and_one_odd_field_is_not() -> None:
    row = {"id": 3, "queue_id": 13, "pause": REASON, "limit_duration": 5, "disable_unpause": "talvez"}
    rows, odd = read_allowed(row, {"id": 4, "pause": None}, {"id": 5, "pause": REASON | {"id": "x"}})
    assert [(allowed.id, allowed.pause.id, allowed.limit_duration_seconds) for allowed in rows] == [
        (3, 18, 5)
    ]
    assert [(each.row_id, each.field) for each in odd] == [
        (3, "disable_unpause"),
        (4, "pause"),
        (5, "pause.id"),
    ]


def test_a_queue_is_read_with_what_it_has() -> None:
    odd: list[Odd] = []
    rows = [{"id": 1, "name": "Vendas", "slug": "v", "number": 7001, "public_number": None},
            {"id": "2"}, {"id": 3, "name": ["x"], "number": True}]  # fmt: skip
    page = queue_reader(odd.append).read_page(msgspec.Raw(msgspec.json.encode(rows)))
    assert page is not None
    assert page.rows == (
        Queue(id=QueueId(1), name="Vendas", slug="v", number="7001"),
        Queue(id=QueueId(2)),
        Queue(id=QueueId(3)),
    )
    assert [(each.field, each.seen) for each in odd] == [("name", "array"), ("number", "boolean")]


def test_data_that_is_no_list_is_no_page() -> None:
    reader = queue_reader(lambda _odd: None)
    assert reader.read_page(msgspec.Raw(b'{"id": 1}')) is None
    assert reader.read_page(msgspec.Raw(b"[" * 50_000)) is None


def test_bodies_hold_the_given_fields_and_no_other() -> None:
    new = NewAgent(
        name="Agent 1", login="agent.1", password="planted-password", queue_ids=(QueueId(1), QueueId(3))
    )
    assert msgspec.json.decode(new_agent_body(new)) == {
        "name": "Agent 1", "login": "agent.1", "password": "planted-password", "queues": [1, 3],
    }  # fmt: skip
    levels = (QueueLevel(queue_id=QueueId(1), priority=3),)
    assert agent_change_body(AgentChange(levels=levels)) == b'{"levels":[{"queue_id":1,"priority":3}]}'
    assert agent_change_body(AgentChange(queue_ids=())) == b'{"queues":[]}'


def read_raw(text: str | bytes) -> tuple[tuple[Agent, ...], list[Odd]]:
    odd: list[Odd] = []
    raw = text if isinstance(text, bytes) else text.encode()
    page = AgentReader(odd.append).rows.read_page(msgspec.Raw(raw))
    assert page is not None
    return page.rows, odd


@pytest.mark.parametrize(
    ("written", "name"),
    [
        (rb"Ana \ud83d", "Ana \ufffd"),
        (rb"\udc00 Ana \uD83D\uDE00", "\ufffd Ana \U0001f600"),
        (rb"\ud83d\ud83d\ude00", "\ufffd\U0001f600"),
        (rb"\\ud83d", "\\ud83d"),
        (rb"\\\ud83d\"", '\\\ufffd"'),
        (b"Ana \xf0\x9f", "Ana \ufffd"),
        (b"Concei\xe7\xe3o", "Concei\ufffd\ufffdo"),
    ],
)
@pytest.mark.parametrize("field", [b"name", b"unknown"])
def test_a_text_cut_within_a_character_loses_that_character_and_nothing_else(
    written: bytes, name: str, field: bytes
) -> None:
    one = json.dumps(AGENT | {field.decode(): "@"}).encode().replace(b'"@"', b'"%b"' % written)
    other = json.dumps(AGENT | {"id": 41, "last_login": LOGIN}).encode()
    (first, second), odd = read_raw(b"[%b, %b]" % (one, other))
    assert first.name == (name if field == b"name" else "Agent 2")
    assert (first.id, second.id, second.last_login is not None) == (40, 41, True)
    assert odd == []
    assert Snapshot((first, second), fetched_at=TOOK_AT).version


@pytest.mark.parametrize("number", ["9" * 5_000, "1e400"])
@pytest.mark.parametrize("field", ["name", "current_extension", "unknown"])
def test_a_number_that_no_machine_holds_is_odd_and_the_row_is_served(field: str, number: str) -> None:
    one = json.dumps(AGENT | {field: "@"}).replace('"@"', number)
    rows, odd = read_raw(f"[{one}, {json.dumps(AGENT | {'id': 41})}]")
    assert [(agent.id, agent.login) for agent in rows] == [(40, "agent.2"), (41, "agent.2")]
    assert {each.field for each in odd} <= {field}


@pytest.mark.parametrize("text", [b"[", b'{"a": 1}', b"[\xff]", rb'"\ud800"', b"[" * 3_000])
def test_what_is_no_list_is_none_also_where_it_is_mended(text: bytes) -> None:
    assert AgentReader(lambda _odd: None).rows.read_page(msgspec.Raw(text)) is None


NO_INSTANTS = [
    *("0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "1999-12-31T23:59:59+00:00", "2068-01-01T00:00:00Z"),
    *("9999-12-31T23:59:59Z", 0, 1, -1, "0", 253402300799),
]


@pytest.mark.parametrize("at", NO_INSTANTS)
@pytest.mark.parametrize("name", ["time_start", "time_end"])
def test_an_instant_that_stands_for_none_is_odd(at: object, name: str) -> None:
    agent, odd = read_agent(last_pause=TAKEN | {name: at})
    assert (agent.last_pause, noted(odd)[0][0]) == (None, f"last_pause.{name}")


def test_what_lies_between_the_first_instant_and_the_last_can_be_shown_in_seconds() -> None:
    first, last = "2000-01-01T00:00:00Z", "2067-12-31T23:59:59Z"
    agent = clean_agent(last_pause=TAKEN | {"time_start": first, "time_end": last})
    assert agent.last_pause is not None
    assert agent.last_pause.elapsed_seconds(TOOK_AT) <= 2**31 - 1
