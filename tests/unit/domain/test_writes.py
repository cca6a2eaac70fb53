"""Preconditions and desired states, one write at a time, over a call centre in memory."""

import pytest

from gateway.domain.agents import AgentState
from gateway.domain.errors import (
    AgentAlreadyPaused,
    AgentNotFound,
    AgentNotLoggedIn,
    AgentNotPaused,
    AgentOnCall,
    BadUserInput,
    OutcomeUnknown,
    Refusal,
    UpstreamUnavailable,
)
from gateway.domain.ids import AgentId, PauseId
from gateway.domain.preconditions import Expectation
from gateway.domain.writes import LogOffOrder, Order, PauseOrder, UnpauseOrder, carry_out
from tests.unit.schema.operations import a_call_center

PAUSED, READY, OUT, DISABLED = AgentId(1), AgentId(2), AgentId(3), AgentId(4)
LUNCH, BATH = PauseId(50), PauseId(49)


def pause(agent_id: AgentId, pause_id: PauseId = LUNCH) -> Order:
    return PauseOrder(agent_id=agent_id, pause_id=pause_id)


@pytest.mark.parametrize(
    ("order", "expected", "refusal", "field"),
    [
        (pause(READY), Expectation(state=AgentState.PAUSED), AgentNotPaused, "ifState"),
        (
            UnpauseOrder(agent_id=PAUSED),
            Expectation(state=AgentState.LOGGED_IN),
            AgentAlreadyPaused,
            "ifState",
        ),
        (LogOffOrder(agent_id=OUT), Expectation(state=AgentState.LOGGED_IN), AgentNotLoggedIn, "ifState"),
        (LogOffOrder(agent_id=OUT), Expectation(state=AgentState.PAUSED), AgentNotLoggedIn, "ifState"),
        (LogOffOrder(agent_id=READY), Expectation(state=AgentState.LOGGED_OUT), BadUserInput, "ifState"),
        (LogOffOrder(agent_id=DISABLED), Expectation(state=AgentState.LOGGED_IN), BadUserInput, "ifState"),
        (UnpauseOrder(agent_id=PAUSED), Expectation(pause_id=BATH), BadUserInput, "ifPauseId"),
        (UnpauseOrder(agent_id=READY), Expectation(pause_id=LUNCH), AgentNotPaused, "ifPauseId"),
    ],
)
async def test_what_was_expected_and_is_not_so_stops_the_write(
    order: Order, expected: Expectation, refusal: type[Refusal], field: str
) -> None:
    on = a_call_center()
    before = dict(on.rows)
    with pytest.raises(refusal) as raised:
        await carry_out(on, order, expected=expected)
    assert raised.value.code is refusal.code
    assert raised.value.field == (field,)
    assert on.rows == before
    assert dict(on.calls) == {"read_agent": 1}


async def test_what_was_expected_is_read_freshly_and_lets_the_write_pass() -> None:
    on = a_call_center()
    expected = Expectation(state=AgentState.PAUSED, pause_id=LUNCH)
    written = await carry_out(on, UnpauseOrder(agent_id=PAUSED), expected=expected)
    assert written.changed
    assert on.rows[PAUSED].current_pause is None
    assert dict(on.calls) == {"read_agent": 1, "unpause_agent": 1}


async def test_nothing_can_be_expected_of_nobody() -> None:
    with pytest.raises(AgentNotFound):
        await carry_out(a_call_center(), pause(AgentId(77)), expected=Expectation(state=AgentState.LOGGED_IN))


@pytest.mark.parametrize(
    ("order", "reads"),
    [(pause(PAUSED), 1), (UnpauseOrder(agent_id=READY), 0), (LogOffOrder(agent_id=OUT), 0)],
)
async def test_ensured_what_is_so_already_is_a_success_that_changed_nothing(order: Order, reads: int) -> None:
    on = a_call_center()
    before = dict(on.rows)
    written = await carry_out(on, order, ensure=True)
    assert (written.changed, written.reconciled) == (False, False)
    assert on.rows == before
    assert on.calls["read_agent"] == reads
    with pytest.raises(Refusal):
        await carry_out(on, order)


async def test_another_pause_is_not_the_one_that_was_ensured() -> None:
    on = a_call_center()
    with pytest.raises(AgentAlreadyPaused):
        await carry_out(on, pause(PAUSED, BATH), ensure=True)


async def test_ensuring_is_no_excuse_for_another_refusal() -> None:
    on = a_call_center()
    on.on_call.add(READY)
    with pytest.raises(AgentOnCall):
        await carry_out(on, LogOffOrder(agent_id=READY), ensure=True)


async def test_a_lost_answer_of_what_was_so_already_is_ensured() -> None:
    on = a_call_center()
    on.fail("pause_agent", OutcomeUnknown("Lost."))
    written = await carry_out(on, pause(PAUSED), ensure=True)
    assert (written.changed, written.reconciled) == (False, True)


async def test_a_lost_answer_of_what_did_not_happen_may_be_asked_again() -> None:
    on = a_call_center()
    on.fail("pause_agent", OutcomeUnknown("Lost."))
    with pytest.raises(UpstreamUnavailable) as raised:
        await carry_out(on, pause(READY))
    assert raised.value.retryable
    assert on.calls["pause_agent"] == 1
