"""What one operation runs in: who asks for what, and the one snapshot of each listing that it sees."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import copy_context
from datetime import datetime
from typing import Any, Final, NoReturn

from gateway.domain.agents import Agent
from gateway.domain.call_center import CallCenter, HoldsListings
from gateway.domain.ids import AgentId, QueueId, TenantId
from gateway.domain.ledger import Ledger
from gateway.domain.listings import ANY_AGE, FreshnessBound, Reading
from gateway.domain.pauses import AllowedPause
from gateway.domain.queues import Queue
from gateway.schema.shared_reads import SharedRead
from gateway.telemetry.audit import AuditTrail
from gateway.telemetry.audited import AuditedCallCenter
from gateway.telemetry.tracing import Tracing

LISTINGS: Final = ("agents", "queues")
"""The listings that a whole operation shares, by the names under which the context has them."""
_CHOICES: Final = {
    (agents, queues): frozenset(name for name, one in zip(LISTINGS, (agents, queues), strict=True) if one)
    for agents in (False, True)
    for queues in (False, True)
}
_NOTHING_READ: Final[Mapping[str, Reading[Any]]] = {}


class OperationContext:
    """Made by the web layer for each operation; every field that resolves reads the call centre through it.

    `agents` and `queues` are read at most once and then stay as they are from the first field to the last,
    until a mutation changes something and `forget` lets later fields see what is true then. What was read
    before is given as `readings`.
    """

    __slots__ = (
        "_allowed_pauses",
        "_clock",
        "_held",
        "_last_agents",
        "_ledger",
        "_now",
        "_readings",
        "_trail",
        "agents",
        "bound",
        "call_center",
        "caller_name",
        "combinations",
        "queues",
        "request_id",
        "scopes",
        "selections",
        "tenant_id",
        "tracing",
    )

    _now: datetime | None
    combinations: Mapping[tuple[QueueId, ...], list[Queue]] | None
    """The queues of agents who serve the same, of the listing of queues as this operation has used it."""
    agents: SharedRead[Reading[Agent]]
    queues: SharedRead[Reading[Queue]]
    _allowed_pauses: dict[AgentId, SharedRead[Reading[AllowedPause]]]

    def __init__(  # noqa: PLR0917 - one is made per request, and by name a class takes its arguments from a dict
        self,
        tenant_id: TenantId,
        caller_name: str,
        scopes: frozenset[str],
        call_center: CallCenter,
        clock: Callable[[], datetime],
        request_id: str,
        bound: FreshnessBound = ANY_AGE,
        held: HoldsListings | None = None,
        readings: Mapping[str, Reading[Any]] = _NOTHING_READ,
        tracing: Tracing | None = None,
        ledger: Ledger | None = None,
    ) -> None:
        self.tenant_id = tenant_id
        self.caller_name = caller_name
        self.scopes = scopes
        self.call_center = call_center
        self.request_id = request_id
        self._held = held
        self._trail: AuditTrail | None = None
        self.bound = bound
        self.tracing = tracing
        self._ledger = ledger
        self._clock = clock
        self._readings: list[Reading[Any]] = []
        self._last_agents: Reading[Agent] | None = None
        self.selections: dict[tuple[Any, ...], Any] = {}
        self._begin(readings)

    @property
    def clock(self) -> Callable[[], datetime]:
        """The clock that tells when something was known, within the operation."""
        return self._clock

    @property
    def now(self) -> datetime:
        """The operation's one instant: when a field first asked for it, and again after a mutation."""
        if self._now is None:
            self._now = self._clock()
        return self._now

    @property
    def trail(self) -> AuditTrail:
        """The records of what this operation changes."""
        if self._trail is None:
            self._trail = AuditTrail(
                tenant=self.tenant_id, caller=self.caller_name, request_id=self.request_id
            )
        return self._trail

    @property
    def ledger(self) -> Ledger:
        """What its writes come to."""
        if self._ledger is None:
            self._ledger = Ledger()
        return self._ledger

    @property
    def writing(self) -> CallCenter:
        """The call centre to write through: what goes there is followed by the audit trail."""
        return AuditedCallCenter(self.call_center, trail=self.trail)

    @property
    def readings(self) -> tuple[Reading[Any], ...]:
        """Every reading that went into the answer, in the order in which fields first used them."""
        return tuple(self._readings)

    @property
    def taken(self) -> dict[str, Reading[Any]]:
        """The listings that are here, used or not, by name: what another context may be given."""
        shared = {name: self._shared(name).peek() for name in LISTINGS}
        return {name: reading for name, reading in shared.items() if reading is not None}

    @property
    def is_timed(self) -> bool:
        """Whether something asked for the operation's instant."""
        return self._now is not None

    def settle_at_once(self, listings: Iterable[str]) -> bool:
        """Read these listings if that takes no waiting, and say so; else `settle` has to follow."""
        for name in listings:  # noqa: SIM110 - a generator costs more than what it asks
            if not self._shared(name).settle_at_once():
                return False
        return True

    async def settle(self, listings: Iterable[str]) -> None:
        """Read these listings ahead of the fields that will use them; a failure waits for its user.

        What is at hand costs no task. Where one has to be waited for, the others are read meanwhile.
        """
        first, *others = (self._shared(name) for name in listings)
        begun: list[asyncio.Future[Any]] = []
        beside = copy_context()  # within the first reading its span is the current one
        try:
            await first.settle(
                on_wait=lambda: begun.extend(
                    asyncio.get_running_loop().create_task(other.ready(), context=beside.copy())
                    for other in others
                )
            )
            if begun:
                await asyncio.gather(*begun, return_exceptions=True)
        finally:
            for reading in begun:
                reading.cancel()
        for other in others:
            await other.settle()

    @contextmanager
    def one_at_a_time(self) -> Iterator[None]:
        """Within it, nobody asks for a listing while another waits for it."""
        self.agents.is_alone = self.queues.is_alone = True
        try:
            yield
        finally:
            self.agents.is_alone = self.queues.is_alone = False

    def version(self, listing: str) -> str | None:
        """The version of this listing as this operation sees it; None unless it is here."""
        reading = (self.queues if listing == "queues" else self.agents).peek()
        return None if reading is None else reading.snapshot.version

    def versions(self, listings: Iterable[str]) -> tuple[str, ...] | None:
        """The versions of these listings as this operation sees them; None unless all of them are here."""
        found = []
        for name in listings:
            reading = (self.queues if name == "queues" else self.agents).peek()
            if reading is None:
                return None
            found.append(reading.snapshot.version)
        return tuple(found)

    def used_listings(self) -> tuple[str, ...] | None:
        """The listings that fields used; None where they used something else of the call centre, too."""
        names = tuple(name for name in LISTINGS if self._shared(name).peek() in self._readings)
        return names if len(names) == len(self._readings) else None

    def uses(self) -> tuple[int, int]:
        """How often fields used each listing so far."""
        return self.agents.uses, self.queues.uses

    def used_since(self, before: tuple[int, ...]) -> frozenset[str]:
        """The listings that fields used since `uses` gave this."""
        agents, queues = before
        return _CHOICES[self.agents.uses != agents, self.queues.uses != queues]

    def use_listings(self, listings: Iterable[str]) -> None:
        """Count these listings as used: the answer was made from them before, and from no others."""
        for name in listings:
            (self.queues if name == "queues" else self.agents).note_use()

    def _shared(self, listing: str) -> SharedRead[Reading[Any]]:
        shared: SharedRead[Reading[Any]] = self.queues if listing == "queues" else self.agents
        return shared

    def allowed_pauses(self, agent_id: AgentId) -> SharedRead[Reading[AllowedPause]]:
        """The pauses that an agent may take: read once per agent, those of several agents concurrently."""
        read = self._allowed_pauses.get(agent_id)
        if read is None:
            which = (agent_id, self.bound)
            read = SharedRead(self.call_center.agent_pauses, which, on_use=self._readings.append)
            self._allowed_pauses[agent_id] = read
        return read

    def page_of(self, agent_id: AgentId) -> int | None:
        """The page of the listing on which the agent stood when this operation last read it, if it did."""
        last = self.agents.peek() or self._last_agents
        return None if last is None else last.snapshot.page_of(agent_id)

    def forget(self) -> None:
        """Let later fields read anew, at a later instant: something was changed."""
        self._last_agents = self.agents.peek() or self._last_agents
        self._begin(_NOTHING_READ)

    def _begin(self, readings: Mapping[str, Reading[Any]]) -> None:
        # Nothing here leads back to the context: what is in no cycle goes without the collector.
        self._now = None
        held, call_center, bound, on_use = self._held, self.call_center, (self.bound,), self._readings.append
        agents, queues = readings.get("agents"), readings.get("queues")
        if agents is None:
            at_hand = None if held is None else held.agents_at_hand
            self.agents = SharedRead(call_center.agents, bound, at_hand, on_use)
        else:
            self.agents = SharedRead(_was_read, (), None, on_use, agents)
        if queues is None:
            at_hand_too = None if held is None else held.queues_at_hand
            self.queues = SharedRead(call_center.queues, bound, at_hand_too, on_use)
        else:
            self.queues = SharedRead(_was_read, (), None, on_use, queues)
        self._allowed_pauses = {}
        self.combinations = None


async def _was_read() -> NoReturn:
    raise AssertionError("What is known is not read.")
