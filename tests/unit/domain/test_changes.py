"""What differs between states of a tenant's agents, and what is remembered of the ways between them."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.agents import Agent
from gateway.domain.changes import (
    AgentsState,
    Changed,
    ChangeMemory,
    Changes,
    Link,
    chain,
    find_changes,
    keep_unseen,
)
from gateway.domain.ids import AgentId
from gateway.domain.listings import Snapshot
from tests.builders import a_snapshot, an_agent

POPULATIONS = st.lists(
    st.dictionaries(st.integers(1, 5), st.sampled_from(("Ana", "Bruno", "Carla")), max_size=5),
    min_size=2,
    max_size=8,
)


def listing(named: dict[int, str]) -> Snapshot[Agent]:
    return a_snapshot([an_agent(number, name=name) for number, name in named.items()])


def state_of(snapshot: Snapshot[Agent]) -> str:
    return AgentsState(snapshot.rows).name


def apply(changes: Changes, rows: dict[AgentId, Agent]) -> dict[AgentId, Agent]:
    after = dict(rows)
    for agent_id, changed in changes.items():
        assert after.get(agent_id) == changed.before
        if changed.after is None:
            del after[agent_id]
        else:
            after[agent_id] = changed.after
    return after


class Remembering:
    """A memory with a clock that the test moves."""

    def __init__(self, *, max_agents: int = 100, keep_seconds: float = 60.0) -> None:
        self.now = 1000.0
        self.memory = ChangeMemory(
            max_agents=max_agents, keep_seconds=keep_seconds, monotonic=lambda: self.now
        )

    def go(self, *listings: Snapshot[Agent]) -> None:
        for before, after in pairwise(listings):
            changes = find_changes(before, after)
            self.memory.remember(Link(state_of(before), state_of(after), changes))

    def between(self, before: Snapshot[Agent], after: Snapshot[Agent]) -> Changes | None:
        return self.memory.between(state_of(before), state_of(after))


def test_who_is_new_gone_or_not_the_same_is_found_and_nobody_else() -> None:
    before = listing({1: "Ana", 2: "Bruno", 3: "Carla"})
    after = listing({3: "Carla", 2: "Bruna", 4: "Davi"})
    assert find_changes(before, after) == {
        AgentId(1): Changed(an_agent(1, name="Ana"), None),
        AgentId(2): Changed(an_agent(2, name="Bruno"), an_agent(2, name="Bruna")),
        AgentId(4): Changed(None, an_agent(4, name="Davi")),
    }
    assert find_changes(before, before) == {}


def test_who_changed_and_changed_back_has_not_changed() -> None:
    ana, anna = listing({1: "Ana"}), listing({1: "Anna"})
    assert chain([find_changes(ana, anna), find_changes(anna, ana)]) == {}


def test_equal_agents_have_an_equal_state_in_whatever_order_and_however_it_was_reached() -> None:
    one, other = listing({1: "Ana", 2: "Bruno"}), listing({2: "Bruno", 1: "Ana"})
    amended = listing({1: "Anna", 2: "Bruno"}).replacing(an_agent(1, name="Ana"))
    assert state_of(one) == state_of(other) == state_of(amended)
    assert one.version != amended.version
    assert state_of(one) != state_of(listing({1: "Bruno", 2: "Ana"}))


@given(POPULATIONS)
def test_a_state_that_follows_changes_has_the_name_of_one_that_reads_all(steps: list[dict[int, str]]) -> None:
    listings = [listing(step) for step in steps]
    state = AgentsState(listings[0].rows)
    for before, after in pairwise(listings):
        state.follow(find_changes(before, after))
        assert state.name == state_of(after)


@given(POPULATIONS, st.data())
def test_any_way_between_two_states_gives_exactly_what_differs(
    steps: list[dict[int, str]], data: st.DataObject
) -> None:
    listings = [listing(step) for step in steps]
    remembering = Remembering()
    remembering.go(*listings)
    start, end = (data.draw(st.sampled_from(listings)) for _ in range(2))
    changes = remembering.between(start, end)
    assert changes is not None
    assert apply(changes, {**start.by_id}) == {**end.by_id}  # type: ignore[dict-item]
    assert changes == find_changes(start, end)


def test_two_replicas_links_join_where_they_saw_one_state_and_a_way_can_be_gone_back() -> None:
    first, written, walked = listing({1: "Ana"}), listing({1: "Anna"}), listing({1: "Ana", 2: "Bruno"})
    remembering = Remembering()
    remembering.go(first, written)  # one replica saw a write, and ended
    remembering.go(first, walked)  # the other one saw the next walk
    assert remembering.between(written, walked) == find_changes(written, walked)


def test_what_is_unknown_too_old_or_too_much_is_not_remembered() -> None:
    states = [listing({1: f"Ana {number}"}) for number in range(6)]
    remembering = Remembering(max_agents=3, keep_seconds=10)
    remembering.go(*states)
    assert remembering.between(states[2], states[5]) == find_changes(states[2], states[5])
    assert remembering.between(states[1], states[5]) is None
    assert remembering.memory.between("forged", state_of(states[5])) is None
    assert remembering.between(states[5], states[5]) == {}
    crowd = listing(dict.fromkeys(range(1, 10), "Ana"))
    remembering.go(states[5], crowd)
    assert remembering.between(states[5], crowd) is None
    assert remembering.between(states[2], states[5]) is not None
    remembering.now += 11
    assert remembering.between(states[4], states[5]) is None


def test_whoever_was_only_not_read_has_not_left() -> None:
    before = listing({1: "Ana", 2: "Bruno", 3: "Carla"})
    seen = a_snapshot([an_agent(3, name="Carla"), an_agent(4, name="Davi")], missing="page 1")
    filled = keep_unseen(before, seen)
    assert not filled.complete
    assert [row.name for row in filled.rows] == ["Carla", "Davi", "Ana", "Bruno"]
    assert find_changes(before, filled) == {AgentId(4): Changed(None, an_agent(4, name="Davi"))}
