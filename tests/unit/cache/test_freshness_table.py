"""Every age of what is held x Evolux's state x what a caller demands -> what is served, at what cost."""

from collections.abc import Iterator

import pytest

from gateway.domain.errors import GatewayError, UpstreamCredentialsRejected, UpstreamTimeout
from gateway.domain.listings import ANY_AGE, FreshnessBound, Reading, ReadSource
from tests.builders import NOON
from tests.unit.cache.staged import NO_CACHE, ONLY_IF_CACHED, Stage, settle

DEMANDS = {
    "none": ANY_AGE,
    "max-age=3": FreshnessBound(max_age_seconds=3),
    "max-age=300": FreshnessBound(max_age_seconds=300),
    "no-cache": NO_CACHE,
    "only-if-cached": ONLY_IF_CACHED,
}
TABLE = """
held  Evolux   | none         max-age=3    max-age=300  no-cache     only-if-cached
-     well     | WALKED/1     WALKED/1     WALKED/1     WALKED/1     !UNAVAILABLE/0
-     failing  | !TIMEOUT/1   !TIMEOUT/1   !TIMEOUT/1   !TIMEOUT/1   !UNAVAILABLE/0
-     rejected | !REJECTED/1  !REJECTED/1  !REJECTED/1  !REJECTED/1  !UNAVAILABLE/0
-     partial  | PART/1       PART/1       PART/1       PART/1       !UNAVAILABLE/0
-     torn     | TORN/1       TORN/1       TORN/1       TORN/1       !UNAVAILABLE/0
1     well     | FRESH/0      FRESH/0      FRESH/0      WALKED/1     FRESH/0
1     failing  | FRESH/0      FRESH/0      FRESH/0      !TIMEOUT/1   FRESH/0
1     rejected | FRESH/0      FRESH/0      FRESH/0      !REJECTED/1  FRESH/0
1     partial  | FRESH/0      FRESH/0      FRESH/0      PART/1       FRESH/0
1     torn     | FRESH/0      FRESH/0      FRESH/0      TORN/1       FRESH/0
5     well     | STALE/0+1    WALKED/1     STALE/0+1    WALKED/1     STALE/0
34    well     | STALE/0+1    WALKED/1     STALE/0+1    WALKED/1     STALE/0
34    failing  | STALE/0+1    !TIMEOUT/1   STALE/0+1    !TIMEOUT/1   STALE/0
34    rejected | STALE/0+1    !REJECTED/1  STALE/0+1    !REJECTED/1  STALE/0
34    partial  | STALE/0+1    PART/1       STALE/0+1    PART/1       STALE/0
34    torn     | STALE/0+1    TORN/1       STALE/0+1    TORN/1       STALE/0
35    well     | WALKED/1     WALKED/1     WALKED/1     WALKED/1     !UNAVAILABLE/0
100   well     | WALKED/1     WALKED/1     WALKED/1     WALKED/1     !UNAVAILABLE/0
100   failing  | IF_ERROR/1   !TIMEOUT/1   IF_ERROR/1   !TIMEOUT/1   !UNAVAILABLE/0
100   rejected | !REJECTED/1  !REJECTED/1  !REJECTED/1  !REJECTED/1  !UNAVAILABLE/0
100   partial  | IF_ERROR/1   PART/1       IF_ERROR/1   PART/1       !UNAVAILABLE/0
100   torn     | TORN/1       TORN/1       TORN/1       TORN/1       !UNAVAILABLE/0
604   failing  | IF_ERROR/1   !TIMEOUT/1   !TIMEOUT/1   !TIMEOUT/1   !UNAVAILABLE/0
605   well     | WALKED/1     WALKED/1     WALKED/1     WALKED/1     !UNAVAILABLE/0
605   failing  | !TIMEOUT/1   !TIMEOUT/1   !TIMEOUT/1   !TIMEOUT/1   !UNAVAILABLE/0
605   rejected | !REJECTED/1  !REJECTED/1  !REJECTED/1  !REJECTED/1  !UNAVAILABLE/0
605   partial  | PART/1       PART/1       PART/1       PART/1       !UNAVAILABLE/0
605   torn     | TORN/1       TORN/1       TORN/1       TORN/1       !UNAVAILABLE/0
"""
"""Held for so many seconds (policy 5, 30, 600). A cell: what is served, or the error's code, then after the
slash the walks that the caller waits for, and after the plus those that go on behind. PART and TORN are what
was just read, without all rows: with a failure to tell, and without."""

