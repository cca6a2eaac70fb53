"""Evolux's REST API as a `CallCenter`."""

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import msgspec

from gateway.domain.agents import Agent, AgentChange, NewAgent
from gateway.domain.call_center import CallCenter
from gateway.domain.contents import weigh
from gateway.domain.errors import AgentNotFound, GatewayError, UpstreamInvalidResponse
from gateway.domain.ids import AgentId, PauseId
from gateway.domain.listings import ANY_AGE, FreshnessBound, Reading, ReadSource, Snapshot
from gateway.domain.outcomes import Witness
from gateway.domain.pauses import AllowedPause
from gateway.domain.queues import Queue
from gateway.evolux import agents, pauses, queues
from gateway.evolux.answers import outcome_unknown
from gateway.evolux.client import EvoluxClient
from gateway.evolux.fields import OnOdd
from gateway.evolux.observing import WalkReport, ignore_odd
from gateway.evolux.operations import Operation
from gateway.evolux.page_memory import PageMemory
from gateway.evolux.paging import Page, WalkResult, walk
from gateway.evolux.requests import Request
from gateway.evolux.rows import PageRows, RowReader
from gateway.evolux.turns import Turns
from gateway.telemetry.labels import WalkOutcome

Row = TypeVar("Row")
WireRow = TypeVar("WireRow")
_NOT_FOUND = 404
CANCELLED_WALK: Final = WalkResult[Any](rows=(), page_rows=1)
"""What a walk saw that was broken off."""
FAILED_WALK: Final = WalkResult[Any](rows=(), page_rows=1, is_usable=False)
"""What a walk saw that failed in a way that nobody foresaw."""


