from gateway.evolux.operations import Operation
from gateway.evolux.requests import Request
from tests.unit.evolux.raw_evolux import TOKEN, a_client, json_reply, page_body, raw_evolux
from tests.unit.telemetry.recording import record

READ = Request(operation=Operation.LIST_AGENTS, page=1)


async def head_sent(*, allowed: bool) -> tuple[str, str]:
    """What Evolux got within a sampled span, and the span's trace."""
    tracing = record().telemetry.tracing
    options = {"trace_headers": tracing.headers} if allowed else {}
    async with (
        raw_evolux(json_reply(body=page_body([]))) as evolux,
        a_client(evolux.base_url, **options) as client,
    ):
        caller = {"tracestate": "vendor=planted"}
        with tracing.server_span(caller, method="POST", route="/graphql", scheme="http") as span:
            await client.read(READ)
            return evolux.requests[0].decode().lower(), span.trace_id


async def test_evolux_gets_the_trace_where_it_is_allowed_and_no_more_of_it() -> None:
    head, trace_id = await head_sent(allowed=True)
    assert f"\r\ntraceparent: 00-{trace_id}-" in head
    assert "tracestate" not in head
    assert "planted" not in head.replace(TOKEN.lower(), "")
    assert head.count(TOKEN.lower()) == 1


async def test_evolux_gets_no_trace_unless_it_is_allowed() -> None:
    head, trace_id = await head_sent(allowed=False)
    assert "traceparent" not in head
    assert trace_id not in head
