"""The port: a tenant's call centre, as every adapter offers it."""

from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, runtime_checkable

from gateway.domain.agents import Agent, AgentChange, NewAgent
from gateway.domain.ids import AgentId, PauseId
from gateway.domain.listings import ANY_AGE, FreshnessBound, Reading
from gateway.domain.outcomes import Witness
from gateway.domain.pauses import AllowedPause
from gateway.domain.queues import Queue


@runtime_checkable
class HoldsListings(Protocol):
    """What a call centre that remembers listings can give without waiting; None where it cannot."""

    def agents_at_hand(self, bound: FreshnessBound = ANY_AGE) -> Reading[Agent] | None:
        """Every agent, as `agents` gives them."""
        ...

    def queues_at_hand(self, bound: FreshnessBound = ANY_AGE) -> Reading[Queue] | None:
        """Every queue, as `queues` gives them."""
        ...

    def listings_at_hand(
        self, names: Iterable[str], bound: FreshnessBound = ANY_AGE
    ) -> dict[str, Reading[Any]]:
        """Of these listings, `agents` and `queues`, all that come before the first that cannot be given."""
        ...


class CallCenter(Protocol):
    """One tenant's call centre. Reads give whole listings; writes give nothing back but success.

    Every method raises only classes of `gateway.domain.errors`: a read raises an upstream failure, a write a
    `Refusal` (nothing was changed), an upstream failure (nothing was changed) or `OutcomeUnknown`.
    """

    async def agents(self, bound: FreshnessBound = ANY_AGE) -> Reading[Agent]:
        """Every agent, archived and disabled ones too."""
        ...

    async def queues(self, bound: FreshnessBound = ANY_AGE) -> Reading[Queue]:
        """Every queue that the tenant shows; empty where the tenant has no queue listing."""
        ...

    async def agent_pauses(self, agent_id: AgentId, bound: FreshnessBound = ANY_AGE) -> Reading[AllowedPause]:
        """Every pause that the agent may take, a row per queue and pause."""
        ...

    async def read_agent(self, agent_id: AgentId, *, near_page: int | None = None) -> Agent | None:
        """The agent as Evolux has it now, never from memory; None where there is no such agent.

        `near_page` is where the agent stood when last seen: that page is read before all are walked.
        """
        ...

    def witness(self, agent_id: AgentId | None = None) -> Witness:
        """What is known of the agent, or of all, and of Evolux's clock, unasked: to judge a write by."""
        ...

    def together(self) -> AbstractAsyncContextManager["CallCenter"]:
        """Many writes as one: those made through what this gives show in listings when it ends."""
        ...

    async def create_agent(self, new: NewAgent) -> Agent:
        """Create an agent and give it as Evolux answered."""
        ...

    async def update_agent(self, agent_id: AgentId, change: AgentChange) -> None:
        """Change the given fields of an agent, and no other."""
        ...

    async def pause_agent(self, agent_id: AgentId, pause_id: PauseId) -> None:
        """Put a logged-in agent into a pause."""
        ...

    async def unpause_agent(self, agent_id: AgentId) -> None:
        """End an agent's pause."""
        ...

    async def log_off_agent(self, agent_id: AgentId) -> None:
        """Log an agent off."""
        ...