SOURCES = {
    "WALKED": ReadSource.WALKED,
    "PART": ReadSource.WALKED,
    "TORN": ReadSource.WALKED,
    "FRESH": ReadSource.FRESH,
    "STALE": ReadSource.STALE,
    "IF_ERROR": ReadSource.STALE_IF_ERROR,
}
CODES = {
    "!UNAVAILABLE": "UPSTREAM_UNAVAILABLE",
    "!TIMEOUT": "UPSTREAM_TIMEOUT",
    "!REJECTED": "UPSTREAM_CREDENTIALS_REJECTED",
}


def cells() -> Iterator[tuple[str, str, str, str]]:
    head, *rows = [line for line in TABLE.splitlines() if line]
    demands = head.partition("|")[2].split()
    for row in rows:
        situation, _, served = row.partition("|")
        held, evolux = situation.split()
        for demand, cell in zip(demands, served.split(), strict=True):
            yield held, evolux, demand, cell


def put_evolux(stage: Stage, state: str) -> None:
    match state:
        case "failing":
            stage.evolux.trouble = UpstreamTimeout("late")
        case "rejected":
            stage.evolux.trouble = UpstreamCredentialsRejected("token")
        case "partial":
            stage.evolux.missing, stage.evolux.why = "2 of 4 pages", UpstreamTimeout("late")
        case "torn":
            stage.evolux.missing = "the listing changed"
        case _:
            assert state == "well"


async def read(stage: Stage, bound: FreshnessBound) -> Reading[object] | GatewayError:
    try:
        return await stage.cached.agents(bound)
    except GatewayError as error:
        return error


@pytest.mark.parametrize(("held", "evolux", "demand", "cell"), list(cells()))
async def test_what_is_served_and_what_it_costs(held: str, evolux: str, demand: str, cell: str) -> None:
    stage = Stage()
    if held != "-":
        await stage.cached.agents()
        stage.clock.jump(-3_600)
        stage.clock.advance(float(held))
    put_evolux(stage, evolux)
    before = stage.evolux.walks
    answer = await read(stage, DEMANDS[demand])
    waited_for = stage.evolux.walks - before
    await settle()
    behind = stage.evolux.walks - before - waited_for
    expected, _, calls = cell.partition("/")
    assert calls in (f"{waited_for}+{behind}", str(waited_for) if behind == 0 else None)
    if expected in CODES:
        assert isinstance(answer, GatewayError)
        assert answer.code.value == CODES[expected]
        assert stage.served.failures
        return
    assert isinstance(answer, Reading)
    is_held = expected in {"FRESH", "STALE", "IF_ERROR"}
    assert answer.source is SOURCES[expected]
    assert answer.age_seconds == (float(held) if is_held else 0)
    assert answer.stale is (expected in {"STALE", "IF_ERROR"})
    assert answer.snapshot.fetched_at == (NOON if is_held or held == "-" else stage.clock.now())
    assert answer.snapshot.complete is (expected not in {"PART", "TORN"})
    assert len(answer.snapshot.rows) == (10 if answer.snapshot.complete else 5)
    assert (answer.failure is not None) is (expected == "PART")
    assert stage.served.readings[-1][1:] == (answer.source, answer.age_seconds)


def test_the_table_names_every_state_that_evolux_can_be_in_for_every_demand() -> None:
    states = {"well", "failing", "rejected", "partial", "torn"}
    seen = {(held, evolux, demand) for held, evolux, demand, _ in cells()}
    for held in ("-", "1", "34", "100", "605"):
        assert {(state, demand) for age, state, demand in seen if age == held} == {
            (state, demand) for state in states for demand in DEMANDS
        }
