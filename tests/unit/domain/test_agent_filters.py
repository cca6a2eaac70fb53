import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.agent_filters import AgentFilter, fold, select_agents
from gateway.domain.agents import Agent, AgentState
from gateway.domain.ids import AgentId, PauseId, QueueId
from tests.builders import a_login, a_pause, a_snapshot, an_agent, an_agent_pause, queue_ids
from tests.unit.domain.populations import PAUSES, QUEUE_IDS, populations

PEOPLE = [
    an_agent(7, name="Conceição Araújo", login="conc.araujo", queue_ids=queue_ids(1, 2)),
    an_agent(3, name="João Gonçalves", login="jg", last_login=a_login(), queue_ids=queue_ids(2)),
    an_agent(9, name="Straße Müller", login="X-99", archived=True),
    an_agent(4, name="JOAO D'ÁVILA", login="joao.davila", enabled=False),
    an_agent(5, name="Zoé", login="zoe", last_login=a_login(), current_pause=an_agent_pause(a_pause(49))),
    an_agent(6, name="Rui", login="rui", last_login=a_login(), current_pause=an_agent_pause(known=False)),
]


def found(chosen: AgentFilter) -> list[int]:
    return [agent.id for agent in select_agents(a_snapshot(PEOPLE), chosen)]


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Conceição", "conceicao"),
        ("CONCEIC\u0327A\u0303O", "conceicao"),
        ("João", "joao"),
        ("Straße", "strasse"),
        ("İstanbul", "istanbul"),
        ("\ufb01m", "fim"),
        ("Ωμέγα", "ωμεγα"),
        ("", ""),
        ("x\x00y", "x\x00y"),
        ("\ud800", "\ud800"),
    ],
)
def test_folding_leaves_case_and_accents_out(text: str, folded: str) -> None:
    assert fold(text) == folded


@given(st.text())
def test_folding_forgets_case_and_composition(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert fold(unicodedata.normalize("NFD", text)) == fold(unicodedata.normalize("NFC", text))


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("conceicao", [7]),
        ("CONCEIÇÃO", [7]),
        ("joao", [3, 4]),
        ("JOÃO", [3, 4]),
        ("araujo conc", [7]),
        ("joao davila", [4]),
        ("joao nobody", []),
        ("jg", [3]),
        ("joao jg", [3]),
        ("goncalvesjg", []),
        ("", [7, 3, 4, 5, 6]),
        (" \t\n ", [7, 3, 4, 5, 6]),
        ("\u0301", [7, 3, 4, 5, 6]),
        ("strasse", []),
        ("%", []),
        ("\x00", []),
        ("\ud800", []),
    ],
)
def test_search_finds_words_in_name_and_login(search: str, expected: list[int]) -> None:
    assert found(AgentFilter(search=search)) == expected


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (AgentFilter(), [7, 3, 4, 5, 6]),
        (AgentFilter(archived=True), [9]),
        (AgentFilter(archived=True, search="strasse MULLER"), [9]),
        (AgentFilter(ids=frozenset({AgentId(9), AgentId(4), AgentId(7), AgentId(1)})), [7, 4]),
        (AgentFilter(enabled=False), [4]),
        (AgentFilter(enabled=True), [7, 3, 5, 6]),
        (AgentFilter(queue_ids=frozenset({QueueId(2)})), [7, 3]),
        (AgentFilter(queue_ids=frozenset({QueueId(1), QueueId(2)})), [7, 3]),
        (AgentFilter(queue_ids=frozenset({QueueId(8)})), []),
        (AgentFilter(pause_ids=frozenset({PauseId(49), PauseId(50)})), [5]),
        (AgentFilter(states=frozenset({AgentState.LOGGED_OUT})), [7]),
        (AgentFilter(states=frozenset({AgentState.PAUSED, AgentState.LOGGED_IN})), [3, 5, 6]),
        (AgentFilter(states=frozenset({AgentState.INACTIVE})), [4]),
        (AgentFilter(states=frozenset({AgentState.LOGGED_IN}), queue_ids=frozenset({QueueId(1)})), []),
    ],
)
def test_each_constraint_keeps_who_meets_it_in_the_listings_order(
    chosen: AgentFilter, expected: list[int]
) -> None:
    assert found(chosen) == expected


