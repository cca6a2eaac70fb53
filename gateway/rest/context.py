"""What one REST request runs in: who asks for what, and each listing it reads, once."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from gateway.domain.agents import Agent
from gateway.domain.call_center import CallCenter
from gateway.domain.ids import AgentId, TenantId
from gateway.domain.ledger import Ledger
from gateway.domain.listings import FreshnessBound, Reading
from gateway.domain.pauses import AllowedPause
from gateway.domain.queues import Queue
from gateway.rest.exports.formats import Export
from gateway.telemetry.audit import AuditEntry, AuditTrail
from gateway.telemetry.audited import AuditedCallCenter


class RestContext:
    """Made by the web layer for each request; `readings` are those that went into the answer.

    A write tells `entry`, which the web layer opens for it, what it came to.
    """

    def __init__(
        self,
        *,
        tenant_id: TenantId,
        caller_name: str,
        scopes: frozenset[str],
        call_center: CallCenter,
        clock: Callable[[], datetime],
        bound: FreshnessBound,
        ledger: Ledger,
        request_id: str = "",
    ) -> None:
        self.tenant_id = tenant_id
        self.caller_name = caller_name
        self.scopes = scopes
        self.call_center = call_center
        self.clock = clock
        self.ledger = ledger
        self.trail = AuditTrail(tenant=tenant_id, caller=caller_name, request_id=request_id)
        self.entry: AuditEntry | None = None
        self.readings: list[Reading[Any]] = []
        self._bound = bound

    @property
    def writing(self) -> CallCenter:
        """The call centre to write through: what goes there is followed by the audit trail."""
        return AuditedCallCenter(self.call_center, trail=self.trail)

    async def agents(self) -> Reading[Agent]:
        """The agents listing."""
        return self._used(await self.call_center.agents(self._bound))

    async def queues(self) -> Reading[Queue]:
        """The queue listing."""
        return self._used(await self.call_center.queues(self._bound))

    async def agents_and_queues(self) -> tuple[Reading[Agent], Reading[Queue]]:
        """Both listings, read at once; the first failure ends the other and is raised as it is."""
        try:
            async with asyncio.TaskGroup() as reads:
                agents, queues = reads.create_task(self.agents()), reads.create_task(self.queues())
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        return agents.result(), queues.result()

    async def allowed_pauses(self, agent_id: AgentId) -> Reading[AllowedPause]:
        """The pauses that an agent may take."""
        return self._used(await self.call_center.agent_pauses(agent_id, self._bound))

    def _used(self, reading: Reading[Any]) -> Reading[Any]:
        self.readings.append(reading)
        return reading


class Asked(msgspec.Struct, frozen=True):
    """A request, read: parameters of path and query, and the body; None where the operation takes none.

    `format` is the one that `Accept` chose, where the operation has several.
    """

    path: Any = None
    query: Any = None
    body: Any = None
    format: Any = None


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """An answer: `shape` makes its JSON, if it is needed at all.

    `versions` are of the listings that it is a pure function of, with what was asked; None where it is not.
    `links` are relations and the query of the page they lead to. An `export` is sent as a file instead.
    """

    shape: Callable[[], Any] = dict
    versions: tuple[str, ...] | None = None
    status: int = 200
    location: str | None = None
    links: dict[str, dict[str, str]] = {}
    export: Export | None = None
