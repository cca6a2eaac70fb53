"""Logs: JSON lines, or a human form on a terminal; redacted; with the request they belong to."""

import json
import logging
import re
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, Literal, TextIO, cast

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from gateway.telemetry.access import AccessLog, JsonAccessLog, LoggedAccess
from gateway.telemetry.redaction import redact_fields
from gateway.telemetry.requests import request_under_way

LogFormat = Literal["json", "human", "auto"]
LogLevel = Literal["debug", "info", "warning", "error", "critical", "off"]

QUIETED: Final[Mapping[str, LogLevel]] = {
    "uvicorn.access": "off",  # the gateway writes its own access line
    "opentelemetry.exporter": "off",  # an unreachable collector is told once, as an incident
    "opentelemetry.sdk._shared_internal": "off",
    "opentelemetry.sdk.metrics._internal.export": "off",
    "opentelemetry.trace.propagation": "error",  # callers choose these headers
    "opentelemetry.trace.span": "error",
    "urllib3": "error",
    "httpx": "warning",
    "gateway.audit": "info",  # a record of who did what is wanted from the quietest gateway too
}
"""Levels that are not the general one, unless a setting says otherwise."""

_LEVELS: Final[Mapping[LogLevel, int]] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
    "off": logging.CRITICAL + 10,
}
_ENCODE: Final = json.JSONEncoder(separators=(",", ":")).encode
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


class Logs:
    """Where log lines go and which are written. Makes loggers; holds no global state but what is captured."""

    def __init__(
        self,
        *,
        level: LogLevel = "info",
        fmt: LogFormat = "auto",
        levels: Mapping[str, LogLevel] | None = None,
        stream: TextIO | None = None,
    ) -> None:
        self._stream = stream or _standard_error()
        self._level = level
        self._is_json = fmt == "json" or (fmt == "auto" and not self._stream.isatty())
        self._levels: Mapping[str, LogLevel] = {**QUIETED, **(levels or {})}
        self._enrich: list[Processor] = [
            _merge_request,
            structlog.processors.add_log_level,
        ]
        self._finish: list[Processor] = [
            structlog.processors.format_exc_info,
            _redact,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *self._render(),
        ]
        self._undo: list[Callable[[], None]] = []

    def logger(self, name: str) -> FilteringBoundLogger:
        """Make the logger of one part of the gateway; its level is that of the longest name set for it."""
        level = self.level_of(name)
        bound = structlog.wrap_logger(
            structlog.WriteLogger(self._stream),
            processors=[_drop] if level == "off" else [*self._enrich, *self._finish],
            wrapper_class=structlog.make_filtering_bound_logger(min(_LEVELS[level], logging.CRITICAL)),
            context_class=dict,
            cache_logger_on_first_use=True,
        )
        return cast("FilteringBoundLogger", bound.bind(logger=name))

    def access_log(self, name: str) -> AccessLog:
        """Make the log of access lines: as JSON written by hand, for it is most of what is written."""
        is_told = _LEVELS[self.level_of(name)] <= logging.INFO
        if is_told and self._is_json:
            return JsonAccessLog(self._stream, name=name)
        return LoggedAccess(self.logger(name))

    def level_of(self, name: str) -> LogLevel:
        """Give the level set for this logger, or for the nearest one above it."""
        while name:
            if name in self._levels:
                return self._levels[name]
            name = name.rpartition(".")[0]
        return self._level

    def capture_stdlib(self) -> None:
        """Write what libraries log through `logging` (uvicorn.error, …) in the same form."""
        handler = logging.StreamHandler(self._stream)
        handler.setFormatter(
            structlog.stdlib.ProcessorFormatter(
                foreign_pre_chain=[_merge_request, _stdlib_fields],
                processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *self._finish],
            ),
        )
        root = logging.getLogger()
        for name, level in {"": self._level, **self._levels}.items():
            logger = logging.getLogger(name)
            self._undo.append(partial(logger.setLevel, logger.level))
            logger.setLevel(_LEVELS[level])
        root.addHandler(handler)
        self._undo.append(partial(root.removeHandler, handler))

    def capture_structlog(self) -> None:
        """Write what modules log through `structlog.get_logger(name)` in the same form, redacted alike."""
        before = structlog.get_config()
        structlog.configure(
            processors=[self._drop_below_level, *self._enrich, _add_name, *self._finish],
            wrapper_class=structlog.make_filtering_bound_logger(0),
            context_class=dict,
            logger_factory=partial(_NamedLogger, self._stream),
            cache_logger_on_first_use=False,
        )
        self._undo.append(partial(structlog.configure, **before))

    def _drop_below_level(self, logger: WrappedLogger, method: str, fields: EventDict) -> EventDict:
        if _LEVELS[method if method in _LEVELS else "error"] < _LEVELS[self.level_of(logger.name)]:  # type: ignore[index]
            raise structlog.DropEvent
        return fields

    def close(self) -> None:
        """Write what is held back, and set the standard library and structlog as they were before."""
        if not self._stream.closed:
            self._stream.flush()
        while self._undo:
            self._undo.pop()()

    def _render(self) -> list[Processor]:
        if self._is_json:
            return [_json_line]
        return [_printable, structlog.dev.ConsoleRenderer(colors=self._stream.isatty())]


def _standard_error() -> TextIO:
    """Standard error, flushed when told to: Python's own is at every line's end."""
    try:
        is_terminal, number = sys.stderr.isatty(), sys.stderr.fileno()
    except (OSError, ValueError):  # replaced by something that is no file
        return sys.stderr
    if is_terminal:
        return sys.stderr
    return open(number, "w", encoding="utf-8", errors="backslashreplace", closefd=False)


class _NamedLogger(structlog.WriteLogger):
    """Where a module's logger writes, and its name."""

    def __init__(self, stream: TextIO, name: str = "gateway") -> None:
        super().__init__(stream)
        self.name = name


def configure_logs(
    *,
    level: LogLevel = "info",
    fmt: LogFormat = "auto",
    levels: Mapping[str, LogLevel] | None = None,
    stream: TextIO | None = None,
) -> Logs:
    """Make the logs of a process and route everybody's through them; `close()` undoes it."""
    logs = Logs(level=level, fmt=fmt, levels=levels, stream=stream)
    logs.capture_stdlib()
    logs.capture_structlog()
    return logs


def _merge_request(_logger: WrappedLogger, _method: str, fields: EventDict) -> EventDict:
    request = request_under_way()
    return fields if request is None else {**request.fields, **fields}


def _add_name(logger: WrappedLogger, _method: str, fields: EventDict) -> EventDict:
    return {"logger": logger.name, **fields}


def _drop(_logger: WrappedLogger, _method: str, _fields: EventDict) -> EventDict:
    raise structlog.DropEvent


def _redact(_logger: WrappedLogger, _method: str, fields: EventDict) -> EventDict:
    return redact_fields(fields)


def _json_line(_logger: WrappedLogger, _method: str, fields: EventDict) -> str:
    return _ENCODE(fields)


def _stdlib_fields(_logger: WrappedLogger, _method: str, fields: EventDict) -> EventDict:
    record: logging.LogRecord = fields["_record"]
    fields["level"] = record.levelname.lower()
    fields["logger"] = record.name
    return fields


def _printable(_logger: WrappedLogger, _method: str, fields: EventDict) -> EventDict:
    """Blank out control characters, so that no value can forge a line or steer the terminal."""
    return {
        key: _CONTROLS.sub("?", value if key == "exception" else value.replace("\n", "\\n"))
        if isinstance(value, str)
        else value
        for key, value in fields.items()
    }
