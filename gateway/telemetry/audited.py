"""A call centre whose writes go to an audit trail; reads pass through."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar

from gateway.domain.agents import Agent, AgentChange, NewAgent
from gateway.domain.call_center import CallCenter
from gateway.domain.ids import AgentId, PauseId
from gateway.domain.listings import ANY_AGE, FreshnessBound, Reading
from gateway.domain.outcomes import Witness
from gateway.domain.pauses import AllowedPause
from gateway.domain.queues import Queue
from gateway.telemetry.audit import AuditTrail

T = TypeVar("T")


class AuditedCallCenter:
    """One request's `CallCenter`: a write that was begun is followed to its end though its caller leaves."""

    def __init__(self, call_center: CallCenter, *, trail: AuditTrail) -> None:
        self._call_center = call_center
        self._trail = trail

    async def agents(self, bound: FreshnessBound = ANY_AGE) -> Reading[Agent]:
        return await self._call_center.agents(bound)

    async def queues(self, bound: FreshnessBound = ANY_AGE) -> Reading[Queue]:
        return await self._call_center.queues(bound)

    async def agent_pauses(self, agent_id: AgentId, bound: FreshnessBound = ANY_AGE) -> Reading[AllowedPause]:
        return await self._call_center.agent_pauses(agent_id, bound)

    async def read_agent(self, agent_id: AgentId, *, near_page: int | None = None) -> Agent | None:
        return await self._call_center.read_agent(agent_id, near_page=near_page)

    def witness(self, agent_id: AgentId | None = None) -> Witness:
        return self._call_center.witness(agent_id)

    def together(self) -> AbstractAsyncContextManager[CallCenter]:
        return self._together()

    async def create_agent(self, new: NewAgent) -> Agent:
        return await self._write(self._call_center.create_agent(new), agent_id=None)

    async def update_agent(self, agent_id: AgentId, change: AgentChange) -> None:
        await self._write(self._call_center.update_agent(agent_id, change), agent_id=agent_id)

    async def pause_agent(self, agent_id: AgentId, pause_id: PauseId) -> None:
        await self._write(self._call_center.pause_agent(agent_id, pause_id), agent_id=agent_id)

    async def unpause_agent(self, agent_id: AgentId) -> None:
        await self._write(self._call_center.unpause_agent(agent_id), agent_id=agent_id)

    async def log_off_agent(self, agent_id: AgentId) -> None:
        await self._write(self._call_center.log_off_agent(agent_id), agent_id=agent_id)

    @asynccontextmanager
    async def _together(self) -> AsyncIterator[CallCenter]:
        async with self._call_center.together() as together:
            yield AuditedCallCenter(together, trail=self._trail)

    async def _write(self, send: Coroutine[Any, Any, T], *, agent_id: AgentId | None) -> T:
        task = asyncio.create_task(send)
        task.add_done_callback(_hear)
        self._trail.sent(agent_id, task)
        return await asyncio.shield(task)


def _hear(task: "asyncio.Task[Any]") -> None:
    """Nobody else may be there any more to ask how it ended."""
    if not task.cancelled():
        task.exception()
