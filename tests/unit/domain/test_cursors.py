import base64
import json
from contextlib import nullcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.agent_orders import AgentOrder, AgentOrderField, OrderDirection
from gateway.domain.connections import MAX_CURSOR_CHARS, PageArguments
from gateway.domain.errors import BadUserInput
from tests.builders import a_snapshot, an_agent
from tests.unit.domain.paging import FIVE, ORDERS, cursor, ids, paged


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


HOSTILE_CURSORS = [
    "",
    "x",
    "not a cursor",
    "%%%",
    "\x00",
    "\ud800",
    "ção",
    "=" * 8,
    "A" * 1_000_000,
    encoded(None),
    encoded(42),
    encoded({}),
    encoded([]),
    encoded(["ID", "ASC", 1]),
    encoded(["ID", "ASC", 1, 1, 1]),
    encoded(["ID", "ASC", None, 1]),
    encoded(["ID", "ASC", "1", 1]),
    encoded(["ID", "ASC", 1, "1"]),
    encoded(["ID", "ASC", 1, None]),
    encoded(["ID", "ASC", True, 1]),
    encoded(["ID", "ASC", 1.5, 1]),
    encoded(["ID", "ASC", [1], 1]),
    encoded(["ID", "UP", 1, 1]),
    encoded(["PASSWORD", "ASC", 1, 1]),
    encoded(["ID", "ASC", 1, float("nan")]),
    base64.b64encode(b'["ID","ASC",' + b"9" * 600 + b",1]").decode(),
    base64.b64encode(b'["ID","ASC",1,' + b"[" * 700).decode(),
    base64.b64encode(b"[" * 700).decode(),
    base64.b64encode(b'{"a":' * 140).decode(),
    base64.b64encode(b'["ID","ASC",1e999,1]').decode(),
    base64.b64encode(b'["NAME","ASC","\xff",1]').decode(),
    base64.b64encode(b'["NAME","ASC","\\ud800",1]').decode(),
    base64.b64encode(b"\x00\x01\x02").decode(),
]


@pytest.mark.parametrize("text", HOSTILE_CURSORS, ids=range(len(HOSTILE_CURSORS)))
@pytest.mark.parametrize("name", ["after", "before"])
def test_what_is_no_cursor_is_refused_by_name(name: str, text: str) -> None:
    page = PageArguments(after=text) if name == "after" else PageArguments(before=text)
    with pytest.raises(BadUserInput) as raised:
        paged(FIVE, page)
    assert raised.value.field == (name,)
    assert len(raised.value.message) < 80


@given(
    st.text() | st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode()), st.sampled_from(ORDERS)
)
def test_no_text_given_as_a_cursor_makes_anything_else_fail(text: str, order: AgentOrder) -> None:
    with pytest.raises(BadUserInput):
        paged(FIVE, PageArguments(after=text), order=order)


def is_place(field: str, value: object, row_id: object) -> bool:
    if type(row_id) is not int or not -(2**63) <= row_id < 2**63:
        return False
    if field in ("NAME", "LOGIN"):
        return type(value) is str
    if value is None:
        return field == "STATE_SINCE"
    return type(value) is int and -(2**63) <= value < 2**63


def test_a_cursor_longer_than_any_of_ours_is_refused() -> None:
    order = AgentOrder(AgentOrderField.NAME)
    assert ids(paged(FIVE, PageArguments(after=encoded(["NAME", "ASC", "z" * 500, 1])), order=order)) == []
    with pytest.raises(BadUserInput):
        paged(FIVE, PageArguments(after=encoded(["NAME", "ASC", "z" * MAX_CURSOR_CHARS, 1])), order=order)


NUMBERS = st.integers() | st.integers(-(10**400), 10**400)


@given(
    st.sampled_from([field.value for field in AgentOrderField]),
    st.sampled_from([direction.value for direction in OrderDirection]),
    st.none() | st.booleans() | NUMBERS | st.floats() | st.text(),
    st.none() | NUMBERS | st.floats() | st.text(max_size=5),
    st.sampled_from(ORDERS),
)
def test_a_forged_cursor_is_a_place_or_is_refused(
    field: str, direction: str, value: object, row_id: object, order: AgentOrder
) -> None:
    forged = encoded([field, direction, value, row_id])
    fits = (field, direction) == (order.field.value, order.direction.value)
    with nullcontext() if fits and is_place(field, value, row_id) else pytest.raises(BadUserInput):
        assert paged(FIVE, PageArguments(after=forged), order=order).total_count == 5


@pytest.mark.parametrize("made_for", ORDERS)
def test_a_cursor_of_another_order_is_refused(made_for: AgentOrder) -> None:
    text = cursor(3, order=made_for)
    for order in ORDERS:
        if order == made_for:
            assert 3 not in ids(paged(FIVE, PageArguments(after=text), order=order))
        else:
            with pytest.raises(BadUserInput) as raised:
                paged(FIVE, PageArguments(before=text), order=order)
            assert raised.value.field == ("before",)
            assert "order" in raised.value.message


@pytest.mark.parametrize("name", ["\x01" * 5000, "ß" * 5000, "\U0001d54f" * 5000, '"\\' * 3000, "漢" * 5000])
def test_a_cursor_is_short_and_url_safe_whatever_the_name(name: str) -> None:
    order = AgentOrder(AgentOrderField.NAME)
    snapshot = a_snapshot([an_agent(each, name=name) for each in (2**53 - 1, 2, 3)])
    page = paged(snapshot, PageArguments(first=1), order=order)
    assert page.end_cursor is not None
    assert len(page.end_cursor) <= MAX_CURSOR_CHARS
    assert page.end_cursor.replace("-", "").replace("_", "").isalnum()
    assert ids(paged(snapshot, PageArguments(after=page.end_cursor), order=order)) == [3, 2**53 - 1]
