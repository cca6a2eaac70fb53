"""Call centres that stand still: listings given, never walked, that fail or change when a test says so."""

from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from typing import Any

from msgspec.structs import replace

from gateway.domain.agent_filters import AgentFilter
from gateway.domain.agent_orders import AgentOrder, AgentOrderField, OrderDirection
from gateway.domain.agents import Agent
from gateway.domain.connections import PageArguments, paginate_agents
from gateway.domain.errors import GatewayError
from gateway.domain.ids import AgentId, TenantId
from gateway.domain.listings import ANY_AGE, FreshnessBound, Reading, ReadSource, Snapshot
from gateway.domain.pauses import AllowedPause
from gateway.domain.queues import Queue
from gateway.schema.context import OperationContext
from tests.builders import (
    NINE,
    NOON,
    a_login,
    a_pause,
    a_queue,
    an_agent,
    an_agent_pause,
    an_allowed_pause,
    queue_ids,
)
from tests.fakes import FakeClock

READ_AND_WRITE = frozenset({"agents:read", "agents:write"})
SAO_PAULO = timezone(timedelta(hours=-3))
LUNCH, REST = a_pause(50, productive=True), a_pause(49, description="10 minutos/NR17", type="nr17rest10")


class StillCallCenter:
    """Gives the readings it was given; `failures` by method, and by agent for allowed pauses."""

    def __init__(
        self, agents: Iterable[Agent], *, queues: Iterable[Queue] = (), age_seconds: float = 1.5
    ) -> None:
        self.agent_reading = _reading(agents, age_seconds=age_seconds)
        self.queue_reading = _reading(queues, age_seconds=age_seconds / 2)
        self.allowed: dict[int, tuple[AllowedPause, ...]] = {}
        self.failures: dict[Any, GatewayError] = {}
        self.calls: list[str] = []

    async def agents(self, _bound: FreshnessBound = ANY_AGE) -> Reading[Agent]:
        self._call("agents")
        return self.agent_reading

    async def queues(self, _bound: FreshnessBound = ANY_AGE) -> Reading[Queue]:
        self._call("queues")
        return self.queue_reading

    async def agent_pauses(
        self, agent_id: AgentId, _bound: FreshnessBound = ANY_AGE
    ) -> Reading[AllowedPause]:
        self._call("agent_pauses", agent_id)
        return _reading(self.allowed.get(agent_id, ()), age_seconds=0.0)

    def _call(self, method: str, *more: int) -> None:
        self.calls.append(method)
        for key in (method, *more):
            if key in self.failures:
                raise self.failures[key]


def _reading(rows: Iterable[Any], *, age_seconds: float, fetched_at: datetime = NOON) -> Reading[Any]:
    return Reading(Snapshot(rows, fetched_at=fetched_at), ReadSource.FRESH, age_seconds=age_seconds)


def a_context(on: Any, **changes: Any) -> OperationContext:
    """A context in front of a call centre."""
    given: dict[str, Any] = {
        "tenant_id": TenantId("acme"),
        "caller_name": "wallboard",
        "scopes": READ_AND_WRITE,
        "clock": FakeClock(),
        "request_id": "request-1",
        **changes,
    }
    return OperationContext(call_center=on, **given)


def some_agents() -> list[Agent]:
    """Agents in every state, and with everything that a listing may lack."""
    paused = an_agent_pause(LUNCH, max_duration_seconds=300)
    unnumbered = replace(an_agent_pause(REST, started_at=NINE), id=None)
    local = an_agent_pause(REST, started_at=TEN_LOCAL, ended_at=NOON + timedelta(microseconds=5))
    return [
        an_agent(
            1,
            name="Ana Souza",
            login="ana",
            queue_ids=queue_ids(2, 1),
            last_login=a_login(),
            current_pause=paused,
        ),
        an_agent(2, name="Bruno Lima", login="bruno", queue_ids=queue_ids(1, 9), last_login=a_login()),
        an_agent(
            3, name="Conceição Réis", login="conceicao", last_login=a_login(ended_at=NOON), last_pause=local
        ),
        an_agent(4, name='Davi "D" \u2028\\', login="davi", enabled=False, queue_ids=queue_ids(2)),
        an_agent(5, name="Eva Nunes", login="eva", archived=True, queue_ids=queue_ids(1)),
        an_agent(
            6,
            name="",
            login="ANA",
            queue_ids=queue_ids(3, 3, 1),
            last_login=a_login(),
            current_pause=unnumbered,
        ),
        an_agent(
            7,
            last_login=replace(a_login(extension=None), id=None),
            current_pause=an_agent_pause(known=False),
            outbound_queue_id=queue_ids(1)[0],
        ),
        an_agent(8, extension="sip/1", outbound_queue_id=queue_ids(9)[0], outbound_queue_name="Escondida"),
        an_agent(
            9, extension="sip/2", queue_ids=queue_ids(1, 2, 3), last_pause=an_agent_pause(ended_at=NOON)
        ),
    ]


TEN_LOCAL = datetime(2026, 3, 10, 10, 0, 0, 120_000, tzinfo=SAO_PAULO)


def some_queues() -> list[Queue]:
    return [a_queue(1, name="Vendas"), a_queue(2, name="Suporte", public_number="08001234"), a_queue(3)]


def a_still_call_center() -> StillCallCenter:
    """The usual one; agents 1 and 9 may take pauses."""
    on = StillCallCenter(some_agents(), queues=some_queues())
    on.allowed = {
        1: (an_allowed_pause(LUNCH, queue_id=2), an_allowed_pause(REST)),
        9: (an_allowed_pause(REST, queue_id=9, limit_duration_seconds=60),),
    }
    return on


def some_cursors() -> list[str]:
    """Cursors of several orders."""
    snapshot = Snapshot(some_agents(), fetched_at=NOON)
    orders = [
        AgentOrder(),
        AgentOrder(AgentOrderField.NAME, OrderDirection.DESC),
        AgentOrder(AgentOrderField.STATE_SINCE, OrderDirection.ASC),
    ]
    pages = [
        paginate_agents(snapshot, chosen=AgentFilter(), order=order, page=PageArguments(first=2))
        for order in orders
    ]
    return [page.cursor_of(agent) for page in pages for agent in page.agents]
