import asyncio
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.domain.agents import Agent
from gateway.domain.contents import portions_of, weigh
from gateway.domain.listings import Reading, ReadSource, Snapshot
from tests.builders import NOON, a_login, a_queue, a_snapshot, an_agent, an_agent_pause, queue_ids


def populated(count: int = 3) -> list[Agent]:
    return [an_agent(number, queue_ids=queue_ids(number % 2)) for number in range(1, count + 1)]


def test_equal_rows_have_equal_versions_whenever_they_were_read() -> None:
    later = a_snapshot(populated(), fetched_at=NOON + timedelta(hours=1))
    assert a_snapshot(populated()).version == later.version


@pytest.mark.parametrize(
    "changed",
    [
        an_agent(1, queue_ids=queue_ids(1), name="Outro"),
        an_agent(1, queue_ids=queue_ids(1), enabled=False),
        an_agent(1, queue_ids=()),
        an_agent(1, queue_ids=queue_ids(1), last_login=a_login()),
        an_agent(1, queue_ids=queue_ids(1), current_pause=an_agent_pause()),
        an_agent(1, queue_ids=queue_ids(1), last_pause=an_agent_pause()),
    ],
)
def test_any_change_of_a_row_changes_the_version(changed: Agent) -> None:
    rows = populated()
    assert rows[0] != changed
    assert a_snapshot([changed, *rows[1:]]).version != a_snapshot(rows).version


def test_another_order_a_row_less_and_a_missing_part_change_the_version() -> None:
    rows = populated()
    versions = {
        a_snapshot(rows).version,
        a_snapshot(rows[::-1]).version,
        a_snapshot(rows[:-1]).version,
        a_snapshot(rows, missing="page 2").version,
        a_snapshot([]).version,
    }
    assert len(versions) == 5


@given(st.lists(st.integers(1, 40), unique=True), st.lists(st.integers(1, 40), unique=True))
def test_versions_are_equal_exactly_where_rows_are(one: list[int], other: list[int]) -> None:
    same = a_snapshot(map(an_agent, one)).version == a_snapshot(map(an_agent, other)).version
    assert same is (one == other)


def test_a_snapshot_is_complete_unless_something_is_missing() -> None:
    assert a_snapshot(populated()).complete
    short = a_snapshot(populated(), missing="page 2")
    assert (short.complete, short.missing) == (False, "page 2")


def test_rows_are_found_by_id() -> None:
    snapshot = a_snapshot(populated())
    assert snapshot.by_id[2] is snapshot.rows[1]
    assert 99 not in snapshot.by_id


def test_the_page_of_a_row_is_counted_in_the_listings_own_order() -> None:
    snapshot = a_snapshot([an_agent(number) for number in (9, 8, 7, 6, 5)], page_rows=2)
    assert [snapshot.page_of(number) for number in (9, 8, 7, 6, 5)] == [1, 1, 2, 2, 3]
    assert snapshot.page_of(1) is None


def test_a_derived_value_is_made_once_per_key_and_snapshot() -> None:
    made: list[str] = []

    def count_rows(snapshot: Snapshot[Agent]) -> int:
        made.append(snapshot.version)
        return len(snapshot.rows)

    snapshot = a_snapshot(populated())
    assert [snapshot.derive("rows", count_rows) for _ in range(3)] == [3, 3, 3]
    assert made == [snapshot.version]
    assert snapshot.derive("more rows", count_rows) == 3
    assert a_snapshot(populated()).derive("rows", count_rows) == 3
    assert len(made) == 3


def test_a_derived_none_is_made_once_too() -> None:
    made: list[int] = []
    snapshot = a_snapshot(populated())
    for _ in range(2):
        assert snapshot.derive("nothing", lambda _: made.append(1)) is None
    assert made == [1]


def test_the_content_is_measured_not_the_time_it_was_read() -> None:
    small, large = a_snapshot(populated()), a_snapshot(populated(30))
    assert 0 < small.encoded_bytes < large.encoded_bytes
    assert a_snapshot(populated(), fetched_at=NOON + timedelta(days=1)).encoded_bytes == small.encoded_bytes


def test_a_reading_is_of_now_unless_said_otherwise() -> None:
    reading = Reading(a_snapshot(populated()), ReadSource.WALKED)
    assert (reading.stale, reading.age_seconds, reading.failure) == (False, 0.0, None)


def test_queues_make_snapshots_too() -> None:
    snapshot = a_snapshot([a_queue(2), a_queue(1)])
    assert snapshot.by_id[1] == a_queue(1)
    assert a_snapshot([replace(a_queue(2), number=None), a_queue(1)]).version != snapshot.version


@pytest.mark.parametrize("page_rows", [1, 50, 499, 10_000])
@pytest.mark.parametrize("count", [0, 1, 499, 500, 501, 1_201])
async def test_a_long_listing_is_weighed_in_turns_to_the_version_that_its_snapshot_would_find(
    count: int, page_rows: int
) -> None:
    rows = tuple(populated(count))
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    beside = asyncio.create_task(others())
    await asyncio.sleep(0)
    for missing in (None, "page 3"):
        turns = 0
        portions = portions_of(rows)
        content = await weigh(portions, missing=missing, rest=lambda: asyncio.sleep(0))
        assert turns >= count // 500
        short = a_snapshot(rows, missing=missing, page_rows=page_rows)
        assert content == (short.version, short.encoded_bytes)
        assert content.version == a_snapshot(rows, missing=missing).version
        turns = 0
        assert await weigh(portions, missing=missing, rest=lambda: asyncio.sleep(0)) == content
        assert turns == 0, "what was weighed is not weighed again"
    beside.cancel()


def test_rows_on_either_side_of_a_portion_are_not_confused() -> None:
    rows = populated(1_000)
    versions = {a_snapshot(rows[:at] + rows[at + 1 :]).version for at in (0, 498, 499, 500, 501, 999)}
    assert len(versions) == 6
