"""Listings that are read together: what is current within one reading is not within the other."""

import asyncio
from contextvars import ContextVar

from gateway.domain.ids import TenantId
from gateway.schema.context import LISTINGS, OperationContext
from tests.builders import NOON
from tests.fakes import FakeCallCenter

CURRENT: ContextVar[str] = ContextVar("current_reading", default="the operation")


async def test_a_reading_begun_beside_another_does_not_stand_within_it() -> None:
    seen: dict[str, str] = {}
    both = asyncio.Event()

    async def enter(method: str) -> None:
        seen[method] = CURRENT.get()
        CURRENT.set(method)
        if len(seen) == len(LISTINGS):
            both.set()
        await both.wait()

    call_center = FakeCallCenter()
    call_center.before = enter
    context = OperationContext(
        tenant_id=TenantId("acme"),
        caller_name="board",
        scopes=frozenset(),
        call_center=call_center,
        clock=lambda: NOON,
        request_id="a-request",
    )
    await asyncio.wait_for(context.settle(LISTINGS), 5)
    assert seen == {"agents": "the operation", "queues": "the operation"}
