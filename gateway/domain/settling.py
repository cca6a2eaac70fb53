"""Settling a write whose answer was lost: nothing is sent again, the agent is read again and judged."""

from typing import Final

from gateway.domain.agents import Agent, NewAgent
from gateway.domain.call_center import CallCenter
from gateway.domain.errors import Failure, GatewayError, OutcomeUnknown, UpstreamUnavailable
from gateway.domain.ids import AgentId
from gateway.domain.listings import FreshnessBound
from gateway.domain.outcomes import Verdict, Witness, find_created, judge_create

NOW: Final = FreshnessBound(max_age_seconds=0)
"""No older than this very asking."""


def settled(lost: OutcomeUnknown, verdict: Verdict) -> GatewayError | None:
    """The error that is left once a lost answer was looked into; None where the write happened.

    What Evolux may still be about is not said to have failed.
    """
    if verdict is Verdict.HAPPENED:
        return None
    if verdict is Verdict.CANNOT_TELL or lost.may_come:
        return lost
    return UpstreamUnavailable(
        "Evolux's answer was lost, and its listing shows that nothing was changed.",
        upstream_status=lost.upstream_status,
    )


async def read_after(lost: OutcomeUnknown, *, call_center: CallCenter, agent_id: AgentId) -> Agent | None:
    """The agent as Evolux has it by now; raises `lost` where it cannot be read."""
    try:
        return await call_center.read_agent(agent_id)
    except Failure:
        raise lost from None


async def settle_creation(
    lost: OutcomeUnknown, *, call_center: CallCenter, new: NewAgent, witness: Witness
) -> Agent:
    """Give the created agent where the listing proves it; raises what `settled` gives otherwise."""
    try:
        after = (await call_center.agents(NOW)).snapshot
    except Failure:
        raise lost from None
    error = settled(lost, judge_create(witness.shows_login(new.login), after, new=new))
    created = find_created(after, new=new)
    if error is not None or created is None:
        raise (error or lost) from None
    return created
