"""Runs one operation as the engine does, with a real context in front of a fake call centre."""

import inspect
from typing import Any

import msgspec
from graphql import ExecutionResult, execute, parse, validate

from gateway.domain.call_center import CallCenter
from gateway.domain.ids import TenantId
from gateway.domain.listings import ANY_AGE, FreshnessBound
from gateway.schema.context import OperationContext
from gateway.schema.errors import shape_error
from gateway.schema.schema import build_schema
from tests.builders import (
    NOON,
    a_login,
    a_pause,
    a_queue,
    an_agent,
    an_agent_pause,
    queue_ids,
)
from tests.fakes import FakeCallCenter, FakeClock

SCHEMA = build_schema()._schema
READ_AND_WRITE = frozenset({"agents:read", "agents:write"})


class Answer(msgspec.Struct):
    """What a caller would get, and the context it was made in."""

    data: Any
    errors: list[dict[str, Any]]
    context: OperationContext

    @property
    def codes(self) -> list[tuple[str, list[str | int]]]:
        """Each error's code and path."""
        return [(error["extensions"]["code"], error["path"]) for error in self.errors]


def a_call_center() -> FakeCallCenter:
    """Ana is paused, Bruno logged in, Conceição logged out, Davi disabled, Eva archived; queue 9 hidden."""
    return FakeCallCenter(
        agents=[
            an_agent(
                1,
                name="Ana Souza",
                login="ana",
                queue_ids=queue_ids(2, 1),
                last_login=a_login(),
                current_pause=an_agent_pause(a_pause(50, productive=True), max_duration_seconds=300),
            ),
            an_agent(2, name="Bruno Lima", login="bruno", queue_ids=queue_ids(1, 9), last_login=a_login()),
            an_agent(3, name="Conceição Reis", login="conceicao", last_login=a_login(ended_at=NOON)),
            an_agent(4, name="Davi Melo", login="davi", enabled=False, queue_ids=queue_ids(2)),
            an_agent(5, name="Eva Nunes", login="eva", archived=True, queue_ids=queue_ids(1)),
        ],
        queues=[a_queue(1, name="Vendas"), a_queue(2, name="Suporte", public_number="08001234")],
        pauses=[a_pause(50, productive=True), a_pause(49, description="10 minutos/NR17", type="nr17rest10")],
    )


async def run(
    document: str,
    *,
    on: CallCenter | None = None,
    variables: dict[str, Any] | None = None,
    scopes: frozenset[str] = READ_AND_WRITE,
    bound: FreshnessBound = ANY_AGE,
    clock: FakeClock | None = None,
    is_validated: bool = True,
) -> Answer:
    """Run a valid document's one operation."""
    context = OperationContext(
        tenant_id=TenantId("acme"),
        caller_name="wallboard",
        scopes=scopes,
        call_center=on or a_call_center(),
        clock=clock or FakeClock(),
        request_id="request-1",
        bound=bound,
    )
    syntax = parse(document)
    assert not is_validated or validate(SCHEMA, syntax) == []
    result = execute(SCHEMA, syntax, context_value=context, variable_values=variables)
    if inspect.isawaitable(result):
        result = await result
    assert isinstance(result, ExecutionResult)
    errors = [shape_error(error, request_id="request-1") for error in result.errors or ()]
    return Answer(result.data, errors, context)


async def data_of(document: str, *, on: CallCenter | None = None) -> Any:
    """The data of an operation that must not fail."""
    answer = await run(document, on=on)
    assert answer.errors == []
    return answer.data
