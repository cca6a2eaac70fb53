import asyncio
from itertools import pairwise

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import SpanKind, StatusCode, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from gateway.domain.errors import AgentAlreadyPaused, UpstreamTimeout
from gateway.telemetry import names
from gateway.telemetry.labels import BreakerState, OperationKind
from gateway.telemetry.spans import UNSAMPLED, recorded_context
from gateway.telemetry.tracing import Tracing
from tests.unit.telemetry.recording import record

CALLER_TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER_SPAN = "b7ad6b7169203331"
SAMPLED = {"traceparent": f"00-{CALLER_TRACE}-{CALLER_SPAN}-01"}
UNSAMPLED_BY_CALLER = {"traceparent": f"00-{CALLER_TRACE}-{CALLER_SPAN}-00"}


async def test_one_cold_query_gives_one_tree_from_the_callers_traceparent_to_every_page() -> None:
    recorded = record(sample_ratio=0.0)
    tracing = recorded.telemetry.tracing
    sent: list[str] = []

    async def read_page(page: int) -> None:
        with tracing.upstream_span(
            "acme", method="GET", template=f"/api/v1/agents#{page}", page=page, attempt=1
        ) as span:
            headers: dict[str, str] = {}
            tracing.inject(headers)
            sent.append(headers["traceparent"])
            span.answered(200)

    with (
        tracing.server_span(SAMPLED, method="POST", route="/graphql", scheme="http") as server,
        tracing.operation_span(OperationKind.QUERY, name="Wallboard", document_hash="d0c"),
        tracing.resolver_span("Query.agents"),
    ):
        with tracing.listing_span("acme", listing="agents"), tracing.walk_span("acme", listing="agents"):
            await asyncio.gather(read_page(1), read_page(2))
        server.answered(200)

    spans = recorded.spans
    chain = ["POST /graphql", "query", "resolve Query.agents", "read agents", "walk agents"]
    pages = ["GET /api/v1/agents#1", "GET /api/v1/agents#2"]
    assert sorted(spans) == sorted([*chain, *pages])
    assert {f"{span.context.trace_id:032x}" for span in spans.values()} == {CALLER_TRACE}
    root = spans[chain[0]].parent
    assert root is not None
    assert f"{root.span_id:016x}" == CALLER_SPAN
    for parent, child in [*pairwise(chain), *((chain[-1], page) for page in pages)]:
        held_by = spans[child].parent
        assert held_by is not None
        assert held_by.span_id == spans[parent].context.span_id
    assert sorted(sent) == sorted(
        f"00-{CALLER_TRACE}-{spans[page].context.span_id:016x}-01" for page in pages
    )
    assert {span.status.status_code for span in spans.values()} == {StatusCode.UNSET}


def test_spans_carry_exactly_the_declared_attributes() -> None:
    recorded = record()
    tracing = recorded.telemetry.tracing
    with tracing.server_span({}, method="POST", route="/graphql", scheme="https") as server:
        server.answered(200)
        with tracing.operation_span(
            OperationKind.MUTATION, name="n" * 500, document_hash="d0c", tenant="acme"
        ):
            pass
        with tracing.upstream_span(
            "acme",
            method="GET",
            template="/api/v1/agents",
            page=3,
            attempt=2,
            breaker=BreakerState.HALF_OPEN,
            server_address="acme.evolux.net.br",
            server_port=443,
        ) as upstream:
            upstream.answered(200)
    spans = recorded.spans
    assert spans["POST /graphql"].kind is SpanKind.SERVER
    assert dict(spans["POST /graphql"].attributes or {}) == {
        "http.request.method": "POST",
        "http.route": "/graphql",
        "url.scheme": "https",
        "http.response.status_code": 200,
    }
    assert dict(spans["mutation"].attributes or {}) == {
        "graphql.operation.type": "mutation",
        "graphql.operation.name": "n" * 100,
        "gateway.document.hash": "d0c",
        "gateway.tenant": "acme",
    }
    assert spans["GET /api/v1/agents"].kind is SpanKind.CLIENT
    assert dict(spans["GET /api/v1/agents"].attributes or {}) == {
        "http.request.method": "GET",
        "url.template": "/api/v1/agents",
        "gateway.tenant": "acme",
        "gateway.attempt": 2,
        "http.request.resend_count": 1,
        "gateway.page": 3,
        "gateway.breaker.state": "half_open",
        "server.address": "acme.evolux.net.br",
        "server.port": 443,
        "http.response.status_code": 200,
    }


def test_a_sampled_traceparent_is_followed_where_the_ratio_would_not() -> None:
    recorded = record(sample_ratio=0.0)
    with recorded.telemetry.tracing.server_span(SAMPLED, method="GET", route="/graphql", scheme="http"):
        pass
    assert list(recorded.spans) == ["GET /graphql"]


