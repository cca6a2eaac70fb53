"""A feed: one poller for all who listen, by a clock that the test moves."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from gateway.domain.changes import Link, find_changes
from gateway.domain.errors import UpstreamCredentialsRejected, UpstreamUnavailable
from gateway.domain.feed import Feed, Pace
from gateway.domain.ids import AgentId, TenantId
from gateway.domain.listings import ANY_AGE, FreshnessBound, Reading, ReadSource
from tests.builders import NOON, a_snapshot, an_agent
from tests.fakes import FakeCallCenter

ACME = TenantId("acme")
PACE = Pace(poll_seconds=5.0, resume_agents=100, resume_seconds=60)


class HandClock:
    """Time that passes when somebody rests."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return NOON


class Told:
    """What other replicas told, and were told."""

    def __init__(self) -> None:
        self.known: list[Link] = []
        self.asked = 0

    async def tell(self, tenant_id: TenantId, link: Link) -> None:
        assert tenant_id == ACME
        self.known.append(link)

    async def links(self, tenant_id: TenantId) -> Sequence[Link]:
        assert tenant_id == ACME
        self.asked += 1
        await asyncio.sleep(0)
        return tuple(self.known)


class Watched:
    """A feed over a fake call centre; it rests until the test lets it go on."""

    def __init__(self, shared: Told | None = None) -> None:
        self.clock = HandClock()
        self.center = FakeCallCenter(agents=[an_agent(1, name="Ana"), an_agent(2, name="Bruno")])
        self.rests: list[float] = []
        self.polls: list[bool] = []
        self.rung = 0
        self.held: deque[Reading] = deque()  # type: ignore[type-arg]
        self._may_go_on = asyncio.Event()
        self._is_resting = asyncio.Event()
        self.feed = Feed(
            ACME, read=self._read, pace=PACE, clock=self.clock, observer=self, shared=shared, rest=self._rest
        )

    def feed_polled(self, tenant_id: TenantId, *, is_ok: bool) -> None:
        assert tenant_id == ACME
        self.polls.append(is_ok)

    def feed_failed(self, tenant_id: TenantId, error: Exception) -> None:
        raise AssertionError(tenant_id) from error

    def ring(self) -> None:
        self.rung += 1

    async def resting(self) -> None:
        """Wait until it has done what there was to do."""
        await asyncio.wait_for(self._is_resting.wait(), 5)

    async def go_on(self) -> None:
        """Let the rest be over, and wait for the next one."""
        await self.resting()
        self._is_resting.clear()
        self.clock.seconds += max(0.0, self.rests[-1])
        self._may_go_on.set()
        await self.resting()

    async def hear(self, *, is_held: bool) -> None:
        """Wake it from its rest, at this very instant."""
        await self.resting()
        self._is_resting.clear()
        self.feed.hear(is_held=is_held)
        await self.resting()

    def names(self) -> list[str]:
        assert self.feed.moment.reading is not None
        return [row.name for row in self.feed.moment.reading.snapshot.rows]

    async def _read(self, bound: FreshnessBound) -> Reading:  # type: ignore[type-arg]
        if bound.only_if_cached:
            if not self.held:
                raise UpstreamUnavailable("nothing is held")
            return self.held.popleft()
        return await self.center.agents(bound)

    async def _rest(self, event: asyncio.Event, seconds: float) -> None:
        self.rests.append(seconds)
        self._is_resting.set()
        waits = [asyncio.ensure_future(each.wait()) for each in (event, self._may_go_on)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()
        self._may_go_on.clear()


@asynccontextmanager
async def listening(shared: Told | None = None) -> AsyncIterator[Watched]:
    watched = Watched(shared)
    leave = watched.feed.listen(watched.ring)
    await watched.resting()
    try:
        yield watched
    finally:
        leave()
        await watched.feed.close()


async def test_it_reads_what_is_there_at_once_and_then_when_that_is_as_old_as_the_interval() -> None:
    async with listening() as watched:
        assert watched.center.bounds == [ANY_AGE]
        await watched.go_on()
        await watched.go_on()
    assert watched.center.bounds[1:] == [FreshnessBound(max_age_seconds=4.5)] * 2
    assert watched.rests == [5.0, 5.0, 5.0]
    assert watched.rung == 3


async def test_many_listeners_cost_one_reading_and_none_costs_nothing() -> None:
    watched = Watched()
    leaves = [watched.feed.listen(watched.ring) for _ in range(100)]
    await watched.resting()
    assert (watched.center.calls["agents"], watched.rung) == (1, 100)
    for leave in leaves:
        leave()
    await asyncio.sleep(0)
    watched.clock.seconds += 1000
    await asyncio.sleep(0.01)
    assert (watched.center.calls["agents"], watched.feed.listeners) == (1, 0)
    await watched.feed.close()


async def test_changes_are_told_by_state_also_to_one_who_comes_back_after_a_while_of_silence() -> None:
    watched = Watched()
    leave = watched.feed.listen(watched.ring)
    await watched.resting()
    seen = watched.feed.moment.state
    assert seen is not None
    leave()
    watched._is_resting.clear()
    watched.center.put(an_agent(1, name="Ana Maria"))
    leave = watched.feed.listen(watched.ring)
    assert not watched.feed.moment.is_told  # what was known before is nobody's present
    await watched.resting()
    assert await watched.feed.knows(seen)
    changes = watched.feed.changes_since(seen)
    assert changes is not None
    assert {agent_id: changed.after for agent_id, changed in changes.items()} == {
        AgentId(1): an_agent(1, name="Ana Maria")
    }
    leave()
    await watched.feed.close()


async def test_what_is_held_anew_is_shown_at_once_and_a_write_that_only_evolux_can_tell_of_soon() -> None:
    async with listening() as watched:
        amended = a_snapshot([an_agent(1, name="Ana"), an_agent(2, name="Bruna")])
        watched.held.append(Reading(amended, ReadSource.FRESH))
        await watched.hear(is_held=True)
        assert watched.names() == ["Ana", "Bruna"]
        assert watched.center.calls["agents"] == 1
        await watched.hear(is_held=False)
        assert watched.center.calls["agents"] == 1
        assert watched.rests[-1] == 1.0  # a fifth of the interval after the last reading, however many writes
        await watched.go_on()
        assert watched.center.calls["agents"] == 2


async def test_where_evolux_fails_what_is_held_stands_in_and_is_marked_stale() -> None:
    async with listening() as watched:
        reading = watched.feed.moment.reading
        assert reading is not None
        watched.center.fail("agents", UpstreamUnavailable("down"))
        watched.held.append(Reading(reading.snapshot, ReadSource.STALE_IF_ERROR))
        await watched.go_on()
        shown = watched.feed.moment.reading
        assert shown is not None
        assert (shown.stale, watched.feed.moment.failure) == (True, None)
        assert watched.rests[-1] == 5.0
        await watched.go_on()
        assert watched.feed.moment.reading.stale is False  # type: ignore[union-attr]
    assert watched.polls == [True, False, True]


async def test_where_nothing_can_stand_in_the_failure_is_told_and_what_was_seen_is_not_forgotten() -> None:
    async with listening() as watched:
        seen = watched.feed.moment.state
        for failure in (UpstreamUnavailable("down"), UpstreamCredentialsRejected("no")):
            watched.center.fail("agents", failure)
            await watched.go_on()
            assert watched.feed.moment.failure is failure
        watched.held.append(Reading(a_snapshot([]), ReadSource.FRESH))
        await watched.go_on()
        assert watched.feed.moment.failure is None
        assert watched.feed.moment.state == seen
        assert watched.names() == ["Ana", "Bruno"]


async def test_a_listing_that_lacks_rows_makes_nobody_leave_and_a_whole_one_does() -> None:
    async with listening() as watched:
        seen = watched.feed.moment.state
        assert seen is not None
        watched.held.append(
            Reading(a_snapshot([an_agent(2, name="Bruna")], missing="page 1"), ReadSource.FRESH)
        )
        await watched.hear(is_held=True)
        assert watched.names() == ["Bruna", "Ana"]
        assert watched.feed.changes_since(seen).keys() == {2}  # type: ignore[union-attr]
        watched.held.append(Reading(a_snapshot([an_agent(2, name="Bruna")]), ReadSource.FRESH))
        await watched.hear(is_held=True)
        changes = watched.feed.changes_since(seen)
    assert changes is not None
    assert changes[AgentId(1)].after is None


async def test_replicas_are_told_of_changes_and_asked_once_for_all_who_come_back_at_a_time() -> None:
    shared = Told()
    async with listening(shared) as watched:
        watched.center.put(an_agent(1, name="Ana Maria"))
        await watched.go_on()
        assert [len(link.changes) for link in shared.known] == [1]
        now = watched.feed.moment.state
        assert now is not None
        elsewhere = a_snapshot([an_agent(3, name="Carla")])
        here = a_snapshot([an_agent(1, name="Ana Maria"), an_agent(2, name="Bruno")])
        shared.known.append(Link("0123", now, find_changes(elsewhere, here)))
        assert await asyncio.gather(*(watched.feed.knows("0123") for _ in range(50))) == [True] * 50
        assert not await watched.feed.knows("forged")
    assert shared.asked == 1