class EvoluxCallCenter:
    """One tenant's call centre over HTTP. It remembers nothing: every read asks, whatever its bound."""

    def __init__(
        self,
        client: EvoluxClient,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        on_odd: OnOdd = ignore_odd,
        concurrency: int = 10,
        walk_attempts: int = 3,
        turns: Turns | None = None,
    ) -> None:
        """`turns` are shared by all that hold one event loop; a call centre alone has its own."""
        self._client = client
        self._clock = clock
        self._on_odd = on_odd
        self._concurrency = concurrency
        self._walk_attempts = walk_attempts
        self._turns = turns or Turns()
        self._agent_pages: PageMemory[Any] = PageMemory()

    async def agents(self, bound: FreshnessBound = ANY_AGE) -> Reading[Agent]:  # noqa: ARG002 - the port's
        """Every agent, archived and disabled ones too."""
        reader = agents.AgentReader(self._on_odd).rows
        return await self._listing(
            Request(operation=Operation.LIST_AGENTS), reader=reader, listing=agents.LISTING
        )

    async def queues(self, bound: FreshnessBound = ANY_AGE) -> Reading[Queue]:  # noqa: ARG002 - the port's
        """Every queue that the tenant shows; a tenant without the listing has an empty one."""
        reader = queues.queue_reader(self._on_odd)
        asked_at = self._clock()
        try:
            return await self._listing(
                Request(operation=Operation.LIST_QUEUES), reader=reader, listing=queues.LISTING
            )
        except UpstreamInvalidResponse as error:
            if error.upstream_status != _NOT_FOUND:
                raise
            return Reading(Snapshot((), fetched_at=asked_at), ReadSource.WALKED)

    async def agent_pauses(
        self,
        agent_id: AgentId,
        bound: FreshnessBound = ANY_AGE,  # noqa: ARG002 - the port's
    ) -> Reading[AllowedPause]:
        """Every pause that the agent may take, a row per queue and pause. AgentNotFound: no such agent."""
        request = Request(operation=Operation.LIST_AGENT_PAUSES, agent_id=agent_id)
        reader = pauses.allowed_pause_reader(self._on_odd)
        return await self._listing(request, reader=reader, listing=pauses.LISTING)

    async def read_agent(self, agent_id: AgentId, *, near_page: int | None = None) -> Agent | None:
        """The agent as Evolux has it now: from the page where it stood, else from a walk of all.

        UpstreamInvalidResponse: the walk was incomplete and did not show the agent.
        """
        request = Request(operation=Operation.LIST_AGENTS)
        reader = agents.AgentReader(self._on_odd).rows
        if near_page is not None and near_page > 0:
            page = await self._page(request, number=near_page, reader=reader)
            near = next((agent for agent in page.rows.rows if agent.id == agent_id), None)
            if near is not None:
                return near
        snapshot = (await self._listing(request, reader=reader, listing=agents.LISTING)).snapshot
        found = snapshot.by_id.get(agent_id)
        if found is None and not snapshot.complete:
            raise UpstreamInvalidResponse("Evolux's listing could not be read whole")
        return found

    def witness(self, agent_id: AgentId | None = None) -> Witness:  # noqa: ARG002 - the port's
        """Evolux's clock, as its last answers told it."""
        return Witness(at=self._client.upstream_now())

    @asynccontextmanager
    async def together(self) -> AsyncIterator[CallCenter]:
        """Nothing is remembered here, so there is nothing to do together."""
        yield self

    async def create_agent(self, new: NewAgent) -> Agent:
        """Create an agent. OutcomeUnknown: Evolux says it did, and its answer shows no agent."""
        request = Request(
            operation=Operation.CREATE_AGENT, body=agents.new_agent_body(new), secrets=(new.password,)
        )
        envelope = await self._client.write(request)
        reader = agents.AgentReader(self._on_odd).rows
        created = None if envelope.data is None else reader.read_row(envelope.data)
        if created is None:
            raise outcome_unknown(envelope.http_status)
        return created

    async def update_agent(self, agent_id: AgentId, change: AgentChange) -> None:
        """Send the given fields of an agent, and no other."""
        secrets = () if change.password is None else (change.password,)
        await self._client.write(
            Request(
                operation=Operation.UPDATE_AGENT,
                agent_id=agent_id,
                body=agents.agent_change_body(change),
                secrets=secrets,
            )
        )

    async def pause_agent(self, agent_id: AgentId, pause_id: PauseId) -> None:
        """Put an agent into a pause."""
        body = pauses.pause_body(pause_id)
        await self._client.write(Request(operation=Operation.PAUSE_AGENT, agent_id=agent_id, body=body))

    async def unpause_agent(self, agent_id: AgentId) -> None:
        """End an agent's pause; sent without a body."""
        await self._client.write(Request(operation=Operation.UNPAUSE_AGENT, agent_id=agent_id))

    async def log_off_agent(self, agent_id: AgentId) -> None:
        """Log an agent off; sent without a body."""
        await self._client.write(Request(operation=Operation.LOG_OFF_AGENT, agent_id=agent_id))

    async def _listing(
        self, request: Request, *, reader: RowReader[WireRow, Row], listing: str
    ) -> Reading[Row]:
        began_at = self._client.timer()
        try:
            with self._client.within_deadline():
                asked_at, result = await self._walk(request, reader=reader)
            content = (
                await weigh(result.portions(), missing=result.missing, rest=self._turns.take)
                if result.is_usable
                else None
            )
        except asyncio.CancelledError:
            self._tell(CANCELLED_WALK, listing=listing, began_at=began_at)
            raise
        except GatewayError:  # a refusal: no walk
            raise
        except Exception:
            self._tell(FAILED_WALK, listing=listing, began_at=began_at)
            raise
        self._tell(result, listing=listing, began_at=began_at)
        if result.failure is not None and not result.is_usable:
            raise result.failure
        snapshot = Snapshot(
            result.rows,
            fetched_at=asked_at,
            missing=result.missing,
            page_rows=result.page_rows,
            content=content,
            origin=result.origin,
        )
        return Reading(snapshot, ReadSource.WALKED, failure=result.failure)

    def _tell(self, result: WalkResult[Any], *, listing: str, began_at: float) -> None:
        self._client.observer.walk_finished(
            WalkReport(
                listing=listing,
                outcome=_outcome_of(result),
                code=None if result.failure is None else result.failure.code.value,
                seconds=self._client.timer() - began_at,
                rows=len(result.rows),
                pages=result.pages,
                torn=result.torn,
            )
        )

    async def _walk(
        self, request: Request, *, reader: RowReader[WireRow, Row]
    ) -> tuple[datetime, WalkResult[Row]]:
        """The walk, and the instant just before the first page of its last attempt was asked."""
        asked_at = self._clock()

        async def read_page(number: int) -> Page[Row]:
            nonlocal asked_at
            if number == 1:
                asked_at = self._clock()
            return await self._page(request, number=number, reader=reader)

        result = await walk(
            read_page,
            key=_identity,
            turns=self._turns,
            concurrency=self._concurrency,
            attempts=self._walk_attempts,
        )
        return asked_at, result

    async def _page(self, request: Request, *, number: int, reader: RowReader[WireRow, Row]) -> Page[Row]:
        try:
            envelope = await self._client.read(request.on_page(number))
        except (UpstreamInvalidResponse, AgentNotFound) as error:
            if number == 1 or error.upstream_status != _NOT_FOUND:
                raise
            return Page(rows=PageRows((), 0))
        await self._turns.take()
        rows = (
            None
            if envelope.data is None
            else self._rows(envelope.data, request, number=number, reader=reader)
        )
        if rows is None:
            raise UpstreamInvalidResponse(
                "Evolux's answer holds no listing", upstream_status=envelope.http_status
            )
        return Page(rows=rows, pagination=envelope.pagination)

    def _rows(
        self, data: msgspec.Raw, request: Request, *, number: int, reader: RowReader[WireRow, Row]
    ) -> PageRows[Row] | None:
        if request.operation is not Operation.LIST_AGENTS:
            return reader.read_page(data)
        return self._agent_pages.read(data, number=number, reader=reader)


def _outcome_of(result: WalkResult[Any]) -> WalkOutcome:
    if result is CANCELLED_WALK:
        return WalkOutcome.CANCELLED
    if not result.is_usable:
        return WalkOutcome.FAILED
    return WalkOutcome.COMPLETE if result.missing is None else WalkOutcome.INCOMPLETE


def _identity(row: Hashable) -> Hashable:
    """What tells rows apart: their id, or themselves where they have none."""
    row_id = getattr(row, "id", None)
    return row if row_id is None else row_id
