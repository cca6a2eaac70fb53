"""Access lines written by hand say what the logger would say, and keep little."""

import io
import json
import tracemalloc
from typing import Any

import pytest

from gateway.telemetry import events
from gateway.telemetry.access import JsonAccessLog
from gateway.telemetry.logs import Logs

FIELDS: dict[str, Any] = {
    "request_id": "f" * 32,
    "trace_id": "a" * 32,
    "tenant": "acme",
    "caller": "board",
    "method": "POST",
    "route": "/graphql",
    "status": 200,
    "duration_ms": 1.5,
    "operation_kind": "query",
    "operation_name": "Board",
    "code": None,
}
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"


def told(stream: io.StringIO) -> dict[str, Any]:
    line: dict[str, Any] = json.loads(stream.getvalue())
    assert line.pop("timestamp").endswith("Z")
    return line


@pytest.mark.parametrize(
    "request_id",
    ["token=abc", "Token:abc", "a:password=hunter2", JWT, f"x/{JWT}", "http://user:pw@host/", "a@b"],
)
@pytest.mark.parametrize("more", [{}, {"operation_name": None, "tenant": None}, {"code": "TIMEOUT"}])
def test_a_line_by_hand_is_the_loggers_line(request_id: str, more: dict[str, Any]) -> None:
    fields = {**FIELDS, **more, "request_id": request_id}
    by_hand, by_logger = io.StringIO(), io.StringIO()
    JsonAccessLog(by_hand, name="gateway.http").tell(**fields)
    given = {name: value for name, value in fields.items() if value is not None}
    Logs(fmt="json", stream=by_logger).logger("gateway.http").info(events.ACCESS, **given)
    line = told(by_hand)
    assert line == told(by_logger)
    assert not any(secret in json.dumps(line) for secret in ("abc", "hunter2", "eyJ", "user:pw"))


def test_long_names_of_operations_are_not_kept() -> None:
    stream = io.StringIO()
    log = JsonAccessLog(stream, name="gateway.http")
    tracemalloc.start()
    try:
        for number in range(100):
            log.tell(**{**FIELDS, "operation_name": f"A{number}" * 20_000})
            stream.seek(0)
            stream.truncate()
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 1_000_000
