"""Many writes in one request: bounded in number and at once, each with a result of its own."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from enum import Enum
from typing import Final

import msgspec

from gateway.domain.agent_filters import AgentFilter, select_agents
from gateway.domain.agents import Agent, AgentChange
from gateway.domain.call_center import CallCenter
from gateway.domain.errors import (
    NOTHING_WAS_WRITTEN,
    BadUserInput,
    Failure,
    GatewayError,
    OutcomeUnknown,
    Refusal,
)
from gateway.domain.finding import check_complete, find_agent
from gateway.domain.ids import AgentId, QueueId
from gateway.domain.listings import Snapshot
from gateway.domain.outcomes import Witness
from gateway.domain.preconditions import Expectation
from gateway.domain.settling import NOW
from gateway.domain.writes import Order, UpdateOrder, Written, judge_lost

MAX_AGENTS: Final = 500
"""How many agents one request may name or its filter may choose."""

CONCURRENCY: Final = 10
"""Writes of one request that are under way at a time; the tenant's own limits hold besides."""


class QueueAssignment(Enum):
    """What is done with the queues given."""

    REPLACE = "REPLACE"
    ADD = "ADD"
    REMOVE = "REMOVE"


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a bulk write is about: these ids in their order, or whom the filter chooses, by id."""

    ids: tuple[AgentId, ...] | None = None
    chosen: AgentFilter | None = None


class BulkPlan(msgspec.Struct, frozen=True, kw_only=True):
    """How a bulk write is carried out."""

    selection: Selection
    ensure: bool = False
    expected: Expectation = Expectation()
    dry_run: bool = False


class BulkResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one agent: a success, or the error; `at` is when that was known.

    Neither is a dry run's: the write would have been sent. `agent` is as the one listing after all writes
    shows them.
    """

    agent_id: AgentId
    at: datetime
    written: Written | None = None
    error: GatewayError | None = None
    agent: Agent | None = None


async def carry_out_many(
    call_center: CallCenter,
    plan: BulkPlan,
    *,
    order: Callable[[AgentId, Agent | None], Order],
    needs_agents: bool = False,
    clock: Callable[[], datetime],
) -> tuple[BulkResult, ...]:
    """Carry out one write for each chosen agent, and give a result for each in order.

    The agents are read beforehand only where the filter, an expectation, a dry run or `needs_agents` asks for
    it, and once afterwards where anything was written. Raises `BadUserInput` for too many agents, and
    what reading them beforehand raises; from then on every error stands in its result.
    """
    before = await _read_before(call_center, plan, needs_agents=needs_agents)
    agent_ids = _choose(plan.selection, agents=before)
    run = _Run(call_center, plan, clock=clock, before=before, order=order)
    if plan.dry_run:
        return tuple(run.foretell(agent_id) for agent_id in agent_ids)
    return await run.carry_out(agent_ids)


def assignment(queue_ids: tuple[QueueId, ...], *, how: QueueAssignment, agent: Agent | None) -> AgentChange:
    """The change that assigns queues; those that an agent has keep their places."""
    held = () if agent is None else agent.queue_ids
    if how is QueueAssignment.ADD:
        return AgentChange(queue_ids=tuple(dict.fromkeys((*held, *queue_ids))))
    if how is QueueAssignment.REMOVE:
        return AgentChange(queue_ids=tuple(each for each in held if each not in queue_ids))
    return AgentChange(queue_ids=queue_ids)


def assign(
    agent_id: AgentId, *, queue_ids: tuple[QueueId, ...], how: QueueAssignment, agent: Agent | None
) -> Order:
    """The order that assigns queues to one agent."""
    return UpdateOrder(agent_id=agent_id, change=assignment(queue_ids, how=how, agent=agent))


