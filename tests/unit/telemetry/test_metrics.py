from threading import Event, Thread
from typing import Any

import pytest
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client.parser import text_string_to_metric_families

from gateway.domain.errors import ErrorCode
from gateway.domain.listings import ReadSource
from gateway.telemetry import instruments
from gateway.telemetry.exposition import MetricsForm
from gateway.telemetry.instruments import MetricKind
from gateway.telemetry.labels import (
    OVERFLOW,
    BreakerState,
    ExportOutcome,
    HandOver,
    KeyedOutcome,
    LabelGuard,
    ListingOutcome,
    OperationKind,
    PollOutcome,
    Transport,
    UpstreamOutcome,
    WalkOutcome,
)
from gateway.telemetry.loads import UpstreamLoad, observe_sharing
from gateway.telemetry.metrics import Metrics, NoMetrics
from gateway.telemetry.tallies import Histograms
from gateway.telemetry.telemetry import Telemetry
from tests.unit.telemetry.recording import labels, record, samples

SUCCEEDED = labels(kind="query", code="OK")


def load(breaker: BreakerState = BreakerState.CLOSED, in_flight: int = 0) -> UpstreamLoad:
    return UpstreamLoad(breaker, in_flight, waiting=3, quota_left=12.5, rest_seconds=4.0, retries_left=9)