def test_an_unsampled_traceparent_is_followed_where_the_ratio_would_sample() -> None:
    recorded = record(sample_ratio=1.0)
    tracing = recorded.telemetry.tracing
    with tracing.server_span(UNSAMPLED_BY_CALLER, method="GET", route="/graphql", scheme="http") as server:
        assert server.trace_id == CALLER_TRACE
        assert tracing.trace_id() == CALLER_TRACE
        headers: dict[str, str] = {}
        tracing.inject(headers)
    assert recorded.spans == {}
    assert headers["traceparent"].startswith(f"00-{CALLER_TRACE}-")
    assert headers["traceparent"].endswith("-00")


def test_below_an_unsampled_span_nothing_is_opened_or_computed() -> None:
    recorded = record(sample_ratio=0.0)
    tracing = recorded.telemetry.tracing
    with tracing.server_span({}, method="GET", route="/graphql", scheme="http") as server:
        current = get_current_span()
        inner = [
            tracing.operation_span(OperationKind.QUERY, name=None, document_hash=""),
            tracing.resolver_span("Query.agents"),
            tracing.listing_span("acme", listing="agents"),
            tracing.walk_span("acme", listing="agents"),
            tracing.upstream_span("acme", method="GET", template="/api/v1/agents", attempt=1),
        ]
        with inner[0] as first, inner[1] as second:
            second.note(names.TENANT, "acme")
            second.fail("INTERNAL_SERVER_ERROR")
            assert get_current_span() is current
            assert first.trace_id == server.trace_id != ""
            assert first.context is None
    assert [span is UNSAMPLED for span in inner] == [True] * 5
    assert recorded.spans == {}


@pytest.mark.parametrize(
    "traceparent",
    [
        "",
        "00-0-0-01",
        f"00-{'0' * 32}-{CALLER_SPAN}-01",
        f"ff-{CALLER_TRACE}-{CALLER_SPAN}-01",
        "x" * 100_000,
    ],
)
def test_a_bad_traceparent_is_as_none(traceparent: str) -> None:
    recorded = record()
    headers = {"traceparent": traceparent}
    with recorded.telemetry.tracing.server_span(headers, method="GET", route="/", scheme="http") as span:
        assert span.trace_id != CALLER_TRACE
    assert recorded.spans["GET /"].parent is None


@pytest.mark.parametrize(
    "traceparent",
    [
        "",
        "garbage",
        f"00-{CALLER_TRACE.upper()}-{CALLER_SPAN}-01",
        f"00-{CALLER_TRACE}-{CALLER_SPAN}-FF",
        f"00-{CALLER_TRACE}-{CALLER_SPAN}-01-more",
        f"ff-{CALLER_TRACE}-{CALLER_SPAN}-01",
        f"00-{'0' * 32}-{CALLER_SPAN}-00",
    ],
)
def test_a_bad_traceparent_has_no_more_recorded_than_the_ratio_says(traceparent: str) -> None:
    recorded = record(sample_ratio=0.0)
    headers = {"traceparent": traceparent}
    with recorded.telemetry.tracing.server_span(headers, method="GET", route="/", scheme="http") as span:
        assert span.trace_id not in {"", CALLER_TRACE}
        assert recorded.telemetry.tracing.headers()["traceparent"].endswith("-00")
    assert recorded.spans == {}


@pytest.mark.parametrize("version", ["00", "01", "cc"])
@pytest.mark.parametrize("flags", ["00", "01", "02", "03", "fe", "ff"])
@pytest.mark.parametrize("around", ["", " "])
def test_a_callers_choice_is_followed_as_opentelemetry_reads_it(
    version: str, flags: str, around: str
) -> None:
    more = "" if version == "00" else "-more"
    headers = {"traceparent": f"{around}{version}-{CALLER_TRACE}-{CALLER_SPAN}-{flags}{more}{around}"}
    read = get_current_span(TraceContextTextMapPropagator().extract(headers)).get_span_context()
    assert read.is_valid
    for ratio in (0.0, 1.0):
        recorded = record(sample_ratio=ratio)
        with recorded.telemetry.tracing.server_span(headers, method="GET", route="/", scheme="http") as span:
            assert span.trace_id == CALLER_TRACE
        assert list(recorded.spans) == (["GET /"] if read.trace_flags.sampled else [])


def test_a_callers_tracestate_does_not_reach_evolux() -> None:
    recorded = record()
    tracing = recorded.telemetry.tracing
    headers: dict[str, str] = {}
    brought = {**SAMPLED, "tracestate": "vendor=private"}
    with tracing.server_span(brought, method="GET", route="/", scheme="http"):
        tracing.inject(headers)
    assert list(headers) == ["traceparent"]


