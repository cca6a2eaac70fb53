"""The page walk: page 1, then the rest a few at a time, and again where the listing changed underneath."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterator, Sequence
from math import ceil
from typing import Generic, TypeVar

import msgspec

from gateway.domain.contents import Portion, are_portions, portions_of
from gateway.domain.errors import Failure, UpstreamCredentialsRejected
from gateway.evolux.envelope import Pagination
from gateway.evolux.rows import PageRows
from gateway.evolux.turns import Turns

Row = TypeVar("Row")
MAX_PAGES = 2_000
MAX_PAGE_ROWS = 10_000
_PAGES_A_TURN = 10
"""Whose rows are put together in one turn."""
MAX_LOST_PAGES = 5
"""A walk that lacks more pages than this is no listing at all."""


class Page(msgspec.Struct, Generic[Row], frozen=True, kw_only=True):
    """One page as it was read; `pagination` is None where Evolux showed none."""

    rows: PageRows[Row]
    pagination: Pagination | None = None

    @property
    def total(self) -> int | None:
        """How many rows the listing has, None where the page does not tell."""
        return None if self.pagination is None else self.pagination.total

    @property
    def ends_the_listing(self) -> bool:
        """Whether no page follows, by the page's own word."""
        return self.rows.held == 0 or (self.pagination is not None and self.pagination.is_last)

    @property
    def holds_what_it_says(self) -> bool:
        """Whether `items` is the number of rows, where it is told."""
        items = None if self.pagination is None else self.pagination.items
        return items is None or items == self.rows.held


ReadPage = Callable[[int], Awaitable[Page[Row]]]
RowKey = Callable[[Row], Hashable]


class WalkResult(msgspec.Struct, Generic[Row], frozen=True, kw_only=True):
    """What a walk saw: rows without repeats in page order, and what it did not see.

    `missing` says that in words, None for a complete walk; `failure` is why pages could not be read, and the
    walk is only worth its rows where `is_usable`.
    `torn` counts the walks, this one included, that did not fit together; `pages` those read in this one.
    """

    rows: tuple[Row, ...]
    page_rows: int
    missing: str | None = None
    failure: Failure | None = None
    is_usable: bool = True
    torn: int = 0
    pages: int = 0
    origin: tuple[PageRows[Row], ...] = ()
    """The pages themselves, in their order."""

    def portions(self) -> Sequence[Portion[Row]]:
        """The rows in portions to weigh: the pages, where they are such and no row stood on two of them."""
        pages = [page for page in self.origin if page.rows]
        held = sum(len(page.rows) for page in pages)
        return pages if held == len(self.rows) and are_portions(pages) else portions_of(self.rows)


async def walk(
    read_page: ReadPage[Row], *, key: RowKey[Row], turns: Turns, concurrency: int = 10, attempts: int = 3
) -> WalkResult[Row]:
    """Read every page, again up to `attempts` times while what was read does not fit together.

    Of a row that is seen twice the first in page order stays. The last walk is served, torn or not. A few
    pages that cannot be read are left out and told; without page 1, with too many lost or a refused token
    the walk ends, and its siblings are cancelled. Each page is asked for in a turn of its own.
    """
    for attempt in range(1, attempts + 1):
        once = _Walk(read_page, key=key, turns=turns, concurrency=concurrency)
        await once.run()
        if once.failure is not None or once.fits or attempt == attempts:
            return once.result(torn=attempt if not once.fits else attempt - 1)
    raise ValueError("attempts must be 1 or more")


