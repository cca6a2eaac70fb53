import pytest

from gateway.domain import connections
from gateway.domain.agent_filters import AgentFilter
from gateway.domain.agent_orders import (
    AgentOrder,
    place_of,
)
from gateway.domain.agents import Agent, AgentState
from gateway.domain.connections import PageArguments
from gateway.domain.errors import BadUserInput
from gateway.domain.ids import QueueId
from tests.builders import a_snapshot, an_agent, queue_ids
from tests.unit.domain.paging import FIVE, cursor, ids, paged, shape


def test_without_arguments_the_first_fifty_come() -> None:
    page = paged(a_snapshot(map(an_agent, range(1, 121))), PageArguments())
    assert shape(page) == (list(range(1, 51)), False, True)
    assert page.total_count == 120


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        (PageArguments(), ([1, 2, 3, 4, 5], False, False)),
        (PageArguments(first=2), ([1, 2], False, True)),
        (PageArguments(first=5), ([1, 2, 3, 4, 5], False, False)),
        (PageArguments(first=500), ([1, 2, 3, 4, 5], False, False)),
        (PageArguments(first=0), ([], False, True)),
        (PageArguments(first=2, after=cursor(2)), ([3, 4], True, True)),
        (PageArguments(first=3, after=cursor(2)), ([3, 4, 5], True, False)),
        (PageArguments(first=0, after=cursor(2)), ([], True, True)),
        (PageArguments(first=0, after=cursor(5)), ([], True, False)),
        (PageArguments(first=2, after=cursor(5)), ([], True, False)),
        (PageArguments(last=2), ([4, 5], True, False)),
        (PageArguments(last=5), ([1, 2, 3, 4, 5], False, False)),
        (PageArguments(last=0), ([], True, False)),
        (PageArguments(last=2, before=cursor(4)), ([2, 3], True, True)),
        (PageArguments(last=9, before=cursor(4)), ([1, 2, 3], False, True)),
        (PageArguments(last=2, before=cursor(1)), ([], False, True)),
        (PageArguments(before=cursor(3)), ([1, 2], False, True)),
        (PageArguments(after=cursor(3)), ([4, 5], True, False)),
        (PageArguments(first=1, after=cursor(1), before=cursor(5)), ([2], True, True)),
        (PageArguments(last=1, after=cursor(1), before=cursor(5)), ([4], True, True)),
        (PageArguments(first=9, after=cursor(1), before=cursor(5)), ([2, 3, 4], True, True)),
        (PageArguments(first=9, after=cursor(4), before=cursor(2)), ([], True, True)),
        (PageArguments(last=9, after=cursor(4), before=cursor(2)), ([], True, True)),
        (PageArguments(first=9, after=cursor(5), before=cursor(2)), ([], True, False)),
    ],
)
def test_pages_are_cut_where_asked_and_say_what_lies_around(
    page: PageArguments, expected: tuple[list[int], bool, bool]
) -> None:
    cut = paged(FIVE, page)
    assert shape(cut) == expected
    assert cut.total_count == 5


def test_an_empty_listing_is_an_empty_page() -> None:
    for page in (PageArguments(), PageArguments(last=3), PageArguments(first=2, after=cursor(3))):
        cut = paged(a_snapshot([]), page)
        assert (*shape(cut), cut.total_count) == ([], False, False, 0)
        assert (cut.start_cursor, cut.end_cursor) == (None, None)


def test_cursors_frame_the_page() -> None:
    page = paged(FIVE, PageArguments(first=3))
    assert page.start_cursor == page.cursor_of(page.agents[0]) == cursor(1)
    assert page.end_cursor == page.cursor_of(page.agents[2]) == cursor(3)


def test_a_cursor_holds_after_its_row_is_gone() -> None:
    after = cursor(3)
    without = a_snapshot([an_agent(each) for each in (5, 2, 1, 4)])
    assert shape(paged(without, PageArguments(after=after))) == ([4, 5], True, False)
    assert shape(paged(without, PageArguments(last=1, before=after))) == ([2], True, True)


def test_the_total_counts_what_the_filter_leaves() -> None:
    rows = [an_agent(each, archived=each % 2 == 0, enabled=each != 3) for each in range(1, 8)]
    snapshot = a_snapshot(rows)
    assert paged(snapshot, PageArguments(first=1)).total_count == 4
    assert paged(snapshot, PageArguments(), chosen=AgentFilter(archived=True)).total_count == 3
    active = AgentFilter(states=frozenset({AgentState.LOGGED_OUT}))
    page = paged(snapshot, PageArguments(first=2), chosen=active)
    assert (*shape(page), page.total_count) == ([1, 5], False, True, 3)


def test_within_a_queue_only_its_agents_stand() -> None:
    rows = [an_agent(1, queue_ids=queue_ids(7, 8)), an_agent(2, queue_ids=queue_ids(8)), an_agent(3)]
    snapshot = a_snapshot([*rows, an_agent(4, queue_ids=queue_ids(8), archived=True)])
    assert ids(paged(snapshot, PageArguments(), within=QueueId(8))) == [1, 2]
    assert ids(paged(snapshot, PageArguments(), within=QueueId(9))) == []
    archived = AgentFilter(archived=True)
    assert ids(paged(snapshot, PageArguments(), within=QueueId(8), chosen=archived)) == [4]


def test_a_queue_named_twice_lists_an_agent_once() -> None:
    snapshot = a_snapshot([an_agent(1, queue_ids=queue_ids(8, 8))])
    page = paged(snapshot, PageArguments(), within=QueueId(8))
    assert (ids(page), page.total_count) == ([1], 1)


@pytest.mark.parametrize(
    ("page", "field", "number"),
    [
        (PageArguments(first=-1), "first", "500"),
        (PageArguments(first=501), "first", "500"),
        (PageArguments(last=-1), "last", "500"),
        (PageArguments(last=501), "last", "500"),
        (PageArguments(first=10**30), "first", "500"),
        (PageArguments(first=1, last=1), "first", ""),
        (PageArguments(first=0, last=0), "first", ""),
    ],
)
def test_a_count_that_cannot_be_is_refused_by_name(page: PageArguments, field: str, number: str) -> None:
    with pytest.raises(BadUserInput) as raised:
        paged(FIVE, page)
    assert raised.value.field == (field,)
    assert number in raised.value.message


def test_the_default_filter_costs_no_pass_over_the_rows_per_page(monkeypatch: pytest.MonkeyPatch) -> None:
    placed: list[int] = []

    def counting(agent: Agent, order: AgentOrder) -> object:
        placed.append(agent.id)
        return place_of(agent, order)

    snapshot = a_snapshot(map(an_agent, range(1, 4097)))
    after = cursor(2000, snapshot=snapshot)
    monkeypatch.setattr(connections, "place_of", counting)
    monkeypatch.setattr(connections, "keep_chosen", None)
    assert ids(paged(snapshot, PageArguments(first=2, after=after))) == [2001, 2002]
    assert len(placed) <= 13
