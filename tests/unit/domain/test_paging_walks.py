from collections.abc import Iterator
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.agent_filters import AgentFilter, select_agents
from gateway.domain.agent_orders import AgentOrder, ordered_agents
from gateway.domain.agents import Agent
from gateway.domain.connections import AgentPage, PageArguments
from gateway.domain.ids import QueueId
from gateway.domain.listings import Snapshot
from tests.builders import a_snapshot
from tests.unit.domain.paging import ORDERS, ids, paged
from tests.unit.domain.populations import QUEUE_IDS, populations


@dataclass
class Walk:
    """How a caller walks a connection: forwards or backwards, so many rows at a time."""

    order: AgentOrder
    size: int
    chosen: AgentFilter
    within: QueueId | None

    def forwards(self, snapshot: Snapshot[Agent]) -> Iterator[AgentPage]:
        after: str | None = None
        while True:
            page = self.page(snapshot, PageArguments(first=self.size, after=after))
            yield page
            if not page.has_next_page:
                return
            after = page.end_cursor

    def backwards(self, snapshot: Snapshot[Agent]) -> Iterator[AgentPage]:
        before: str | None = None
        while True:
            page = self.page(snapshot, PageArguments(last=self.size, before=before))
            yield page
            if not page.has_previous_page:
                return
            before = page.start_cursor

    def page(self, snapshot: Snapshot[Agent], page: PageArguments) -> AgentPage:
        return paged(snapshot, page, chosen=self.chosen, order=self.order, within=self.within)

    def all_of(self, snapshot: Snapshot[Agent]) -> list[int]:
        chosen = {agent.id for agent in select_agents(snapshot, self.chosen)}
        rows = [row for row in ordered_agents(snapshot, self.order) if row.id in chosen]
        return [row.id for row in rows if self.within is None or self.within in row.queue_ids]


WALKS = st.builds(
    Walk,
    st.sampled_from(ORDERS),
    st.integers(1, 6),
    st.sampled_from(
        [AgentFilter(), AgentFilter(archived=True), AgentFilter(search="ana"), AgentFilter(enabled=True)]
    ),
    st.none() | st.sampled_from(QUEUE_IDS),
)


@given(populations(), WALKS)
def test_paging_either_way_visits_every_row_once_in_the_same_order(rows: list[Agent], walk: Walk) -> None:
    snapshot = a_snapshot(rows)
    forwards, backwards = list(walk.forwards(snapshot)), list(walk.backwards(snapshot))
    expected = walk.all_of(snapshot)
    assert [each for page in forwards for each in ids(page)] == expected
    assert [each for page in reversed(backwards) for each in ids(page)] == expected
    assert {page.total_count for page in forwards + backwards} == {len(expected)}
    assert not forwards[0].has_previous_page
    assert not backwards[0].has_next_page


@given(populations(), populations(), WALKS, st.booleans())
def test_a_refresh_on_the_way_repeats_and_skips_no_surviving_row(
    rows: list[Agent],
    others: list[Agent],
    walk: Walk,
    forward: bool,  # noqa: FBT001 - hypothesis gives by place
) -> None:
    """The others come or the common ids stay as they were: every refresh keeps what survives unchanged."""
    kept = {agent.id: agent for agent in rows}
    refreshed = [kept.get(agent.id, agent) for agent in others]
    snapshots = iter([a_snapshot(rows)])
    seen: list[int] = []
    snapshot = next(snapshots)
    cursor_at: str | None = None
    while True:
        arguments = (
            PageArguments(first=walk.size, after=cursor_at)
            if forward
            else PageArguments(last=walk.size, before=cursor_at)
        )
        page = walk.page(snapshot, arguments)
        seen.extend(ids(page) if forward else reversed(ids(page)))
        if not (page.has_next_page if forward else page.has_previous_page):
            break
        cursor_at = page.end_cursor if forward else page.start_cursor
        snapshot = a_snapshot(refreshed)
    assert len(seen) == len(set(seen))
    survivors = set(walk.all_of(a_snapshot(rows))) & set(walk.all_of(a_snapshot(refreshed)))
    assert survivors <= set(seen)
