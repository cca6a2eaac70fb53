"""The rule of each mutation, row by row: what the agent from before and after proves of a lost answer."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from gateway.domain.agents import Agent, AgentChange, NewAgent, QueueLevel
from gateway.domain.ids import AgentId, PauseId, QueueId
from gateway.domain.outcomes import (
    TOLERANCE,
    Verdict,
    Witness,
    judge_create,
    judge_log_off,
    judge_pause,
    judge_unpause,
    judge_update,
)
from gateway.domain.pauses import AgentPause
from tests.builders import NINE, NOON, a_login, a_pause, a_snapshot, an_agent, an_agent_pause, queue_ids

HAPPENED, NOT, UNKNOWN = Verdict.HAPPENED, Verdict.DID_NOT_HAPPEN, Verdict.CANNOT_TELL
SOON = NOON + timedelta(seconds=1)
EARLIER = NOON - timedelta(minutes=5)
ROUNDED = NOON - TOLERANCE
BATH = a_pause(49)


def taken(number: int, *, began: object = SOON, ended: object = None, pause: object = None) -> AgentPause:
    return an_agent_pause(pause, id=number, started_at=began, ended_at=ended)  # type: ignore[arg-type]


def foreseen(*, began: object = EARLIER, ended: object = None) -> AgentPause:
    return replace(taken(0, began=began, ended=ended), id=None)


def agent(current: AgentPause | None = None, last: AgentPause | None = None, **changes: object) -> Agent:
    fields = {"last_login": a_login(), **changes}
    return an_agent(current_pause=current, last_pause=last, **fields)  # type: ignore[arg-type]


READY = agent()
ENDED = taken(1, began=EARLIER, ended=EARLIER)


@pytest.mark.parametrize(
    ("before", "after", "at", "verdict"),
    [
        (READY, agent(taken(7)), NOON, HAPPENED),
        (None, agent(taken(7)), NOON, HAPPENED),
        (READY, agent(taken(7)), None, HAPPENED),
        (None, agent(taken(7)), None, UNKNOWN),
        (READY, agent(taken(7, began=ROUNDED)), NOON, HAPPENED),
        (READY, agent(taken(7, began=ROUNDED - timedelta(seconds=1))), NOON, NOT),
        (None, agent(taken(7, began=EARLIER)), NOON, NOT),
        (agent(taken(7)), agent(taken(7)), NOON, NOT),
        (agent(taken(7)), agent(taken(7)), None, NOT),
        (agent(foreseen()), agent(taken(7)), NOON, UNKNOWN),
        (agent(None, foreseen(ended=EARLIER)), agent(taken(7)), NOON, HAPPENED),
        (READY, READY, NOON, NOT),
        (READY, agent(None, ENDED), NOON, NOT),
        (agent(None, ENDED), agent(None, ENDED), None, NOT),
        (READY, agent(None, taken(7, ended=SOON)), NOON, HAPPENED),
        (READY, agent(taken(8, pause=BATH)), NOON, NOT),
        (READY, agent(taken(8, pause=BATH), taken(7, ended=SOON)), NOON, HAPPENED),
        (READY, agent(None, taken(8, ended=SOON, pause=BATH)), NOON, UNKNOWN),
        (agent(taken(8, pause=BATH)), agent(taken(8, pause=BATH)), NOON, NOT),
        (READY, agent(replace(taken(7), pause=None, pause_id=None)), NOON, UNKNOWN),
        (READY, agent(replace(taken(7), id=None)), NOON, UNKNOWN),
        (READY, agent(None, None, last_login=a_login(ended_at=SOON)), NOON, NOT),
        (READY, None, NOON, UNKNOWN),
    ],
)
def test_a_pause(before: Agent | None, after: Agent | None, at: object, verdict: Verdict) -> None:
    assert judge_pause(before, after, pause_id=PauseId(50), at=at) is verdict  # type: ignore[arg-type]


PAUSED = agent(taken(7, began=EARLIER))


@pytest.mark.parametrize(
    ("before", "after", "at", "verdict"),
    [
        (PAUSED, agent(None, taken(7, began=EARLIER, ended=SOON)), NOON, HAPPENED),
        (None, agent(None, taken(7, began=EARLIER, ended=SOON)), NOON, HAPPENED),
        (PAUSED, agent(None, taken(7, began=EARLIER, ended=SOON)), None, HAPPENED),
        (None, agent(None, taken(7, began=EARLIER, ended=SOON)), None, UNKNOWN),
        (PAUSED, agent(None, taken(7, began=EARLIER, ended=ROUNDED)), NOON, HAPPENED),
        (PAUSED, agent(None, taken(7, began=EARLIER, ended=EARLIER)), NOON, NOT),
        (agent(None, taken(7, ended=SOON)), agent(None, taken(7, ended=SOON)), NOON, NOT),
        (PAUSED, PAUSED, NOON, NOT),
        (PAUSED, agent(taken(7, began=EARLIER), ENDED), NOON, NOT),
        (PAUSED, agent(taken(8), taken(7, began=EARLIER, ended=SOON)), NOON, HAPPENED),
        (READY, READY, NOON, NOT),
        (agent(None, foreseen(ended=NOON)), agent(None, taken(7, ended=SOON)), NOON, UNKNOWN),
        (
            PAUSED,
            agent(None, taken(7, began=EARLIER, ended=SOON), last_login=a_login(ended_at=SOON)),
            NOON,
            UNKNOWN,
        ),
        (PAUSED, None, NOON, UNKNOWN),
    ],
)
def test_the_end_of_a_pause(before: Agent | None, after: Agent | None, at: object, verdict: Verdict) -> None:
    assert judge_unpause(before, after, at=at) is verdict  # type: ignore[arg-type]


OFF = agent(last_login=a_login(ended_at=EARLIER))


@pytest.mark.parametrize(
    ("before", "after", "at", "verdict"),
    [
        (READY, agent(last_login=a_login(ended_at=SOON)), NOON, HAPPENED),
        (None, agent(last_login=a_login(ended_at=SOON)), NOON, HAPPENED),
        (READY, agent(last_login=a_login(ended_at=SOON)), None, HAPPENED),
        (None, agent(last_login=a_login(ended_at=SOON)), None, UNKNOWN),
        (READY, agent(last_login=a_login(ended_at=ROUNDED)), NOON, HAPPENED),
        (None, OFF, NOON, NOT),
        (agent(last_login=a_login(ended_at=SOON)), agent(last_login=a_login(ended_at=SOON)), NOON, NOT),
        (READY, READY, NOON, NOT),
        (READY, READY, None, NOT),
        (None, READY, NOON, NOT),
        (None, READY, None, UNKNOWN),
        (READY, agent(last_login=a_login(id=2, started_at=SOON)), NOON, UNKNOWN),
        (READY, agent(last_login=None), NOON, NOT),
        (READY, None, NOON, UNKNOWN),
    ],
)
def test_a_log_off(before: Agent | None, after: Agent | None, at: object, verdict: Verdict) -> None:
    assert judge_log_off(before, after, at=at) is verdict  # type: ignore[arg-type]


RENAME = AgentChange(name="Nova")
SECRET = AgentChange(password="planted-password")


@pytest.mark.parametrize(
    ("before", "after", "change", "verdict"),
    [
        (an_agent(name="Velha"), an_agent(name="Nova"), RENAME, HAPPENED),
        (an_agent(name="Velha"), an_agent(name="Velha"), RENAME, NOT),
        (an_agent(name="Velha"), an_agent(name="Outra"), RENAME, UNKNOWN),
        (None, an_agent(name="Nova"), RENAME, HAPPENED),
        (None, an_agent(name="Velha"), RENAME, UNKNOWN),
        (an_agent(name="Nova"), an_agent(name="Nova"), RENAME, HAPPENED),
        (an_agent(), an_agent(), SECRET, UNKNOWN),
        (an_agent(name="Nova"), an_agent(name="Nova"), replace(RENAME, password="planted-password"), UNKNOWN),
        (None, an_agent(name="Nova"), replace(RENAME, password="planted-password"), UNKNOWN),
        (
            an_agent(name="Velha"),
            an_agent(name="Nova"),
            replace(RENAME, password="planted-password"),
            HAPPENED,
        ),
        (
            an_agent(queue_ids=queue_ids(1)),
            an_agent(queue_ids=queue_ids(1)),
            AgentChange(levels=(QueueLevel(queue_id=QueueId(1), priority=2),)),
            UNKNOWN,
        ),
        (
            an_agent(queue_ids=queue_ids(1)),
            an_agent(queue_ids=queue_ids(2)),
            AgentChange(queue_ids=queue_ids(2)),
            HAPPENED,
        ),
        (an_agent(), None, RENAME, UNKNOWN),
    ],
)
def test_a_change(before: Agent | None, after: Agent | None, change: AgentChange, verdict: Verdict) -> None:
    assert judge_update(before, after, change=change) is verdict


NEW = NewAgent(name="Júlia", login="julia", password="planted-password", queue_ids=queue_ids(2, 1))
MADE = an_agent(9, name="Júlia", login="julia", queue_ids=queue_ids(1, 2))


@pytest.mark.parametrize(
    ("existed", "rows", "missing", "verdict"),
    [
        (False, [MADE], None, HAPPENED),
        (None, [MADE], None, HAPPENED),
        (True, [MADE], None, NOT),
        (False, [], None, NOT),
        (False, [], "a page", UNKNOWN),
        (False, [MADE], "a page", HAPPENED),
        (False, [replace(MADE, login="JULIA")], None, HAPPENED),
        (False, [replace(MADE, name="Outra")], None, UNKNOWN),
        (None, [replace(MADE, queue_ids=())], None, UNKNOWN),
        (None, [replace(MADE, last_login=a_login(started_at=NINE))], None, UNKNOWN),
    ],
)
def test_a_creation(
    *, existed: bool | None, rows: list[Agent], missing: str | None, verdict: Verdict
) -> None:
    assert judge_create(existed, a_snapshot(rows, missing=missing), new=NEW) is verdict


def test_a_witness_prefers_what_was_read_last() -> None:
    old, new = an_agent(1, name="Velha"), an_agent(1, name="Nova")
    listed = a_snapshot([old, an_agent(2, login="Bia")])
    witness = Witness(agents=listed, read_since={AgentId(1): new, AgentId(2): None})
    assert witness.agent(AgentId(1)) == new
    assert witness.agent(AgentId(2)) is None
    assert witness.agent(AgentId(3)) is None
    assert witness.shows_login("BIA") is True
    assert witness.shows_login("rui") is False
    assert Witness().shows_login("rui") is None
    assert Witness(agents=listed).agent(AgentId(1)) == old