class _Walk(Generic[Row]):
    """One walk. `last` is the last page that is thought to exist, lowered when a page says that it ends."""

    def __init__(self, read_page: ReadPage[Row], *, key: RowKey[Row], turns: Turns, concurrency: int) -> None:
        self._read_page = read_page
        self._key = key
        self._turns = turns
        self._concurrency = concurrency
        self._pages: dict[int, Page[Row]] = {}
        self._last = 1
        self._wanted = 1
        self._rows: dict[Hashable, Row] = {}
        self._lost: dict[int, Failure] = {}
        self._fatal: Failure | None = None

    @property
    def failure(self) -> Failure | None:
        """Why pages could not be read, None where all were."""
        return self._fatal or next(iter(self._lost.values()), None)

    async def run(self) -> None:
        """Read the pages; failures of Evolux end up in `failure`, a refusal is raised."""
        try:
            await self._read(1)
        except Failure as error:
            self._fatal = error
        else:
            await self._read_rest()
        for number, page in sorted(self._pages.items()):
            if number % _PAGES_A_TURN == 0:
                await self._turns.take()
            for row in page.rows.rows:
                self._rows.setdefault(self._key(row), row)

    @property
    def fits(self) -> bool:
        """Whether the pages are of one listing: one total, that many rows, and pages as long as they say."""
        pages = self._pages.values()
        if self._is_capped or self.failure is not None:
            return True
        return (
            len({page.total for page in pages}) == 1
            and self._unseen == 0
            and all(page.holds_what_it_says for page in pages)
        )

    def result(self, *, torn: int) -> WalkResult[Row]:
        """What this walk saw."""
        return WalkResult(
            rows=tuple(self._rows.values()),
            page_rows=self._page_rows(),
            missing=self._missing(),
            failure=self.failure,
            is_usable=self._fatal is None,
            torn=torn,
            pages=len(self._pages),
            origin=tuple(page.rows for _, page in sorted(self._pages.items())),
        )

    async def _read(self, number: int) -> None:
        page = self._pages[number] = await self._read_page(number)
        if number == 1:
            self._plan(page)
        elif page.ends_the_listing or self._repeats_or_shrinks(page):
            self._last = min(self._last, number)

    def _plan(self, first: Page[Row]) -> None:
        """Find the last page from the returned limit and total; without a total it shows at the end."""
        if first.pagination is None or first.ends_the_listing:
            return
        self._wanted = MAX_PAGES + 1 if first.total is None else ceil(first.total / self._page_rows())
        self._last = min(self._wanted, MAX_PAGES)

    @property
    def _is_capped(self) -> bool:
        """Whether there are more pages than are ever read, and none that was read says otherwise."""
        return self._wanted > MAX_PAGES == self._last

    def _page_rows(self) -> int:
        """Rows per page: the returned limit where page 1 bears it out, else what page 1 held."""
        first = self._pages.get(1)
        if first is None:
            return 1
        limit = None if first.pagination is None else first.pagination.limit
        held = first.rows.held
        is_borne_out = limit is not None and 1 <= limit <= MAX_PAGE_ROWS
        if limit is not None and is_borne_out and held >= min(limit, first.total or limit):
            return limit
        return max(1, held)

    def _repeats_or_shrinks(self, page: Page[Row]) -> bool:
        """Without a total a page that is shorter than the first, or the first again, is the end."""
        first = self._pages[1]
        return first.total is None and (page.rows.held < first.rows.held or page.rows.rows == first.rows.rows)

    async def _read_rest(self) -> None:
        numbers = iter(range(2, self._last + 1))
        at_once = 1 if self._pages[1].total is None else min(self._concurrency, self._last - 1)
        try:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(at_once):
                    tasks.create_task(self._read_each(numbers))
        except* Failure as failed:
            self._fatal = next(_leaves(failed))

    async def _read_each(self, numbers: Iterator[int]) -> None:
        for number in numbers:
            await self._turns.take()
            if number > self._last:
                return
            try:
                await self._read(number)
            except Failure as failure:
                self._lose(number, failure)

    def _lose(self, number: int, failure: Failure) -> None:
        """Leave one page out, or give the walk up."""
        self._lost[number] = failure
        is_pointless = self._pages[1].total is None or isinstance(failure, UpstreamCredentialsRejected)
        if is_pointless or len(self._lost) > MAX_LOST_PAGES:
            raise failure

    @property
    def _unseen(self) -> int:
        """Announced rows that no page held; rows that came and could not be served are not among them."""
        total = self._pages[1].total
        return 0 if total is None else total - len(self._rows) - self._unserved

    @property
    def _unserved(self) -> int:
        return sum(page.rows.held - len(page.rows.rows) for page in self._pages.values())

    def _missing(self) -> str | None:
        if self._lost:
            numbers = ", ".join(str(number) for number in sorted(self._lost))
            return f"page {numbers} of {self._last} could not be read"
        if self._fatal is not None:
            return "the listing could not be read"
        if self._is_capped:
            return f"only the first {MAX_PAGES} pages were read"
        if not self.fits:
            seen = f"{len(self._rows)} of {self._pages[1].total} rows"
            return f"the listing changed while it was read: {seen} seen"
        return f"{self._unserved} rows could not be read" if self._unserved else None


def _leaves(group: BaseExceptionGroup[Failure]) -> Iterator[Failure]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
