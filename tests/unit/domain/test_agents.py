from datetime import timedelta
from itertools import product

import pytest

from gateway.domain.agents import (
    AgentChange,
    AgentState,
    NewAgent,
    QueueLevel,
    is_logged_in,
    state_since,
)
from gateway.domain.ids import QueueId
from tests.builders import NINE, NOON, TEN_TO_NOON, a_login, an_agent, an_agent_pause

BREAKFAST = NINE + timedelta(hours=1)
LOGINS = {"none": None, "open": a_login(), "closed": a_login(ended_at=NOON)}
EXTENSIONS = {"none": None, "set": "sip/3012"}
PAUSES = {"none": None, "set": an_agent_pause()}

INACTIVE, LOGGED_OUT, LOGGED_IN, PAUSED = AgentState
WHEN_ACTIVE = {
    ("none", "none", "none"): (LOGGED_OUT, None),
    ("none", "none", "set"): (LOGGED_OUT, None),
    ("none", "set", "none"): (LOGGED_IN, None),
    ("none", "set", "set"): (PAUSED, TEN_TO_NOON),
    ("open", "none", "none"): (LOGGED_IN, NINE),
    ("open", "none", "set"): (PAUSED, TEN_TO_NOON),
    ("open", "set", "none"): (LOGGED_IN, NINE),
    ("open", "set", "set"): (PAUSED, TEN_TO_NOON),
    ("closed", "none", "none"): (LOGGED_OUT, NOON),
    ("closed", "none", "set"): (LOGGED_OUT, NOON),
    ("closed", "set", "none"): (LOGGED_OUT, NOON),
    ("closed", "set", "set"): (LOGGED_OUT, NOON),
}
COMBINATIONS = list(product([False, True], [False, True], LOGINS, EXTENSIONS, PAUSES))


def test_every_combination_of_evidence_is_tried() -> None:
    assert len(COMBINATIONS) == 48
    assert set(WHEN_ACTIVE) == set(product(LOGINS, EXTENSIONS, PAUSES))


@pytest.mark.parametrize(("archived", "enabled", "login", "extension", "pause"), COMBINATIONS)
def test_the_state_follows_from_the_evidence(
    *, archived: bool, enabled: bool, login: str, extension: str, pause: str
) -> None:
    agent = an_agent(
        archived=archived,
        enabled=enabled,
        last_login=LOGINS[login],
        extension=EXTENSIONS[extension],
        current_pause=PAUSES[pause],
    )
    active = enabled and not archived
    expected = WHEN_ACTIVE[login, extension, pause] if active else (INACTIVE, None)
    assert (agent.state, state_since(agent)) == expected


@pytest.mark.parametrize(
    ("login", "extension", "expected"),
    [
        ("none", "none", False),
        ("none", "set", True),
        ("open", "none", True),
        ("open", "set", True),
        ("closed", "none", False),
        ("closed", "set", False),
    ],
)
def test_the_last_login_decides_before_the_extension(login: str, extension: str, *, expected: bool) -> None:
    agent = an_agent(last_login=LOGINS[login], extension=EXTENSIONS[extension])
    assert is_logged_in(agent) is expected


def test_an_agent_back_from_a_pause_is_logged_in_since_then() -> None:
    pause = an_agent_pause(started_at=BREAKFAST, ended_at=TEN_TO_NOON)
    assert state_since(an_agent(last_login=a_login(), last_pause=pause)) == TEN_TO_NOON


def test_a_pause_of_an_earlier_login_does_not_count() -> None:
    pause = an_agent_pause(started_at=NINE - timedelta(days=1), ended_at=NINE - timedelta(hours=20))
    assert state_since(an_agent(last_login=a_login(), last_pause=pause)) == NINE


def test_equal_agents_are_equal_values() -> None:
    assert an_agent(current_pause=an_agent_pause()) == an_agent(current_pause=an_agent_pause())
    assert an_agent(name="Ana") != an_agent(name="Ane")


def test_an_agent_cannot_be_changed() -> None:
    agent = an_agent()
    with pytest.raises(AttributeError):
        agent.name = "Outro"  # type: ignore[misc]  # that it cannot is what is tested
    assert agent.name == "Agente 1"


def test_a_new_agent_never_prints_the_password() -> None:
    new = NewAgent(name="Ana", login="ana", password="planted-password-1", queue_ids=(QueueId(4),))
    for text in (repr(new), str(new), f"{new}", repr([new])):
        assert "planted-password" not in text
        assert "login='ana'" in text
        assert "password=***" in text


def test_a_change_never_prints_the_password() -> None:
    levels = (QueueLevel(queue_id=QueueId(4), priority=2),)
    change = AgentChange(password="planted-password-1", levels=levels)
    for text in (repr(change), str(change), f"{change}", repr((change,))):
        assert "planted-password" not in text
        assert "password=***" in text
        assert "priority=2" in text


def test_a_change_without_a_password_says_so() -> None:
    assert "password=None" in repr(AgentChange(name="Ana"))
