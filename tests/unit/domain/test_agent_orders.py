from datetime import timedelta
from functools import cmp_to_key

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.agent_orders import (
    MAX_TEXT_CHARS,
    AgentOrder,
    AgentOrderField,
    OrderDirection,
    is_beyond,
    ordered_agents,
    place_of,
)
from gateway.domain.agents import Agent, AgentState
from tests.builders import NINE, NOON, a_login, a_snapshot, an_agent, an_agent_pause
from tests.unit.domain.populations import populations

ORDERS = [AgentOrder(field, direction) for field in AgentOrderField for direction in OrderDirection]
PEOPLE = [
    an_agent(4, name="Zoé", login="B", last_login=a_login(started_at=NINE)),
    an_agent(2, name="álvaro", login="a", enabled=False),
    an_agent(3, name="Alvaro", login="b", last_login=a_login(ended_at=NOON)),
    an_agent(1, name="Bia", login="Á", last_login=a_login(), current_pause=an_agent_pause()),
]


@pytest.mark.parametrize(
    ("field", "upwards", "downwards"),
    [
        (AgentOrderField.ID, [1, 2, 3, 4], [4, 3, 2, 1]),
        (AgentOrderField.NAME, [2, 3, 1, 4], [4, 1, 2, 3]),
        (AgentOrderField.LOGIN, [1, 2, 3, 4], [3, 4, 1, 2]),
        (AgentOrderField.STATE, [2, 3, 4, 1], [1, 4, 3, 2]),
        (AgentOrderField.STATE_SINCE, [4, 1, 3, 2], [3, 1, 4, 2]),
    ],
)
def test_equals_stand_by_id_and_what_is_unknown_stands_last(
    field: AgentOrderField, upwards: list[int], downwards: list[int]
) -> None:
    snapshot = a_snapshot(PEOPLE)
    for direction, expected in ((OrderDirection.ASC, upwards), (OrderDirection.DESC, downwards)):
        assert [agent.id for agent in ordered_agents(snapshot, AgentOrder(field, direction))] == expected


def test_ids_upwards_are_the_order_unless_said_otherwise() -> None:
    assert AgentOrder() == AgentOrder(AgentOrderField.ID, OrderDirection.ASC)


def test_states_are_ordered_as_they_are_defined() -> None:
    rows = [an_agent(1, last_login=a_login(), current_pause=an_agent_pause()), an_agent(2, archived=True)]
    ordered = ordered_agents(a_snapshot(rows), AgentOrder(AgentOrderField.STATE))
    assert [agent.state for agent in ordered] == [AgentState.INACTIVE, AgentState.PAUSED]


def test_an_order_is_sorted_once_per_snapshot() -> None:
    snapshot = a_snapshot(PEOPLE)
    for order in ORDERS:
        assert ordered_agents(snapshot, order) is ordered_agents(snapshot, order)


def test_instants_are_compared_to_the_microsecond() -> None:
    later = NOON + timedelta(microseconds=1)
    rows = [an_agent(1, last_login=a_login(ended_at=later)), an_agent(2, last_login=a_login(ended_at=NOON))]
    ordered = ordered_agents(a_snapshot(rows), AgentOrder(AgentOrderField.STATE_SINCE))
    assert [agent.id for agent in ordered] == [2, 1]


def test_a_name_of_any_length_sorts_by_its_beginning() -> None:
    place = place_of(an_agent(name="ß" * 10_000), AgentOrder(AgentOrderField.NAME))
    assert place.value == "s" * MAX_TEXT_CHARS


@given(populations(), st.sampled_from(ORDERS))
def test_every_order_is_total_and_holds_everybody(rows: list[Agent], order: AgentOrder) -> None:
    snapshot = a_snapshot(rows)
    ordered = ordered_agents(snapshot, order)
    assert sorted(agent.id for agent in ordered) == sorted(agent.id for agent in rows)
    places = [place_of(agent, order) for agent in ordered]
    for at, place in enumerate(places):
        assert [is_beyond(place, other, order=order) for other in places] == [
            at > other for other in range(len(places))
        ]


@given(populations(), st.sampled_from(ORDERS))
def test_the_listings_own_order_does_not_matter(rows: list[Agent], order: AgentOrder) -> None:
    one = ordered_agents(a_snapshot(rows), order)
    assert ordered_agents(a_snapshot(rows[::-1]), order) == one
    places = {agent.id: place_of(agent, order) for agent in rows}

    def compare(a: Agent, b: Agent) -> int:
        return 1 if is_beyond(places[a.id], places[b.id], order=order) else -1

    assert list(one) == sorted(rows, key=cmp_to_key(compare))