def record_everything(telemetry: Telemetry) -> None:
    telemetry.record_request(OperationKind.QUERY, code=None, duration_seconds=0.2, upstream_seconds=0.15)
    telemetry.record_request(
        OperationKind.MUTATION, code=ErrorCode.UPSTREAM_TIMEOUT, duration_seconds=5.0, upstream_seconds=5.5
    )
    endpoint = "GET /api/v1/agents"
    record_duration, count = telemetry.upstream_cells(
        "acme", endpoint=endpoint, outcome=UpstreamOutcome.TIMEOUT
    )
    for _ in range(2):
        record_duration(0.03)
        count(1)
    telemetry.record_retry("acme", endpoint=endpoint)
    telemetry.record_listing_read("acme", listing="agents", outcome=ListingOutcome.HIT, age_seconds=3.0)
    telemetry.record_listing_read("acme", listing="agents", outcome=ListingOutcome.ERROR)
    telemetry.record_walk(
        "acme", listing="agents", outcome=WalkOutcome.COMPLETE, duration_seconds=0.4, rows=62
    )
    telemetry.record_walk("acme", listing="agents", outcome=WalkOutcome.FAILED, duration_seconds=0.1)
    telemetry.record_torn_walk("acme", listing="agents")
    telemetry.record_odd_field("acme", listing="agents", field="last_pause")
    telemetry.record_http("/graphql", status=200)
    telemetry.record_hand_over(HandOver.VARIABLES)
    telemetry.record_keyed_write(KeyedOutcome.REPLAYED)
    telemetry.record_export("acme", file_format="csv", outcome=ExportOutcome.WHOLE, rows=12, size=900)
    telemetry.record_stream_event("acme", transport=Transport.SSE)
    telemetry.record_stream_ended(Transport.WEBSOCKET, duration_seconds=30.0)
    telemetry.record_poll("acme", outcome=PollOutcome.FAILED)
    telemetry.record_event_lag("acme", 0.004)
    telemetry.observe_streams(lambda: {("acme", "sse"): 3})
    telemetry.observe_loads(lambda: {"acme": load(BreakerState.OPEN, 7), "bravo": load()})
    telemetry.observe_listing_ages(lambda: {("acme", "agents"): 4.5})
    telemetry.metrics.record(instruments.EVENT_LOOP_LAG, 0.002)
    observe_sharing(telemetry.metrics, lambda: True)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "gateway_request_duration_seconds_sum",
            {labels(kind="query", code="OK"): 0.2, labels(kind="mutation", code="UPSTREAM_TIMEOUT"): 5.0},
        ),
        (
            "gateway_request_overhead_seconds_sum",
            {labels(kind="query"): pytest.approx(0.05), labels(kind="mutation"): 0.0},
        ),
        (
            "gateway_upstream_duration_seconds_count",
            {labels(tenant="acme", endpoint="GET /api/v1/agents", outcome="timeout"): 2},
        ),
        ("gateway_upstream_attempts_total", {labels(tenant="acme", endpoint="GET /api/v1/agents"): 2}),
        ("gateway_upstream_retries_total", {labels(tenant="acme", endpoint="GET /api/v1/agents"): 1}),
        ("gateway_http_requests_total", {labels(route="/graphql", status="200"): 1}),
        ("gateway_engine_handed_over_total", {labels(reason="variables"): 1}),
        ("gateway_writes_keyed_total", {labels(outcome="replayed"): 1}),
        ("gateway_subscriptions_open", {labels(tenant="acme", transport="sse"): 3}),
        ("gateway_subscriptions_events_total", {labels(tenant="acme", transport="sse"): 1}),
        ("gateway_subscriptions_polls_total", {labels(tenant="acme", outcome="failed"): 1}),
        ("gateway_subscriptions_duration_seconds_sum", {labels(transport="websocket"): 30.0}),
        ("gateway_subscriptions_lag_seconds_sum", {labels(tenant="acme"): 0.004}),
        ("gateway_upstream_in_flight", {labels(tenant="acme"): 7, labels(tenant="bravo"): 0}),
        ("gateway_upstream_waiting", {labels(tenant="acme"): 3, labels(tenant="bravo"): 3}),
        ("gateway_upstream_quota_left", {labels(tenant="acme"): 12.5, labels(tenant="bravo"): 12.5}),
        ("gateway_upstream_rest_seconds", {labels(tenant="acme"): 4, labels(tenant="bravo"): 4}),
        ("gateway_upstream_retries_left", {labels(tenant="acme"): 9, labels(tenant="bravo"): 9}),
        ("gateway_breaker_state", {labels(tenant="acme"): 2, labels(tenant="bravo"): 0}),
        (
            "gateway_listing_reads_total",
            {
                labels(tenant="acme", listing="agents", outcome="hit"): 1,
                labels(tenant="acme", listing="agents", outcome="error"): 1,
            },
        ),
        ("gateway_listing_served_age_seconds_count", {labels(tenant="acme", listing="agents"): 1}),
        ("gateway_listing_age_seconds", {labels(tenant="acme", listing="agents"): 4.5}),
        (
            "gateway_listing_odd_fields_total",
            {labels(tenant="acme", listing="agents", field="last_pause"): 1},
        ),
        (
            "gateway_walk_duration_seconds_count",
            {
                labels(tenant="acme", listing="agents", outcome="complete"): 1,
                labels(tenant="acme", listing="agents", outcome="failed"): 1,
            },
        ),
        ("gateway_walk_rows", {labels(tenant="acme", listing="agents"): 62}),
        ("gateway_walks_torn_total", {labels(tenant="acme", listing="agents"): 1}),
        ("gateway_event_loop_lag_seconds_sum", {labels(): 0.002}),
    ],
)
def test_what_was_recorded_stands_on_the_page(
    name: str, expected: dict[frozenset[tuple[str, str]], float]
) -> None:
    recorded = record()
    record_everything(recorded.telemetry)
    assert recorded.samples(name) == expected


def test_the_page_holds_every_declared_metric_under_its_name_and_nothing_else() -> None:
    recorded = record()
    record_everything(recorded.telemetry)
    body, content_type = recorded.telemetry.metrics.render()
    assert content_type.startswith("text/plain; version=")
    shown = {family.name: family for family in text_string_to_metric_families(body.decode())}
    declared = {metric.prometheus_name.removesuffix("_total"): metric for metric in instruments.metrics()}
    assert set(shown) == {*declared, "target_info"}
    for name, metric in declared.items():
        kind = metric.kind.value.removeprefix("observed ")
        assert (shown[name].type, shown[name].documentation) == (kind, metric.description)


def test_buckets_add_up_and_a_bound_belongs_to_its_bucket() -> None:
    recorded = record()
    for seconds in (0.001, 0.0011, 0.2, 99.0):
        recorded.telemetry.record_request(OperationKind.QUERY, code=None, duration_seconds=seconds)
    buckets = recorded.samples("gateway_request_duration_seconds_bucket")

    def up_to(bound: str) -> float:
        return buckets[labels(kind="query", code="OK", le=bound)]

    assert [up_to(bound) for bound in ("0.001", "0.0025", "0.1", "0.25", "10.0", "+Inf")] == [
        1,
        2,
        2,
        3,
        3,
        4,
    ]


