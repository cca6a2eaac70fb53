"""Modules log through `structlog.get_logger(name)`; their lines are the gateway's own, redacted alike."""

import io
import json

import structlog

from gateway.domain.secrets import ApiToken
from gateway.telemetry.telemetry import Telemetry

_module_logger = structlog.get_logger("gateway.evolux")


def test_a_modules_line_is_json_and_names_its_logger() -> None:
    stream = io.StringIO()
    telemetry = Telemetry.start("test", log_format="json", log_stream=stream)
    _module_logger.warning("upstream.refused", text="não", token="planted", held=ApiToken("planted"))
    telemetry.shutdown()
    [line] = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert (line["event"], line["level"], line["logger"], line["text"]) == (
        "upstream.refused",
        "warning",
        "gateway.evolux",
        "não",
    )
    assert "planted" not in stream.getvalue()


def test_a_modules_level_is_that_of_its_name() -> None:
    stream = io.StringIO()
    telemetry = Telemetry.start(
        "test", log_format="json", log_stream=stream, log_levels={"gateway.evolux": "error"}
    )
    _module_logger.warning("upstream.refused")
    _module_logger.error("upstream.failed")
    structlog.get_logger("gateway.config").info("config.applied")
    telemetry.shutdown()
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == [
        "upstream.failed",
        "config.applied",
    ]


def test_shutdown_gives_structlog_back_what_it_was_set_to() -> None:
    before = structlog.get_config()
    Telemetry.start("test", log_stream=io.StringIO()).shutdown()
    assert structlog.get_config() == before
