"""What a caller expects of an agent before a write, held against a fresh reading."""

import msgspec

from gateway.domain.agents import Agent, AgentState
from gateway.domain.errors import AgentAlreadyPaused, AgentNotLoggedIn, AgentNotPaused, BadUserInput, Refusal
from gateway.domain.ids import PauseId
from gateway.domain.outcomes import reason_id

_IF_STATE = ("ifState",)
_IF_PAUSE = ("ifPauseId",)


class Expectation(msgspec.Struct, frozen=True, kw_only=True):
    """What must hold of the agent for the write to be sent; None expects nothing."""

    state: AgentState | None = None
    pause_id: PauseId | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is expected, so that nothing has to be read."""
        return self.state is None and self.pause_id is None

    def refusal_for(self, agent: Agent) -> Refusal | None:
        """Why the write is not sent; None where the agent is as expected."""
        if self.state is not None and agent.state is not self.state:
            return _unexpected_state(self.state, agent)
        taken = agent.current_pause
        if self.pause_id is None or (taken is not None and reason_id(taken) == self.pause_id):
            return None
        if taken is None:
            return AgentNotPaused("The agent is in no pause.", field=_IF_PAUSE)
        return UnexpectedAgent("The agent is in another pause than expected.", field=_IF_PAUSE)


class UnexpectedAgent(BadUserInput):
    """The agent is not as expected, in a way that no code of a state says."""


NOTHING_EXPECTED = Expectation()


def _unexpected_state(expected: AgentState, agent: Agent) -> Refusal:
    """The code of what the agent is instead, where the catalogue has one that fits what was expected."""
    state, is_to_be_in = agent.state, expected in (AgentState.LOGGED_IN, AgentState.PAUSED)
    if is_to_be_in and state is AgentState.LOGGED_OUT:
        return AgentNotLoggedIn("The agent is not logged in.", field=_IF_STATE)
    if expected is AgentState.PAUSED and state is AgentState.LOGGED_IN:
        return AgentNotPaused("The agent is in no pause.", field=_IF_STATE)
    if expected is AgentState.LOGGED_IN and state is AgentState.PAUSED:
        return AgentAlreadyPaused("The agent is in a pause.", field=_IF_STATE)
    return UnexpectedAgent(f"The agent is {state.value}, not {expected.value}.", field=_IF_STATE)
