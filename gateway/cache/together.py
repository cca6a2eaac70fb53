"""Many writes as one, for what is held: the listings they touch are overtaken once, when all have ended."""

import asyncio
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

from gateway.domain.agents import Agent, AgentChange, NewAgent
from gateway.domain.call_center import CallCenter
from gateway.domain.errors import NOTHING_WAS_WRITTEN
from gateway.domain.ids import AgentId, PauseId
from gateway.domain.listings import ANY_AGE, FreshnessBound, Reading
from gateway.domain.outcomes import Witness
from gateway.domain.pauses import AllowedPause
from gateway.domain.queues import Queue

T = TypeVar("T")


class WritesTogether:
    """A `CallCenter` whose reads are those of `reads`, and whose writes go on to `upstream` and are noted.

    `written` are the agents who were changed or may have been. A write goes on to its end though its caller
    hangs up; `ended` waits for that.
    """

    def __init__(self, upstream: CallCenter, *, reads: CallCenter) -> None:
        self._upstream = upstream
        self._reads = reads
        self._under_way: set[asyncio.Task[Any]] = set()
        self.written: set[AgentId | None] = set()

    async def ended(self) -> None:
        """Wait until no write is under way."""
        if self._under_way:
            await asyncio.wait(self._under_way)

    async def agents(self, bound: FreshnessBound = ANY_AGE) -> Reading[Agent]:
        return await self._reads.agents(bound)

    async def queues(self, bound: FreshnessBound = ANY_AGE) -> Reading[Queue]:
        return await self._reads.queues(bound)

    async def agent_pauses(self, agent_id: AgentId, bound: FreshnessBound = ANY_AGE) -> Reading[AllowedPause]:
        return await self._reads.agent_pauses(agent_id, bound)

    async def read_agent(self, agent_id: AgentId, *, near_page: int | None = None) -> Agent | None:
        return await self._reads.read_agent(agent_id, near_page=near_page)

    def witness(self, agent_id: AgentId | None = None) -> Witness:
        return self._reads.witness(agent_id)

    def together(self) -> AbstractAsyncContextManager[CallCenter]:
        return self._reads.together()

    async def create_agent(self, new: NewAgent) -> Agent:
        return await self._write(self._upstream.create_agent(new), agent_id=None)

    async def update_agent(self, agent_id: AgentId, change: AgentChange) -> None:
        await self._write(self._upstream.update_agent(agent_id, change), agent_id=agent_id)

    async def pause_agent(self, agent_id: AgentId, pause_id: PauseId) -> None:
        await self._write(self._upstream.pause_agent(agent_id, pause_id), agent_id=agent_id)

    async def unpause_agent(self, agent_id: AgentId) -> None:
        await self._write(self._upstream.unpause_agent(agent_id), agent_id=agent_id)

    async def log_off_agent(self, agent_id: AgentId) -> None:
        await self._write(self._upstream.log_off_agent(agent_id), agent_id=agent_id)

    async def _write(self, send: Coroutine[Any, Any, T], *, agent_id: AgentId | None) -> T:
        task = asyncio.create_task(self._noted(send, agent_id=agent_id))
        self._under_way.add(task)
        task.add_done_callback(self._forget)
        return await asyncio.shield(task)

    async def _noted(self, send: Coroutine[Any, Any, T], *, agent_id: AgentId | None) -> T:
        try:
            answer = await send
        except NOTHING_WAS_WRITTEN:
            raise
        except BaseException:
            self.written.add(agent_id)
            raise
        self.written.add(agent_id)
        return answer

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()
