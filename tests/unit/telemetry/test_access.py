"""Access lines written by hand say what the logger would say, and keep little."""

import asyncio
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


class Pipe(io.StringIO):
    """Takes what is flushed, and remembers each portion."""

    def __init__(self) -> None:
        super().__init__()
        self.portions: list[str] = []
        self.flushed = asyncio.Event()

    def flush(self) -> None:
        held = self.getvalue()
        if held:
            self.portions.append(held)
        self.seek(0)
        self.truncate()
        self.flushed.set()

    async def next_flush(self) -> None:
        """Wait for it."""
        self.flushed.clear()
        async with asyncio.timeout(5):
            await self.flushed.wait()

    @property
    def lines(self) -> list[str]:
        return "".join(self.portions).splitlines()


async def test_lines_of_one_moment_are_written_together_in_portions_that_a_pipe_takes_whole() -> None:
    stream = Pipe()
    log = JsonAccessLog(stream, name="gateway.http")
    for number in range(100):
        log.tell(**{**FIELDS, "request_id": f"r{number}"})
    before = len(stream.portions)
    await stream.next_flush()
    assert [json.loads(line)["request_id"] for line in stream.lines] == [
        f"r{number}" for number in range(100)
    ]
    assert 5 < before < len(stream.portions) < 20
    assert max(len(portion) for portion in stream.portions) <= 4_096
    log.tell(**FIELDS)
    await stream.next_flush()
    assert len(stream.lines) == 101


async def test_a_line_over_a_portion_is_written_alone() -> None:
    stream = Pipe()
    log = JsonAccessLog(stream, name="gateway.http")
    log.tell(**FIELDS)
    log.tell(**{**FIELDS, "operation_name": "A" * 5_000})
    log.tell(**FIELDS)
    assert [portion.count("\n") for portion in stream.portions] == [1, 1]
    assert len(stream.portions[1]) > 5_000


async def test_other_lines_come_after_the_access_lines_before_them_and_closing_holds_nothing_back() -> None:
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


def test_where_no_loop_runs_a_line_is_written_at_once() -> None:
    stream = Pipe()
    JsonAccessLog(stream, name="gateway.http").tell(**FIELDS)
    assert len(stream.lines) == 1
