"""Access lines written by hand say what the logger would say, and keep little."""

import io
import json
import tracemalloc
from pathlib import Path
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
    "at_ns": 1_790_000_000_123_456_789,
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
    given = {name: value for name, value in fields.items() if value is not None and name != "at_ns"}
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


class Pipe(io.StringIO):
    """Takes what is flushed, and remembers each portion."""

    def __init__(self) -> None:
        super().__init__()
        self.portions: list[str] = []

    def flush(self) -> None:
        held = self.getvalue()
        if held:
            self.portions.append(held)
        self.seek(0)
        self.truncate()

    @property
    def lines(self) -> list[str]:
        return "".join(self.portions).splitlines()


def test_lines_that_are_written_together_are_handed_on_in_portions_that_a_pipe_takes_whole() -> None:
    stream = Pipe()
    log = JsonAccessLog(stream, name="gateway.http")
    for number in range(100):
        log.tell(**{**FIELDS, "request_id": f"r{number}"})
    log.flush()
    assert [json.loads(line)["request_id"] for line in stream.lines] == [
        f"r{number}" for number in range(100)
    ]
    assert 5 < len(stream.portions) < 20
    assert max(len(portion) for portion in stream.portions) <= 4_096


def test_a_line_over_a_portion_is_handed_on_alone() -> None:
    stream = Pipe()
    log = JsonAccessLog(stream, name="gateway.http")
    log.tell(**FIELDS)
    log.tell(**{**FIELDS, "operation_name": "A" * 5_000})
    log.tell(**FIELDS)
    log.flush()
    assert [portion.count("\n") for portion in stream.portions] == [1, 1, 1]
    assert len(stream.portions[1]) > 5_000


def test_a_line_has_the_instant_that_its_request_ended_at() -> None:
    stream = Pipe()
    log = JsonAccessLog(stream, name="gateway.http")
    for at_ns in (1_790_000_000_123_456_789, 1_790_000_000_000_000_999, 1_789_999_999_999_999_999):
        log.tell(**{**FIELDS, "at_ns": at_ns})
    log.flush()
    assert [json.loads(line)["timestamp"] for line in stream.lines] == [
        "2026-09-21T14:13:20.123456Z",
        "2026-09-21T14:13:20.000000Z",
        "2026-09-21T14:13:19.999999Z",
    ]


def test_other_lines_come_after_the_access_lines_before_them_and_closing_holds_nothing_back() -> None:
    stream = Pipe()
    logs = Logs(fmt="json", stream=stream)
    log = logs.access_log("gateway.http")
    log.tell(**FIELDS)
    assert stream.lines == []
    logs.logger("gateway").info(events.STARTED)
    log.tell(**{**FIELDS, "request_id": "last"})
    logs.close()
    told = [json.loads(line) for line in stream.lines]
    assert [line["event"] for line in told] == [events.ACCESS, events.STARTED, events.ACCESS]
    assert told[2]["request_id"] == "last"


def test_lines_wait_for_one_another_only_on_their_way_to_a_file(tmp_path: Path) -> None:
    with (tmp_path / "lines").open("w", encoding="utf-8") as file:
        assert JsonAccessLog(file, name="gateway.http").may_wait
    assert not JsonAccessLog(io.StringIO(), name="gateway.http").may_wait
    assert not Logs(fmt="human", stream=io.StringIO()).access_log("gateway.http").may_wait
