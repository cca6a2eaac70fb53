from datetime import timedelta

import pytest

from tests.builders import NOON, TEN_TO_NOON, an_agent_pause


@pytest.mark.parametrize(
    ("after", "expected"),
    [(0, 600), (0.999, 600), (1, 601), (-600, 0), (-601, 0), (3600, 4200)],
)
def test_a_running_pause_has_lasted_until_now(after: float, expected: int) -> None:
    assert an_agent_pause().elapsed_seconds(NOON + timedelta(seconds=after)) == expected


def test_a_pause_that_ended_lasted_until_its_end() -> None:
    pause = an_agent_pause(ended_at=TEN_TO_NOON + timedelta(minutes=3))
    assert pause.elapsed_seconds(NOON) == 180
    assert pause.elapsed_seconds(NOON + timedelta(days=1)) == 180


def test_a_pause_that_ended_before_it_began_lasted_nothing() -> None:
    assert an_agent_pause(ended_at=TEN_TO_NOON - timedelta(minutes=3)).elapsed_seconds(NOON) == 0
