"""The page walk over pages that a test scripts."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence

import msgspec
import pytest

from gateway.domain.contents import content_of
from gateway.domain.errors import Failure, UpstreamCredentialsRejected, UpstreamUnavailable
from gateway.domain.listings import Snapshot
from gateway.evolux.envelope import Pagination
from gateway.evolux.paging import MAX_LOST_PAGES, MAX_PAGES, Page, WalkResult, walk
from gateway.evolux.rows import PageRows
from gateway.evolux.turns import Turns
from tests.builders import NOON


class Row(msgspec.Struct, frozen=True):
    id: int
    seen: str = ""


def a_page(
    ids: Sequence[int],
    *,
    total: int | None = None,
    limit: int | None = 2,
    is_last: bool = False,
    items: int | None = None,
    unserved: int = 0,
    seen: str = "",
) -> Page[Row]:
    rows = PageRows(tuple(Row(number, seen) for number in ids), len(ids) + unserved)
    return Page(rows=rows, pagination=Pagination(limit=limit, total=total, items=items, is_last=is_last))


class Listing:
    """Pages of a listing of ids, and what was asked of it."""

    def __init__(self, page: Callable[[int], Page[Row]]) -> None:
        self._page = page
        self.asked: list[int] = []
        self.open = 0
        self.most_open = 0

    async def __call__(self, number: int) -> Page[Row]:
        self.asked.append(number)
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            for _ in range(20):  # turns of the loop, while others are asked for
                await asyncio.sleep(0)
            return self._page(number)
        finally:
            self.open -= 1


def quiet_turns() -> Turns:
    """Turns on a loop whose iterations take no time, whatever else the machine does."""
    return Turns(timer=lambda: 0.0)


async def walked(listing: Listing, *, concurrency: int = 4, attempts: int = 3) -> WalkResult[Row]:
    return await walk(
        listing, key=lambda row: row.id, turns=quiet_turns(), concurrency=concurrency, attempts=attempts
    )


def ids(result: WalkResult[Row]) -> list[int]:
    return [row.id for row in result.rows]


def slices(total: int, *, limit: int = 2, told: int | None = None) -> Callable[[int], Page[Row]]:
    def page(number: int) -> Page[Row]:
        held = range(1, total + 1)[(number - 1) * limit : number * limit]
        return a_page(held, total=total if told is None else told, limit=limit)

    return page


async def test_every_page_is_read_once_and_rows_stand_in_page_order() -> None:
    listing = Listing(slices(7))
    result = await walked(listing)
    assert ids(result) == [1, 2, 3, 4, 5, 6, 7]
    assert sorted(listing.asked) == [1, 2, 3, 4]
    assert (result.missing, result.failure, result.torn, result.pages, result.page_rows) == (
        None,
        None,
        0,
        4,
        2,
    )


async def test_no_more_pages_than_the_bound_are_asked_at_once() -> None:
    listing = Listing(slices(40))
    assert len((await walked(listing, concurrency=3)).rows) == 40
    assert listing.most_open == 3


async def test_a_hundred_pages_ten_at_a_time_take_eleven_rounds() -> None:
    rounds: list[int] = []
    waiting: list[asyncio.Future[None]] = []

    def end_round() -> None:
        rounds.append(len(waiting))
        for page in waiting:
            page.set_result(None)
        waiting.clear()

    async def page(number: int) -> Page[Row]:
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[None] = loop.create_future()
        waiting.append(answered)
        if len(waiting) == (1 if number == 1 else min(10, 100 - sum(rounds))):
            loop.call_soon(end_round)
        await answered
        return slices(5_000, limit=50)(number)

    result = await walk(page, key=lambda row: row.id, turns=quiet_turns(), concurrency=10)
    assert (len(result.rows), result.missing) == (5_000, None)
    assert rounds == [1, *[10] * 9, 9]


@pytest.mark.parametrize("total", [0, 1, 2])
async def test_a_listing_of_one_page_is_asked_once(total: int) -> None:
    listing = Listing(slices(total))
    result = await walked(listing)
    assert (len(result.rows), listing.asked, result.missing) == (total, [1], None)


async def test_without_pagination_there_is_one_page() -> None:
    listing = Listing(lambda _number: Page(rows=PageRows((Row(1), Row(2)), 2)))
    result = await walked(listing)
    assert (ids(result), listing.asked, result.missing) == ([1, 2], [1], None)


async def test_a_null_next_url_ends_the_walk_and_a_total_beyond_it_is_noticed() -> None:
    listing = Listing(lambda _number: a_page([1, 2], total=9, is_last=True))
    result = await walked(listing)
    assert listing.asked == [1, 1, 1]
    assert result.missing == "the listing changed while it was read: 2 of 9 rows seen"


@pytest.mark.parametrize("limit", [0, -5, None, 10**15, 50])
async def test_a_limit_that_page_1_does_not_bear_out_is_replaced_by_what_it_held(limit: int | None) -> None:
    def page(number: int) -> Page[Row]:
        held = range(1, 6)[(number - 1) * 2 : number * 2]
        return a_page(held, total=5, limit=limit, is_last=number == 3)

    result = await walked(Listing(page))
    assert (ids(result), result.missing, result.page_rows) == ([1, 2, 3, 4, 5], None, 2)


async def test_a_total_that_changes_makes_the_walk_begin_again() -> None:
    state = {"total": 5}

    def page(number: int) -> Page[Row]:
        if number == 3 and state["total"] == 5:
            state["total"] = 4
        return slices(state["total"])(number)

    listing = Listing(page)
    result = await walked(listing, concurrency=1)
    assert (ids(result), result.missing, result.torn) == ([1, 2, 3, 4], None, 1)
    assert listing.asked == [1, 2, 3, 1, 2]


async def test_a_listing_that_never_stands_still_is_served_incomplete_after_the_stated_walks() -> None:
    totals = iter(range(100, 200))
    listing = Listing(lambda number: a_page([number], total=next(totals), limit=1, is_last=number == 3))
    result = await walked(listing, concurrency=1)
    assert listing.asked.count(1) == 3
    assert (result.torn, result.failure) == (3, None)
    assert result.missing is not None
    assert result.rows


async def test_a_row_seen_twice_stays_as_the_first_page_had_it_and_a_vanished_one_is_noticed() -> None:
    pages = {1: a_page([1, 2], total=4, seen="a"), 2: a_page([2, 3], total=4, seen="b")}
    result = await walked(Listing(pages.__getitem__))
    assert result.rows == (Row(1, "a"), Row(2, "a"), Row(3, "b"))
    assert result.missing == "the listing changed while it was read: 3 of 4 rows seen"


async def test_a_page_shorter_than_it_says_is_noticed() -> None:
    result = await walked(Listing(lambda _number: a_page([1, 2], total=2, items=3)))
    assert result.missing is not None
    assert result.torn == 3


async def test_an_absurd_total_is_ended_by_the_first_empty_page() -> None:
    listing = Listing(slices(3, told=10**12))
    result = await walked(listing, concurrency=2)
    assert ids(result) == [1, 2, 3]
    assert result.missing == f"the listing changed while it was read: 3 of {10**12} rows seen"
    assert max(listing.asked) <= 5


async def test_more_pages_than_are_ever_read_are_said_to_be_missing() -> None:
    listing = Listing(lambda number: a_page([number], total=10**6, limit=1))
    result = await walked(listing)
    assert (len(result.rows), len(listing.asked)) == (MAX_PAGES, MAX_PAGES)
    assert result.missing == f"only the first {MAX_PAGES} pages were read"


async def test_a_negative_total_is_one_page_and_noticed() -> None:
    result = await walked(Listing(lambda _number: a_page([1], total=-3)))
    assert ids(result) == [1]
    assert result.missing is not None


async def test_without_a_total_pages_are_followed_until_they_end() -> None:
    def page(number: int) -> Page[Row]:
        return a_page(range(1, 6)[(number - 1) * 2 : number * 2], is_last=number == 3)

    listing = Listing(page)
    result = await walked(listing)
    assert (ids(result), listing.asked, result.missing) == ([1, 2, 3, 4, 5], [1, 2, 3], None)


async def test_without_a_total_a_listing_that_ignores_the_page_is_read_twice_not_for_ever() -> None:
    listing = Listing(lambda _number: a_page([1, 2]))
    result = await walked(listing)
    assert (ids(result), listing.asked, result.missing) == ([1, 2], [1, 2], None)


async def test_rows_that_could_not_be_served_are_said_and_not_walked_for_again() -> None:
    listing = Listing(lambda _number: a_page([1, 2], total=3, limit=3, unserved=1))
    result = await walked(listing)
    assert (result.missing, result.torn, listing.asked) == ("1 rows could not be read", 0, [1])


async def test_a_page_that_fails_is_left_out_and_told() -> None:
    failure = UpstreamUnavailable("down", upstream_status=503)

    async def page(number: int) -> Page[Row]:
        if number in (3, 5):
            raise failure
        return slices(12)(number)

    result = await walk(page, key=lambda row: row.id, turns=quiet_turns(), concurrency=2)
    assert ids(result) == [1, 2, 3, 4, 7, 8, 11, 12]
    assert (result.missing, result.failure) == ("page 3, 5 of 6 could not be read", failure)
    assert (result.is_usable, result.torn, result.pages) == (True, 0, 4)


@pytest.mark.parametrize(
    ("failure", "failing"),
    [
        (UpstreamUnavailable("down"), range(2, 2 + MAX_LOST_PAGES + 1)),
        (UpstreamCredentialsRejected("refused"), range(2, 3)),
    ],
)
async def test_too_many_lost_pages_or_a_refused_token_end_the_walk_and_leave_no_task(
    failure: Failure, failing: range
) -> None:
    cancelled: list[int] = []

    async def page(number: int) -> Page[Row]:
        if number in failing:
            await asyncio.sleep(0.01)
            raise failure
        if number > 1:
            try:
                await asyncio.Future()
            except asyncio.CancelledError:
                cancelled.append(number)
                raise
        return slices(40)(number)

    before = asyncio.all_tasks()
    result = await asyncio.wait_for(walk(page, key=lambda row: row.id, turns=quiet_turns(), concurrency=8), 5)
    assert result.failure is failure
    assert not result.is_usable
    assert ids(result) == [1, 2]
    assert cancelled
    assert asyncio.all_tasks() == before


async def test_a_first_page_that_fails_leaves_nothing() -> None:
    failure = UpstreamUnavailable("down")

    async def page(_number: int) -> Page[Row]:
        raise failure

    result = await walk(page, key=lambda row: row.id, turns=quiet_turns())
    assert (result.rows, result.failure, result.is_usable, result.torn) == ((), failure, False, 0)


async def test_one_page_of_all_walks_is_asked_for_or_read_in_a_turn_of_the_loop() -> None:
    turn, done_in = 0, Counter[int]()
    turns = quiet_turns()

    async def count_turns() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    async def page(number: int) -> Page[Row]:
        done_in[turn] += number > 1  # the first waits for nobody
        await asyncio.sleep(0.02)
        await turns.take()
        done_in[turn] += 1
        return slices(40)(number)

    counting = asyncio.create_task(count_turns())
    walks = [walk(page, key=lambda row: row.id, turns=turns, concurrency=8) for _ in range(3)]
    results = await asyncio.gather(*walks)
    counting.cancel()
    assert {len(result.rows) for result in results} == {40}
    assert done_in.total() == 3 * (20 + 19)
    assert max(done_in.values()) == 1


async def test_a_walk_that_is_cancelled_takes_its_pages_with_it() -> None:
    began = asyncio.Event()

    async def page(number: int) -> Page[Row]:
        if number > 1:
            began.set()
            await asyncio.Future()
        return slices(12)(number)

    before = asyncio.all_tasks()
    task = asyncio.create_task(walk(page, key=lambda row: row.id, turns=quiet_turns(), concurrency=4))
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert asyncio.all_tasks() == before


FIFTIES = {number: range(number * 50 - 49, number * 50 + 1) for number in (1, 2, 3)}


@pytest.mark.parametrize(
    ("pages", "are_weighed_as_they_stood"),
    [
        pytest.param([FIFTIES[1], FIFTIES[2], range(101, 104)], True, id="whole"),
        pytest.param([FIFTIES[1], FIFTIES[2], FIFTIES[3]], True, id="as long as it can be"),
        pytest.param([FIFTIES[1]], True, id="one page"),
        pytest.param([range(1, 4)], True, id="less than a page"),
        pytest.param([range(0)], False, id="empty"),
        pytest.param([FIFTIES[1], range(50, 100), FIFTIES[3]], False, id="a row on two pages"),
        pytest.param([FIFTIES[1], range(51, 100), FIFTIES[3]], False, id="a page that lacks a row"),
        pytest.param([FIFTIES[1], range(51, 102), range(0)], False, id="a page with a row too many"),
    ],
)
async def test_a_walk_is_weighed_page_by_page_to_what_its_rows_amount_to(
    pages: Sequence[Sequence[int]], *, are_weighed_as_they_stood: bool
) -> None:
    total = sum(map(len, pages))
    listing = Listing(lambda number: a_page(pages[number - 1], total=total, limit=50))
    result = await walk(listing, key=lambda row: row.id, turns=quiet_turns(), attempts=1)
    portions = result.portions()
    assert (list(portions) == list(result.origin)) is are_weighed_as_they_stood
    content = content_of(portions, missing=result.missing)
    walked = Snapshot(result.rows, fetched_at=NOON, missing=result.missing, page_rows=result.page_rows)
    assert content == (walked.version, walked.encoded_bytes)


@pytest.mark.parametrize("limit", [1, 7, 49, 50, 51, 120, 500])
async def test_what_a_walk_amounts_to_does_not_depend_on_the_pages(limit: int) -> None:
    pages = [range(1, 121)[at : at + limit] for at in range(0, 120, limit)]
    listing = Listing(lambda number: a_page(pages[number - 1], total=120, limit=limit))
    result = await walk(listing, key=lambda row: row.id, turns=quiet_turns())
    content = content_of(result.portions(), missing=result.missing)
    assert content.version == Snapshot([Row(number) for number in range(1, 121)], fetched_at=NOON).version


async def test_without_a_total_the_empty_page_at_the_end_is_no_portion() -> None:
    pages = [FIFTIES[1], FIFTIES[2], range(0)]
    listing = Listing(lambda number: a_page(pages[number - 1], limit=50))
    result = await walk(listing, key=lambda row: row.id, turns=quiet_turns())
    assert [len(portion.rows) for portion in result.portions()] == [50, 50]
    assert list(result.portions()) == list(result.origin[:2])


async def test_pages_that_came_in_another_order_are_weighed_in_their_own() -> None:
    pages = [FIFTIES[1], FIFTIES[2], FIFTIES[3], range(151, 155)]

    async def read(number: int) -> Page[Row]:
        await asyncio.sleep(0.02 * (4 - number))
        return a_page(pages[number - 1], total=154, limit=50)

    result = await walk(read, key=lambda row: row.id, turns=quiet_turns(), concurrency=4)
    assert [portion.rows[0].id for portion in result.portions()] == [1, 51, 101, 151]