def test_values_that_are_counted_many_at_a_time_are_counted_while_others_look() -> None:
    recorded = record()
    bounds = (0.001, 0.0025, 0.1, 0.25, 0.5, 99.0)
    looking, seen = Event(), list[float]()

    def look() -> None:
        while not looking.is_set():
            seen.append(recorded.samples("gateway_request_duration_seconds_count").get(SUCCEEDED, 0))

    looker = Thread(target=look)
    looker.start()
    for at in range(20_000):
        seconds = bounds[at % len(bounds)]
        recorded.telemetry.record_request(OperationKind.QUERY, code=None, duration_seconds=seconds)
    looking.set()
    looker.join()
    buckets = recorded.samples("gateway_request_duration_seconds_bucket")
    assert seen == sorted(seen)
    assert recorded.samples("gateway_request_duration_seconds_count")[SUCCEEDED] == 20_000
    assert buckets[labels(kind="query", code="OK", le="0.001")] == 3_334
    assert buckets[labels(kind="query", code="OK", le="0.1")] == 10_001
    total = sum(bounds[at % len(bounds)] for at in range(20_000))
    assert recorded.samples("gateway_request_duration_seconds_sum")[SUCCEEDED] == pytest.approx(total)


def test_process_memory_and_time_are_those_of_a_living_process() -> None:
    recorded = record()
    assert 1e6 < recorded.samples("process_resident_memory_bytes")[labels()] < 1e10
    assert recorded.samples("process_cpu_seconds_total")[labels()] > 0


def test_beyond_its_limit_a_tenant_becomes_overflow_and_is_still_counted() -> None:
    recorded = record(tenants_limit=3)
    for number in range(1000):
        recorded.telemetry.record_torn_walk(f"tenant-{number}", listing="agents")
        recorded.telemetry.record_odd_field(f"tenant-{number}", listing="agents", field="name")
    recorded.telemetry.observe_loads(lambda: {"tenant-1": load(in_flight=1), "tenant-999": load(in_flight=5)})
    assert recorded.samples("gateway_walks_torn_total") == {
        labels(tenant="tenant-0", listing="agents"): 1,
        labels(tenant="tenant-1", listing="agents"): 1,
        labels(tenant="tenant-2", listing="agents"): 1,
        labels(tenant=OVERFLOW, listing="agents"): 997,
    }
    assert len(recorded.samples("gateway_listing_odd_fields_total")) == 4
    assert recorded.samples("gateway_upstream_in_flight") == {
        labels(tenant="tenant-1"): 1,
        labels(tenant=OVERFLOW): 5,
    }


def test_two_hundred_tenants_with_all_fields_are_not_cut_off() -> None:
    recorded = record()
    for tenant in range(200):
        for field in range(15):
            recorded.telemetry.record_odd_field(f"tenant-{tenant}", listing="agents", field=f"field-{field}")
    assert len(recorded.samples("gateway_listing_odd_fields_total")) == 3000


def test_a_guard_admits_as_many_values_as_its_limit() -> None:
    guard = LabelGuard(limit=2)
    assert [guard.admit(value) for value in ("a", "b", "c", "a", "d")] == ["a", "b", OVERFLOW, "a", OVERFLOW]


@pytest.mark.parametrize("given", [{}, {"tenant": "acme"}, {"tenant": "a", "listing": "b", "more": "c"}])
def test_labels_other_than_the_declared_ones_are_refused(given: dict[str, str]) -> None:
    recorded = record()
    with pytest.raises(ValueError, match=r"gateway\.walks\.torn takes \['tenant', 'listing'\]"):
        recorded.telemetry.metrics.count(instruments.WALKS_TORN, **given)
    assert recorded.samples("gateway_walks_torn_total") == {}


def test_an_observed_metric_cannot_be_written() -> None:
    with pytest.raises(TypeError, match="observed, not written"):
        record().telemetry.metrics.record(instruments.BREAKER_STATE, 1, tenant="acme")


def test_what_is_no_longer_observed_leaves_the_page() -> None:
    recorded = record()
    loads = {"acme": load(in_flight=1), "bravo": load(in_flight=2)}
    recorded.telemetry.observe_loads(lambda: loads)
    assert len(recorded.samples("gateway_upstream_in_flight")) == 2
    del loads["bravo"]
    assert recorded.samples("gateway_upstream_in_flight") == {labels(tenant="acme"): 1}


