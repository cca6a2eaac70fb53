"""Admissions that last: who is asked for again, and what ends when the answer is another one."""

import asyncio
from typing import Any, cast

from starlette.datastructures import Headers

from gateway.domain.errors import CredentialsRejected, GatewayError
from gateway.domain.ids import TenantId
from gateway.tenancy import Caller, Scope
from gateway.web.admissions import Admissions
from gateway.web.authentication import Authentication, Visitor

ACME = TenantId("acme")
HEADERS = Headers({"authorization": "Bearer planted-key"})


def visitor(*scopes: Scope) -> Visitor:
    caller = Caller(name="board", tenants=frozenset({ACME}), scopes=frozenset(scopes))
    return Visitor(caller=caller, tenant_id=ACME, call_center=cast("Any", None))


class Judge:
    """Gives its verdicts, one for each question; then lets in the visitor it knows, and no other."""

    def __init__(self, *verdicts: Exception, known: Visitor | None = None) -> None:
        self.verdicts = list(verdicts)
        self.known = known

    async def confirm(self, _headers: Headers, *, visitor: Visitor) -> None:
        if self.verdicts:
            raise self.verdicts.pop(0)
        if visitor != self.known:
            raise CredentialsRejected("Another one.")


def admissions(judge: Judge, *, faults: list[Exception]) -> Admissions:
    return Admissions(cast("Authentication", judge), check_seconds=0.001, on_fault=faults.append)


async def test_a_check_that_breaks_ends_nobody_and_is_made_again() -> None:
    faults: list[Exception] = []
    fault = ArithmeticError()
    ended: asyncio.Future[GatewayError] = asyncio.get_running_loop().create_future()
    release = admissions(Judge(fault), faults=faults).hold(HEADERS, visitor=visitor(), end=ended.set_result)
    async with asyncio.timeout(5):
        assert isinstance(await ended, CredentialsRejected)
    release()
    assert faults == [fault]


async def test_who_comes_by_a_credential_that_means_another_by_now_outlives_who_came_before() -> None:
    now = visitor(Scope.READ_AGENTS)
    ended: asyncio.Future[GatewayError] = asyncio.get_running_loop().create_future()
    wrongly: list[GatewayError] = []
    held = admissions(Judge(known=now), faults=[])
    releases = (
        held.hold(HEADERS, visitor=visitor(Scope.READ_AGENTS, Scope.WRITE_AGENTS), end=ended.set_result),
        held.hold(HEADERS, visitor=now, end=wrongly.append),
    )
    async with asyncio.timeout(5):
        await ended
        await asyncio.sleep(0.01)  # some checks more
    for release in releases:
        release()
    assert wrongly == []