class _Run:
    """One bulk write under way."""

    def __init__(
        self,
        call_center: CallCenter,
        plan: BulkPlan,
        *,
        clock: Callable[[], datetime],
        before: Snapshot[Agent] | None,
        order: Callable[[AgentId, Agent | None], Order],
    ) -> None:
        self._call_center = call_center
        self._plan = plan
        self._clock = clock
        self._before = before
        self._order = order
        self._results: dict[AgentId, BulkResult] = {}
        self._doubts: dict[AgentId, tuple[GatewayError, Witness]] = {}

    async def carry_out(self, agent_ids: Sequence[AgentId]) -> tuple[BulkResult, ...]:
        async with self._call_center.together() as together:
            waiting = iter(agent_ids)
            async with asyncio.TaskGroup() as writers:
                for _ in range(min(CONCURRENCY, len(agent_ids))):
                    writers.create_task(self._write_each(waiting, through=together))
        after = await self._read_after()
        for agent_id, (error, witness) in self._doubts.items():
            if after is not None:
                self._settle(agent_id, error=error, witness=witness, after=after.by_id.get(agent_id))
        return tuple(self._finished(self._results[agent_id], after=after) for agent_id in agent_ids)

    def foretell(self, agent_id: AgentId) -> BulkResult:
        """What can be said of a write that is not sent."""
        return self._result(agent_id, error=self._refusal_beforehand(agent_id))

    async def _write_each(self, agent_ids: Iterator[AgentId], *, through: CallCenter) -> None:
        for agent_id in agent_ids:
            refusal = self._refusal_beforehand(agent_id)
            if refusal is not None:
                self._results[agent_id] = self._result(agent_id, error=refusal)
            else:
                self._results[agent_id] = await self._write(agent_id, through=through)

    async def _write(self, agent_id: AgentId, *, through: CallCenter) -> BulkResult:
        order, witness = self._order_for(agent_id), through.witness(agent_id)
        try:
            await order.send(through)
        except GatewayError as error:
            is_met = self._plan.ensure and isinstance(error, Refusal) and order.is_met_after(error)
            if is_met:
                return self._result(agent_id, written=Written(agent_id=agent_id, changed=False))
            if isinstance(error, OutcomeUnknown) or (self._plan.ensure and is_met is None):
                self._doubts[agent_id] = (error, witness)
            return self._result(agent_id, error=error)
        return self._result(agent_id, written=Written(agent_id=agent_id))

    def _settle(
        self, agent_id: AgentId, *, error: GatewayError, witness: Witness, after: Agent | None
    ) -> None:
        """Judge a lost answer, or whether a refusal says that all is as wanted, by the listing after all."""
        order = self._order_for(agent_id)
        if not isinstance(error, OutcomeUnknown):
            if after is not None and order.is_met_by(after):
                written = Written(agent_id=agent_id, changed=False)
                self._results[agent_id] = self._result(agent_id, written=written)
            return
        try:
            written = judge_lost(error, order=order, after=after, ensure=self._plan.ensure, witness=witness)
        except GatewayError as left:
            self._results[agent_id] = self._result(agent_id, error=left)
        else:
            self._results[agent_id] = self._result(agent_id, written=written)

    async def _read_after(self) -> Snapshot[Agent] | None:
        """The one listing after all writes; None where nothing was written or it cannot be read."""
        errors = [result.error for result in self._results.values()]
        if not self._doubts and all(isinstance(error, NOTHING_WAS_WRITTEN) for error in errors):
            return None
        try:
            return (await self._call_center.agents(NOW)).snapshot
        except Failure:
            return None

    def _refusal_beforehand(self, agent_id: AgentId) -> GatewayError | None:
        """Why nothing is sent for this agent, by the listing from before."""
        if self._before is None:
            return None
        try:
            return self._plan.expected.refusal_for(find_agent(self._before, agent_id))
        except GatewayError as error:
            return error

    def _order_for(self, agent_id: AgentId) -> Order:
        agent = None if self._before is None else self._before.by_id.get(agent_id)
        return self._order(agent_id, agent)

    def _result(
        self, agent_id: AgentId, *, written: Written | None = None, error: GatewayError | None = None
    ) -> BulkResult:
        agent = None if self._before is None else self._before.by_id.get(agent_id)
        return BulkResult(agent_id=agent_id, at=self._clock(), written=written, error=error, agent=agent)

    def _finished(self, result: BulkResult, *, after: Snapshot[Agent] | None) -> BulkResult:
        agent = None if after is None else after.by_id.get(result.agent_id)
        return msgspec.structs.replace(result, agent=agent)


async def _read_before(
    call_center: CallCenter, plan: BulkPlan, *, needs_agents: bool
) -> Snapshot[Agent] | None:
    """The agents as they are, where the plan depends on it; a filter never chooses from an old listing."""
    selection = plan.selection
    if selection.ids is not None and len(selection.ids) > MAX_AGENTS:
        raise BadUserInput(f"At most {MAX_AGENTS} agents can be named at once.", field=("agentIds",))
    if (selection.ids is None) is (selection.chosen is None):
        raise BadUserInput("Give agentIds or filter, and not both.", field=("agentIds",))
    is_needed = needs_agents or plan.dry_run or selection.ids is None or not plan.expected.is_empty
    return (await call_center.agents(NOW)).snapshot if is_needed else None


def _choose(selection: Selection, *, agents: Snapshot[Agent] | None) -> tuple[AgentId, ...]:
    if selection.ids is not None:
        return selection.ids
    if selection.chosen is None or agents is None:
        return ()
    check_complete(agents)
    chosen = sorted(agent.id for agent in select_agents(agents, selection.chosen))
    if len(chosen) > MAX_AGENTS:
        message = f"The filter chooses {len(chosen)} agents; at most {MAX_AGENTS} can be written at once."
        raise BadUserInput(message, field=("filter",))
    return tuple(chosen)