def test_outside_of_a_trace_nothing_is_injected() -> None:
    headers: dict[str, str] = {}
    tracing = record().telemetry.tracing
    tracing.inject(headers)
    assert headers == {}
    assert tracing.trace_id() == ""


def test_a_failure_sets_code_and_status_and_no_text() -> None:
    recorded = record()
    tracing = recorded.telemetry.tracing
    with pytest.raises(UpstreamTimeout), tracing.server_span({}, method="GET", route="/", scheme="http"):
        raise UpstreamTimeout("Evolux at secret-host did not answer")
    span = recorded.spans["GET /"]
    assert span.status.status_code is StatusCode.ERROR
    assert (span.attributes or {})["error.type"] == "UPSTREAM_TIMEOUT"
    assert span.events == ()
    assert "secret-host" not in span.to_json()


def test_an_unforeseen_exception_is_known_by_its_class_alone() -> None:
    recorded = record()
    with (
        pytest.raises(ZeroDivisionError),
        recorded.telemetry.tracing.server_span({}, method="GET", route="/", scheme="http"),
    ):
        raise ZeroDivisionError("password=hunter2")
    span = recorded.spans["GET /"]
    assert (span.attributes or {})["error.type"] == "ZeroDivisionError"
    assert "hunter2" not in span.to_json()


async def test_a_caller_that_hangs_up_is_not_an_error() -> None:
    recorded = record()
    begun = asyncio.Event()

    async def serve() -> None:
        async with recorded.telemetry.tracing.server_span({}, method="GET", route="/", scheme="http"):
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(serve())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    span = recorded.spans["GET /"]
    assert span.status.status_code is StatusCode.UNSET
    assert (span.attributes or {})["gateway.cancelled"] is True
    assert "error.type" not in (span.attributes or {})


def test_a_refusal_is_an_answer_and_not_an_error() -> None:
    recorded = record()
    with (
        pytest.raises(AgentAlreadyPaused),
        recorded.telemetry.tracing.server_span({}, method="POST", route="/", scheme="http"),
    ):
        raise AgentAlreadyPaused("The agent is in a pause already.")
    span = recorded.spans["POST /"]
    assert span.status.status_code is StatusCode.UNSET
    assert (span.attributes or {})["gateway.refusal"] == "AGENT_ALREADY_PAUSED"


@pytest.mark.parametrize(("status", "expected"), [(404, StatusCode.UNSET), (503, StatusCode.ERROR)])
def test_a_server_span_fails_from_500_on(status: int, expected: StatusCode) -> None:
    recorded = record()
    with recorded.telemetry.tracing.server_span({}, method="GET", route="/", scheme="http") as span:
        span.answered(status)
    assert recorded.spans["GET /"].status.status_code is expected


@pytest.mark.parametrize(("status", "expected"), [(200, StatusCode.UNSET), (404, StatusCode.ERROR)])
def test_a_client_span_fails_from_400_on(status: int, expected: StatusCode) -> None:
    recorded = record()
    tracing = recorded.telemetry.tracing
    with (
        tracing.server_span({}, method="GET", route="/", scheme="http"),
        tracing.upstream_span("acme", method="GET", template="/up", attempt=1) as span,
    ):
        span.answered(status)
    assert recorded.spans["GET /up"].status.status_code is expected


def test_a_coalesced_reader_links_to_the_walk_that_served_it() -> None:
    recorded = record()
    tracing = recorded.telemetry.tracing
    with (
        tracing.server_span({}, method="GET", route="/first", scheme="http"),
        tracing.walk_span("acme", listing="agents") as walk,
    ):
        walked = walk.context
        assert walked == recorded_context()
    with (
        tracing.server_span({}, method="GET", route="/second", scheme="http"),
        tracing.listing_span("acme", listing="agents") as reading,
    ):
        reading.link(walked)
        reading.link(None)
    links = recorded.spans["read agents"].links
    assert [link.context for link in links] == [recorded.spans["walk agents"].context]
    assert recorded.spans["read agents"].context.trace_id != links[0].context.trace_id


def test_a_method_that_http_does_not_know_makes_no_span_name() -> None:
    recorded = record()
    with recorded.telemetry.tracing.server_span({}, method="BREW-7", route="/", scheme="http"):
        pass
    assert list(recorded.spans) == ["_OTHER /"]


def test_where_nobody_takes_spans_none_is_recorded_but_the_trace_goes_on() -> None:
    tracing = Tracing(resource=Resource({}), sample_ratio=1.0)
    with tracing.server_span(SAMPLED, method="GET", route="/", scheme="http") as span:
        assert not span.is_recording
        assert span.trace_id == CALLER_TRACE


def test_every_shape_of_span_and_every_attribute_is_used() -> None:
    shaped = {attribute for shape in names.span_shapes() for attribute in shape.attributes}
    assert shaped == set(names.attributes())
