"""Writes to agents, each sent once: preconditions, desired states, lost answers, for every surface alike."""

from datetime import datetime
from typing import ClassVar, Protocol

import msgspec

from gateway.domain.agents import Agent, AgentChange, NewAgent, is_logged_in
from gateway.domain.call_center import CallCenter
from gateway.domain.errors import (
    AgentAlreadyPaused,
    AgentNotFound,
    AgentNotLoggedIn,
    AgentNotPaused,
    Failure,
    OutcomeUnknown,
    Refusal,
)
from gateway.domain.ids import AgentId, PauseId
from gateway.domain.outcomes import (
    Verdict,
    Witness,
    judge_log_off,
    judge_pause,
    judge_unpause,
    judge_update,
    reason_id,
)
from gateway.domain.preconditions import NOTHING_EXPECTED, Expectation
from gateway.domain.settling import read_after, settle_creation, settled


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """A write that succeeded: `agent` as it was read after it, where it was read.

    Not `changed`: the agent was as wanted already. `reconciled`: the answer was lost, and a reading proved
    the write.
    """

    agent_id: AgentId
    agent: Agent | None = None
    changed: bool = True
    reconciled: bool = False


class Order(Protocol):
    """One write to one agent, as a value."""

    @property
    def agent_id(self) -> AgentId:
        """Whom it is about."""
        ...

    async def send(self, call_center: CallCenter) -> None:
        """Send it, once."""
        ...

    def judge(self, before: Agent | None, after: Agent | None, *, at: datetime | None) -> Verdict:
        """What became of it, by the agent from before and after it."""
        ...

    def is_met_by(self, agent: Agent) -> bool:
        """Whether the agent is as this write would leave it."""
        ...

    def is_met_after(self, refusal: Refusal) -> bool | None:
        """Whether a refusal says that the agent is so already; None where only a reading can tell."""
        ...


class PauseOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Put an agent into a pause."""

    agent_id: AgentId
    pause_id: PauseId

    async def send(self, call_center: CallCenter) -> None:
        await call_center.pause_agent(self.agent_id, self.pause_id)

    def judge(self, before: Agent | None, after: Agent | None, *, at: datetime | None) -> Verdict:
        return judge_pause(before, after, pause_id=self.pause_id, at=at)

    def is_met_by(self, agent: Agent) -> bool:
        return agent.current_pause is not None and reason_id(agent.current_pause) == self.pause_id

    def is_met_after(self, refusal: Refusal) -> bool | None:
        return None if isinstance(refusal, AgentAlreadyPaused) else False


class UnpauseOrder(msgspec.Struct, frozen=True, kw_only=True):
    """End an agent's pause; one who is not logged in is in no pause either."""

    agent_id: AgentId
    met_by: ClassVar = (AgentNotPaused, AgentNotLoggedIn)

    async def send(self, call_center: CallCenter) -> None:
        await call_center.unpause_agent(self.agent_id)

    def judge(self, before: Agent | None, after: Agent | None, *, at: datetime | None) -> Verdict:
        return judge_unpause(before, after, at=at)

    def is_met_by(self, agent: Agent) -> bool:
        return agent.current_pause is None

    def is_met_after(self, refusal: Refusal) -> bool | None:
        return isinstance(refusal, self.met_by)


class LogOffOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Log an agent off."""

    agent_id: AgentId

    async def send(self, call_center: CallCenter) -> None:
        await call_center.log_off_agent(self.agent_id)

    def judge(self, before: Agent | None, after: Agent | None, *, at: datetime | None) -> Verdict:
        return judge_log_off(before, after, at=at)

    def is_met_by(self, agent: Agent) -> bool:
        return not is_logged_in(agent)

    def is_met_after(self, refusal: Refusal) -> bool | None:
        return isinstance(refusal, AgentNotLoggedIn)


class UpdateOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Change the given fields of an agent; Evolux refuses no repetition, so nothing is ever met already."""

    agent_id: AgentId
    change: AgentChange

    async def send(self, call_center: CallCenter) -> None:
        await call_center.update_agent(self.agent_id, self.change)

    def judge(self, before: Agent | None, after: Agent | None, *, at: datetime | None) -> Verdict:  # noqa: ARG002 - an update has no instant
        return judge_update(before, after, change=self.change)

    def is_met_by(self, agent: Agent) -> bool:  # noqa: ARG002 - the port's
        return False

    def is_met_after(self, refusal: Refusal) -> bool | None:  # noqa: ARG002 - the port's
        return False


async def create_agent(call_center: CallCenter, new: NewAgent) -> Written:
    """Create an agent; a lost answer is looked up in the listing."""
    witness = call_center.witness()
    try:
        created = await call_center.create_agent(new)
    except OutcomeUnknown as lost:
        created = await settle_creation(lost, call_center=call_center, new=new, witness=witness)
        return Written(agent_id=created.id, agent=created, reconciled=True)
    return Written(agent_id=created.id, agent=created)


async def carry_out(
    call_center: CallCenter, order: Order, *, ensure: bool = False, expected: Expectation = NOTHING_EXPECTED
) -> Written:
    """Carry out one write. With `ensure`, an agent who is so already is a success that changed nothing.

    Raises a refusal (Evolux's, or of what was expected) or a failure; OutcomeUnknown only where a reading
    cannot tell what became of a lost answer.
    """
    if not expected.is_empty:
        await _expect(call_center, order.agent_id, expected=expected)
    witness = call_center.witness(order.agent_id)
    try:
        await order.send(call_center)
    except OutcomeUnknown as lost:
        return await _settle(lost, call_center=call_center, order=order, ensure=ensure, witness=witness)
    except Refusal as refusal:
        if not ensure or not await _is_met(call_center, order, refusal=refusal):
            raise
        return Written(agent_id=order.agent_id, changed=False)
    return Written(agent_id=order.agent_id)


async def _expect(call_center: CallCenter, agent_id: AgentId, *, expected: Expectation) -> None:
    agent = await call_center.read_agent(agent_id)
    if agent is None:
        raise AgentNotFound("No agent has this id.")
    refusal = expected.refusal_for(agent)
    if refusal is not None:
        raise refusal


async def _is_met(call_center: CallCenter, order: Order, *, refusal: Refusal) -> bool:
    """Whether what Evolux refused is so already; a pause may be another one, so the agent is read."""
    is_met = order.is_met_after(refusal)
    if is_met is not None:
        return is_met
    try:
        agent = await call_center.read_agent(order.agent_id)
    except Failure:
        return False
    return agent is not None and order.is_met_by(agent)


async def _settle(
    lost: OutcomeUnknown, *, call_center: CallCenter, order: Order, ensure: bool, witness: Witness
) -> Written:
    after = await read_after(lost, call_center=call_center, agent_id=order.agent_id)
    return judge_lost(lost, order=order, after=after, ensure=ensure, witness=witness)


def judge_lost(
    lost: OutcomeUnknown, *, order: Order, after: Agent | None, ensure: bool, witness: Witness
) -> Written:
    """What a lost answer stands for, by the agent as it is after it; raises what is left where no success."""
    before = witness.agent(order.agent_id)
    error = settled(lost, order.judge(before, after, at=witness.at))
    is_met = ensure and after is not None and order.is_met_by(after)
    if error is not None and not is_met:
        raise error from None
    return Written(agent_id=order.agent_id, agent=after, changed=error is None, reconciled=True)
