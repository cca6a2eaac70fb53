import asyncio
import io
import json
import logging

import pytest
import structlog

from gateway.domain.secrets import ApiToken
from gateway.telemetry import events
from gateway.telemetry.audit import AuditTrail
from gateway.telemetry.logs import Logs, configure_logs
from gateway.telemetry.requests import RequestUnderWay


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def refuse(token: str) -> None:
    raise RuntimeError(f"refused, token={token}")


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_json_object_with_level_logger_event_and_time() -> None:
    stream = io.StringIO()
    Logs(fmt="json", stream=stream).logger("gateway.web").info(events.ACCESS, status=200)
    (line,) = lines(stream)
    assert str(line.pop("timestamp")).endswith("Z")
    assert line == {"level": "info", "logger": "gateway.web", "event": "http.access", "status": 200}


async def test_lines_of_concurrent_requests_carry_each_their_own_request() -> None:
    stream = io.StringIO()
    log = Logs(fmt="json", stream=stream).logger("gateway.web")
    both = asyncio.Barrier(2)

    async def serve(request_id: str, tenant: str) -> None:
        with RequestUnderWay(request_id, trace_id="t" * 32) as request:
            await both.wait()
            request.tenant, request.caller = tenant, "wallboard"
            await asyncio.create_task(answer())

    async def answer() -> None:
        log.info(events.ACCESS)

    await asyncio.gather(serve("r1", "acme"), serve("r2", "bravo"))
    log.info(events.STOPPED)
    told = sorted((line.get("request_id"), line.get("tenant")) for line in lines(stream)[:2])
    assert told == [("r1", "acme"), ("r2", "bravo")]
    assert {"request_id", "trace_id", "tenant", "caller"}.isdisjoint(lines(stream)[2])


def test_an_exception_is_one_field_without_local_variables_and_redacted() -> None:
    stream = io.StringIO()
    local_token = "s3cr3t-local"
    try:
        refuse(local_token)
    except RuntimeError:
        Logs(fmt="json", stream=stream).logger("gateway").exception(events.INTERNAL_ERROR)
    (line,) = lines(stream)
    assert line["level"] == "error"
    told = str(line["exception"])
    assert told.startswith("Traceback (most recent call last):\n")
    assert told.endswith("RuntimeError: refused, token=***")
    assert local_token not in stream.getvalue()


def test_the_standard_librarys_lines_take_the_same_form_and_redaction() -> None:
    stream = io.StringIO()
    logs = configure_logs(fmt="json", stream=stream)
    try:
        with RequestUnderWay("r1"):
            logging.getLogger("uvicorn.error").warning("token: %s", "s3cr3t")
        logging.getLogger("uvicorn.access").critical("one line per request is ours")
    finally:
        logs.close()
    logging.getLogger("uvicorn.error").warning("after close")
    (line,) = lines(stream)
    del line["timestamp"]
    assert line == {
        "event": "token: ***",
        "level": "warning",
        "logger": "uvicorn.error",
        "request_id": "r1",
    }


def test_a_standard_exception_is_one_line_too() -> None:
    stream = io.StringIO()
    logs = configure_logs(fmt="json", stream=stream)
    try:
        1 / 0  # noqa: B018 - raises
    except ZeroDivisionError:
        logging.getLogger("asyncio").exception("Task failed")
    finally:
        logs.close()
    (line,) = lines(stream)
    assert str(line["exception"]).endswith("ZeroDivisionError: division by zero")


def test_closing_gives_the_standard_library_its_levels_back() -> None:
    logger = logging.getLogger("uvicorn.access")
    before = logger.level, logging.getLogger().level, list(logging.getLogger().handlers)
    configure_logs(level="debug", fmt="json", stream=io.StringIO()).close()
    assert (logger.level, logging.getLogger().level, list(logging.getLogger().handlers)) == before


def test_levels_are_set_per_logger_and_hold_for_those_below() -> None:
    stream = io.StringIO()
    logs = Logs(level="warning", levels={"gateway.evolux": "debug"}, fmt="json", stream=stream)
    logs.logger("gateway.evolux.walk").debug(events.WALK_TORN)
    logs.logger("gateway.web").info(events.ACCESS)
    logs.logger("gateway.web").warning(events.CONFIG_KEPT)
    assert [line["event"] for line in lines(stream)] == ["walk.torn", "config.kept"]


def test_off_writes_nothing_at_all() -> None:
    stream = io.StringIO()
    Logs(level="off", fmt="json", stream=stream).logger("gateway").critical(events.INTERNAL_ERROR)
    assert stream.getvalue() == ""


def test_a_terminal_gets_the_human_form_and_nothing_can_steer_it() -> None:
    stream = Terminal()
    log = Logs(stream=stream).logger("gateway.web")
    log.info(events.UPSTREAM_SAID, text="\x1b[2Jcleared\nforged line", token=ApiToken("s3cr3t"))
    written = stream.getvalue()
    assert written.count("\n") == 1
    assert "upstream.said" in written
    assert "\x1b[2J" not in written
    assert "s3cr3t" not in written
    with pytest.raises(json.JSONDecodeError):
        json.loads(written)


def test_auto_is_json_where_there_is_no_terminal() -> None:
    stream = io.StringIO()
    Logs(fmt="auto", stream=stream).logger("gateway").info(events.STOPPED)
    assert lines(stream)[0]["event"] == "service.stopped"


def test_texts_that_utf8_cannot_hold_are_still_written() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    Logs(fmt="json", stream=stream).logger("gateway").info(events.UPSTREAM_SAID, text="\ud800 Almoço")
    stream.seek(0)
    assert json.loads(stream.read())["text"] == "\ud800 Almoço"


def test_two_logs_side_by_side_do_not_mix() -> None:
    first, second = io.StringIO(), io.StringIO()
    Logs(fmt="json", stream=first).logger("gateway").info(events.STARTED)
    Logs(fmt="json", stream=second).logger("gateway").info(events.STOPPED)
    assert [line["event"] for line in lines(first)] == ["service.started"]
    assert [line["event"] for line in lines(second)] == ["service.stopped"]


def test_audit_records_are_written_though_nothing_else_is() -> None:
    stream = io.StringIO()
    logs = configure_logs(level="off", fmt="json", stream=stream)
    try:
        structlog.get_logger("gateway.other").error(events.INTERNAL_ERROR)
        AuditTrail(tenant="acme", caller="board", request_id="r").tell("pauseAgent", "OK", agent_id="7")
    finally:
        logs.close()
    [line] = [json.loads(text) for text in stream.getvalue().splitlines()]
    line.pop("timestamp")
    assert line == {
        "logger": "gateway.audit",
        "level": "info",
        "event": "audit.mutation",
        "operation": "pauseAgent",
        "outcome": "OK",
        "agent_id": "7",
        "tenant": "acme",
        "caller": "board",
        "request_id": "r",
    }
