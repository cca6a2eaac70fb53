"""While Evolux fails: nobody waits to find out again, it is not hammered, and then all is read anew."""

import pytest

from gateway.cache.freshness import FreshnessPolicy
from gateway.domain.errors import UpstreamCredentialsRejected, UpstreamTimeout, UpstreamUnavailable
from gateway.domain.listings import ReadSource
from tests.unit.cache.staged import ANA, NO_CACHE, ONLY_IF_CACHED, Stage, settle


async def failing(age_seconds: float) -> Stage:
    """Listing held for so long; Evolux has just failed for the first time."""
    stage = Stage()
    await stage.cached.agents()
    stage.clock.advance(age_seconds)
    stage.evolux.trouble = UpstreamUnavailable("down")
    await stage.cached.agents()
    await settle()
    assert stage.evolux.walks == 2
    return stage


@pytest.mark.parametrize("age_seconds", [10, 100])
async def test_a_failing_evolux_is_asked_once_a_second_however_many_read(age_seconds: float) -> None:
    stage = await failing(age_seconds)
    for _ in range(20):
        stage.clock.advance(0.25)
        for _ in range(10):
            assert (await stage.cached.agents()).stale
            await settle()
    assert stage.evolux.walks == 2 + 5


async def test_while_it_is_known_to_fail_nobody_waits_for_the_walk() -> None:
    stage = await failing(100)
    stage.clock.advance(1)
    hold = stage.evolux.hold_next("agents")
    reading = await stage.cached.agents()
    assert (reading.source, reading.age_seconds) == (ReadSource.STALE_IF_ERROR, 101)
    await hold.reached.wait()
    assert (await stage.cached.agents()).source is ReadSource.STALE_IF_ERROR
    assert stage.evolux.walks == 3
    stage.evolux.trouble = None
    hold.let_go()
    await settle()
    assert (await stage.cached.agents()).source is ReadSource.FRESH


async def test_a_failure_long_ago_does_not_hide_an_evolux_that_is_well_again() -> None:
    stage = await failing(10)
    stage.evolux.trouble = None
    stage.clock.advance(500)
    reading = await stage.cached.agents()
    assert (reading.source, reading.age_seconds) == (ReadSource.WALKED, 0)


async def test_only_if_cached_takes_what_covers_and_causes_nothing() -> None:
    stage = await failing(100)
    stage.clock.advance(2)
    assert (await stage.cached.agents(ONLY_IF_CACHED)).source is ReadSource.STALE_IF_ERROR
    await settle()
    assert stage.evolux.walks == 2


async def test_a_refused_token_is_covered_for_no_reader_not_even_the_second() -> None:
    stage = Stage()
    await stage.cached.agents()
    stage.clock.advance(100)
    stage.evolux.trouble = UpstreamCredentialsRejected("token")
    for _ in range(3):
        with pytest.raises(UpstreamCredentialsRejected):
            await stage.cached.agents()
    assert stage.evolux.walks == 4


async def test_a_refused_token_is_not_hammered_behind_stale_answers() -> None:
    stage = Stage()
    await stage.cached.agents()
    stage.clock.advance(10)
    stage.evolux.trouble = UpstreamCredentialsRejected("token")
    for _ in range(10):
        assert (await stage.cached.agents()).source is ReadSource.STALE
        await settle()
    assert stage.evolux.walks == 2


async def test_a_listing_without_all_rows_is_completed_as_soon_as_evolux_can() -> None:
    stage = Stage()
    stage.evolux.missing, stage.evolux.why = "2 of 4 pages", UpstreamTimeout("late")
    assert not (await stage.cached.agents()).snapshot.complete
    reading = await stage.cached.agents()
    assert (reading.source, reading.failure) == (ReadSource.FRESH, stage.evolux.why)
    await settle()
    assert stage.evolux.walks == 1
    stage.clock.advance(1)
    stage.evolux.missing, stage.evolux.why = None, None
    assert not (await stage.cached.agents()).snapshot.complete
    await settle()
    reading = await stage.cached.agents()
    assert (reading.snapshot.complete, reading.failure, reading.age_seconds) == (True, None, 0)
    assert stage.evolux.walks == 2


async def test_a_held_part_does_not_keep_the_frames_of_its_walk() -> None:
    stage = Stage()
    with pytest.raises(UpstreamTimeout) as late:
        raise UpstreamTimeout("late") from ValueError("the wire")
    stage.evolux.missing, stage.evolux.why = "2 of 4 pages", late.value
    failure = (await stage.cached.agents()).failure
    assert failure is stage.evolux.why
    assert failure is not None
    assert (failure.__traceback__, failure.__context__, failure.__cause__) == (None, None, None)


async def test_a_listing_without_all_rows_covers_nothing_later() -> None:
    stage = Stage()
    stage.evolux.missing, stage.evolux.why = "2 of 4 pages", UpstreamTimeout("late")
    await stage.cached.agents()
    stage.evolux.trouble = UpstreamUnavailable("down")
    stage.clock.advance(10)
    await stage.cached.agents()
    await settle()
    stage.clock.advance(26)
    with pytest.raises(UpstreamUnavailable):
        await stage.cached.agents()


async def test_a_row_that_never_comes_right_does_not_freeze_the_listing() -> None:
    stage = Stage()
    await stage.cached.agents()
    stage.evolux.missing = "1 rows could not be read"
    stage.clock.advance(10)
    assert (await stage.cached.agents()).snapshot.complete
    await settle()
    assert (await stage.cached.agents()).snapshot.complete
    stage.clock.advance(25)
    assert not (await stage.cached.agents()).snapshot.complete
    stage.clock.advance(1)
    reading = await stage.cached.agents()
    assert (reading.source, reading.snapshot.complete) == (ReadSource.FRESH, False)
    assert stage.evolux.walks == 3


async def test_a_whole_listing_is_not_given_up_for_a_part_of_it() -> None:
    stage = Stage()
    whole = (await stage.cached.agents()).snapshot
    stage.clock.advance(10)
    stage.evolux.missing, stage.evolux.why = "2 of 4 pages", UpstreamTimeout("late")
    assert not (await stage.cached.agents(NO_CACHE)).snapshot.complete
    reading = await stage.cached.agents()
    assert (reading.snapshot, reading.source) == (whole, ReadSource.STALE)


async def test_where_nothing_is_ever_fresh_each_reader_is_served_a_walk_or_what_covers() -> None:
    policy = FreshnessPolicy(fresh_seconds=0, stale_seconds=0, stale_if_error_seconds=60)
    stage = Stage(policy=policy)
    assert [(await stage.cached.agents()).source for _ in range(2)] == [ReadSource.WALKED] * 2
    stage.evolux.trouble = UpstreamUnavailable("down")
    assert (await stage.cached.agents()).source is ReadSource.STALE_IF_ERROR
    assert stage.evolux.walks == 3


async def test_a_jump_of_the_wall_clock_changes_no_age() -> None:
    stage = Stage()
    await stage.cached.agents()
    for number, seconds in enumerate((86_400, -2 * 86_400), 1):
        stage.clock.jump(seconds)
        stage.clock.advance(1)
        reading = await stage.cached.agents()
        assert (reading.source, reading.age_seconds) == (ReadSource.FRESH, number)
    assert await stage.name_of(ANA) == "Ana"