@pytest.mark.parametrize(
    "chosen",
    [
        AgentFilter(ids=frozenset()),
        AgentFilter(states=frozenset()),
        AgentFilter(queue_ids=frozenset()),
        AgentFilter(pause_ids=frozenset()),
    ],
)
def test_an_empty_set_matches_nobody(chosen: AgentFilter) -> None:
    assert found(chosen) == []


def test_a_pause_is_known_by_its_id_where_its_reason_is_not() -> None:
    pause = an_agent_pause(known=False)
    by_id = type(pause)(id=1, started_at=pause.started_at, pause_id=PauseId(18))
    snapshot = a_snapshot([an_agent(1, current_pause=by_id), an_agent(2, current_pause=pause)])
    chosen = AgentFilter(pause_ids=frozenset({PauseId(18)}))
    assert [agent.id for agent in select_agents(snapshot, chosen)] == [1]


def test_names_are_folded_once_per_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    folded: list[str] = []

    def counting(text: str) -> str:
        folded.append(text)
        return fold(text)

    monkeypatch.setattr("gateway.domain.agent_filters.fold", counting)
    snapshot = a_snapshot(PEOPLE)
    for search in ("joao", "zoe"):
        select_agents(snapshot, AgentFilter(search=search))
    assert sorted(text for text in folded if "\n" in text) == sorted(
        f"{agent.name}\n{agent.login}" for agent in PEOPLE
    )


def test_a_word_said_often_is_looked_for_once() -> None:
    assert AgentFilter(search="ana ANA aná " * 9).words == ("ana",)


def test_equal_filters_are_one_key() -> None:
    one = AgentFilter(ids=frozenset({AgentId(1), AgentId(2)}), search="a")
    other = AgentFilter(ids=frozenset({AgentId(2), AgentId(1)}), search="a")
    assert {one: 1}[other] == 1
    assert one != AgentFilter(search="a")


def matches(agent: Agent, chosen: AgentFilter) -> bool:
    """The filter's meaning, spelt out plainly."""
    pause = agent.current_pause
    return (
        agent.archived is chosen.archived
        and (chosen.ids is None or agent.id in chosen.ids)
        and (chosen.enabled is None or agent.enabled is chosen.enabled)
        and (chosen.states is None or agent.state in chosen.states)
        and (chosen.queue_ids is None or any(each in chosen.queue_ids for each in agent.queue_ids))
        and (
            chosen.pause_ids is None
            or (pause is not None and pause.pause is not None and pause.pause.id in chosen.pause_ids)
        )
        and all(
            word in fold(agent.name) or word in fold(agent.login)
            for word in fold(chosen.search or "").split()
        )
    )


FILTERS = st.builds(
    AgentFilter,
    ids=st.none() | st.frozensets(st.integers(1, 30).map(AgentId)),
    search=st.none() | st.sampled_from(["", "ana", "LÚCIA ana", "conceicao", "joão", "z"]),
    states=st.none() | st.frozensets(st.sampled_from(AgentState)),
    queue_ids=st.none() | st.frozensets(st.sampled_from(QUEUE_IDS)),
    pause_ids=st.none() | st.frozensets(st.sampled_from([pause.id for pause in PAUSES])),
    enabled=st.none() | st.booleans(),
    archived=st.booleans(),
)


@given(populations(), FILTERS)
def test_constraints_hold_together_for_any_population(rows: list[Agent], chosen: AgentFilter) -> None:
    expected = tuple(agent for agent in rows if matches(agent, chosen))
    assert select_agents(a_snapshot(rows), chosen) == expected
