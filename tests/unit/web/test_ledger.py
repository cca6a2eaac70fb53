"""Requests are written down some at a time, and none is lost or counted twice."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any, TextIO

import pytest
from opentelemetry.sdk.resources import Resource

from gateway.domain.errors import ErrorCode
from gateway.telemetry.exposition import MetricsForm
from gateway.telemetry.labels import OperationKind
from gateway.telemetry.logs import Logs
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.telemetry import Telemetry
from gateway.telemetry.tracing import Tracing
from gateway.web.ledger import RequestLedger
from gateway.web.notes import RequestNotes
from tests.unit.telemetry.recording import labels, record, samples


class Written:
    """A ledger whose lines go to a file."""

    def __init__(self, stream: TextIO, path: Path) -> None:
        resource = Resource({})
        self._path = path
        self.descriptor = stream.fileno()
        self.telemetry = Telemetry(
            tracing=Tracing(resource=resource),
            metrics=Metrics(resource=resource),
            logs=Logs(fmt="json", stream=stream),
        )
        self.ledger = RequestLedger(self.telemetry)

    def enter(self, request_id: str, *, code: ErrorCode | None = None) -> None:
        notes = RequestNotes(request_id)
        notes.kind, notes.code, notes.upstream_seconds = OperationKind.QUERY, code, 0.25
        self.ledger.enter(notes, method="POST", route="/graphql", status=200, seconds=0.5)

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._path.read_text(encoding="utf-8").splitlines()]

    @property
    def counted(self) -> float:
        counted = samples(self.telemetry.metrics, "gateway_request_duration_seconds_count")
        return counted.get(labels(kind="query", code="OK"), 0)


@pytest.fixture
def written(tmp_path: Path) -> Any:
    path = tmp_path / "lines"
    with path.open("w", encoding="utf-8") as stream:
        yield Written(stream, path)


async def test_requests_of_a_moment_are_written_together_in_their_order(written: Written) -> None:
    for number in range(5):
        written.enter(f"r{number}")
    assert (written.lines, written.counted) == ([], 0)
    async with asyncio.timeout(10):
        while not written.lines:  # noqa: ASYNC110 - a timer tells nobody
            await asyncio.sleep(0.005)
    assert [line["request_id"] for line in written.lines] == [f"r{number}" for number in range(5)]
    assert written.counted == 5
    overhead = samples(written.telemetry.metrics, "gateway_request_overhead_seconds_sum")
    assert overhead == {labels(kind="query"): 1.25}
    written.enter("later")
    async with asyncio.timeout(10):
        while len(written.lines) < 6:  # noqa: ASYNC110 - the same
            await asyncio.sleep(0.005)
    assert written.counted == 6


async def test_many_do_not_wait_and_whoever_looks_has_the_rest_counted(written: Written) -> None:
    for number in range(150):
        written.enter(f"r{number}")
    assert len(written.lines) == 144
    written.ledger.settle()
    written.ledger.settle()
    assert [line["request_id"] for line in written.lines] == [f"r{number}" for number in range(150)]
    assert written.counted == 150


async def test_each_line_says_what_its_own_request_came_to(written: Written) -> None:
    written.enter("good")
    written.enter("bad", code=ErrorCode.UPSTREAM_TIMEOUT)
    written.ledger.settle()
    assert [line.get("code") for line in written.lines] == [None, "UPSTREAM_TIMEOUT"]
    counted = samples(written.telemetry.metrics, "gateway_request_duration_seconds_count")
    assert counted[labels(kind="query", code="UPSTREAM_TIMEOUT")] == 1


async def test_a_traced_reader_of_the_metrics_is_not_taken_for_the_requests_that_it_has_counted(
    written: Written,
) -> None:
    tracing = record().telemetry.tracing
    written.enter("waits")
    with tracing.server_span({}, method="GET", route="/metrics", scheme="http") as span:
        assert span.is_recording
        written.ledger.settle()
    told, _ = written.telemetry.metrics.render(MetricsForm.OPENMETRICS)
    assert b"trace_id" not in told
    assert written.counted == 1


async def test_where_nobody_takes_the_log_requests_are_counted_still(written: Written) -> None:
    before, full = os.dup(written.descriptor), os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, written.descriptor)
    for request_id in ("held back", "held back too"):
        written.enter(request_id)
        written.ledger.settle()
    assert written.counted == 2
    os.dup2(before, written.descriptor)
    os.close(before)
    os.close(full)


async def test_a_traced_request_waits_with_the_others_and_is_counted_under_its_own_trace(
    written: Written,
) -> None:
    tracing = record().telemetry.tracing
    written.enter("untraced")
    with tracing.server_span({}, method="POST", route="/graphql", scheme="http") as span:
        written.enter("traced")
    assert (written.lines, written.counted) == ([], 0)
    written.ledger.settle()
    told, _ = written.telemetry.metrics.render(MetricsForm.OPENMETRICS)
    assert f'trace_id="{span.trace_id}"'.encode() in told
    assert [line["request_id"] for line in written.lines] == ["untraced", "traced"]
    assert written.counted == 2