def test_instances_side_by_side_do_not_share_a_number() -> None:
    first, second = record(), record()
    first.telemetry.record_torn_walk("acme", listing="agents")
    assert first.samples("gateway_walks_torn_total") == {labels(tenant="acme", listing="agents"): 1}
    assert second.samples("gateway_walks_torn_total") == {}
    first.telemetry.metrics.shutdown()
    second.telemetry.record_torn_walk("bravo", listing="agents")
    assert second.samples("gateway_walks_torn_total") == {labels(tenant="bravo", listing="agents"): 1}


def test_a_sampled_request_leaves_an_exemplar_and_an_unsampled_one_none() -> None:
    recorded = record(sample_ratio=1.0)
    tracing = recorded.telemetry.tracing
    histograms = Histograms()
    metrics = Metrics(
        resource=Resource({}), histograms=histograms, readers=[reader := InMemoryMetricReader()]
    )
    metrics.record(instruments.EVENT_LOOP_LAG, 0.3)
    with tracing.server_span({}, method="GET", route="/", scheme="http") as span:
        metrics.record(instruments.EVENT_LOOP_LAG, 0.7)
        trace_id = int(span.trace_id, 16)
    collected = reader.get_metrics_data()
    assert collected is not None
    (point,) = [
        point
        for metric in histograms.join(collected).resource_metrics[0].scope_metrics[0].metrics
        for point in metric.data.data_points
        if isinstance(point, HistogramDataPoint)
    ]
    assert (point.count, point.sum, point.min, point.max) == (2, 1.0, 0.3, 0.7)
    assert [(exemplar.value, exemplar.trace_id) for exemplar in point.exemplars] == [(0.7, trace_id)]


def test_openmetrics_holds_the_same_and_the_exemplars_of_sampled_traces() -> None:
    recorded = record()
    metrics = recorded.telemetry.metrics
    record_everything(recorded.telemetry)
    with recorded.telemetry.tracing.server_span({}, method="GET", route="/graphql", scheme="http") as span:
        metrics.record(instruments.WALK_DURATION, 0.3, tenant="acme", listing="agents", outcome="complete")
        trace_id = span.trace_id
    text, (body, content_type) = metrics.render()[0], metrics.render(MetricsForm.OPENMETRICS)
    assert content_type == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    read: Any = openmetrics_parser.text_string_to_metric_families  # the package leaves it untyped
    families = {one.name: one for one in read(body.decode())}
    told = {one.name.removesuffix("_info") for one in text_string_to_metric_families(text.decode())}
    assert set(families) == told
    walks = families["gateway_walk_duration_seconds"]
    assert (walks.type, walks.unit) == ("histogram", "seconds")
    [shown] = [sample for sample in walks.samples if sample.exemplar]
    assert (shown.labels["outcome"], shown.labels["le"]) == ("complete", "0.5")
    assert shown.exemplar is not None
    assert shown.exemplar.labels.keys() == {"trace_id", "span_id"}
    assert (shown.exemplar.labels["trace_id"], shown.exemplar.value) == (trace_id, 0.3)
    assert trace_id.encode() not in text


def test_nothing_is_kept_where_metrics_are_off() -> None:
    metrics = NoMetrics()
    record_everything(Telemetry.off())
    metrics.count(instruments.WALKS_TORN, tenant="acme", listing="agents")
    assert metrics.render()[0] == b""
    assert samples(metrics, "gateway_walks_torn_total") == {}


def test_every_source_of_a_reading_has_an_outcome_of_its_own() -> None:
    outcomes = {ListingOutcome.of(source) for source in ReadSource}
    assert outcomes == set(ListingOutcome) - {ListingOutcome.ERROR}
    assert len(outcomes) == len(ReadSource)


def test_histograms_are_declared_with_rising_buckets_and_others_with_none() -> None:
    for metric in instruments.metrics():
        assert bool(metric.buckets) is (metric.kind is MetricKind.HISTOGRAM)
        assert list(metric.buckets) == sorted(set(metric.buckets))


def test_a_histogram_without_values_is_not_on_the_page() -> None:
    assert record().samples("gateway_request_duration_seconds_count") == {}
