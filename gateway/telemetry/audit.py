"""The audit trail: who asked for which change, on whom, and what came of it; one line for each."""

import asyncio
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import structlog

from gateway.domain.agents import Agent
from gateway.domain.bulk import BulkResult
from gateway.domain.errors import ErrorCode, GatewayError
from gateway.telemetry import events
from gateway.telemetry.labels import ExportOutcome

LOGGER: Final = "gateway.audit"
OK: Final = "OK"
CALLER_LEFT: Final = "CALLER_LEFT"
"""The outcome where the caller left before anything was sent."""
_AGENT_ID: Final = re.compile(r"[0-9]{1,18}")


class AuditTrail:
    """Writes the records of one request; of an agent it knows the id and nothing else."""

    __slots__ = ("_fields", "_sent")

    def __init__(self, *, tenant: str, caller: str, request_id: str) -> None:
        self._fields = {"tenant": tenant, "caller": caller, "request_id": request_id}
        self._sent: list[tuple[int | None, asyncio.Task[Any]]] = []

    @contextmanager
    def entry(self, operation: str, *, agent_id: str | None = None) -> Iterator["AuditEntry"]:
        """One change that was asked for; `agent_id` as the caller wrote it.

        What it came to is told to the entry. What is raised is noted too, and raised on. After a caller who
        hung up, each write under way is noted when it ends.
        """
        self._sent.clear()
        entry = AuditEntry(self, operation=operation, agent_id=agent_id)
        try:
            yield entry
        except asyncio.CancelledError:
            self._follow(tuple(self._sent), entry=entry)
            raise
        except GatewayError as error:
            entry.failed(error)
            raise
        except Exception:
            self.tell(operation, ErrorCode.INTERNAL_SERVER_ERROR.value, agent_id=agent_id)
            raise

    def sent(self, agent_id: int | None, task: "asyncio.Task[Any]") -> None:
        """A write is on its way: to this agent, or the one that it creates."""
        self._sent.append((agent_id, task))

    def tell(self, operation: str, outcome: str, *, agent_id: str | None = None, **more: bool) -> None:
        """Write one record; an id that is not a number is not repeated."""
        known = {} if agent_id is None or not _AGENT_ID.fullmatch(agent_id) else {"agent_id": agent_id}
        told = {name: value for name, value in more.items() if value}
        log = structlog.get_logger(LOGGER)
        log.info(events.AUDIT, operation=operation, outcome=outcome, **known, **told, **self._fields)

    def exported(
        self, operation: str, outcome: ExportOutcome, *, file_format: str, rows: int, size: int
    ) -> None:
        """A file that was sent, whole or in part; `rows` where it was whole, `size` is the bytes sent."""
        log = structlog.get_logger(LOGGER)
        told = {"format": file_format, "rows": rows, "bytes": size, "outcome": outcome.value}
        log.info(events.EXPORTED, operation=operation, **told, **self._fields)

    def _follow(
        self, sent: tuple[tuple[int | None, "asyncio.Task[Any]"], ...], *, entry: "AuditEntry"
    ) -> None:
        if not sent:
            entry.left()
        for agent_id, task in sent:
            task.add_done_callback(partial(entry.ended_alone, agent_id))


class AuditEntry:
    """What one change came to: told once, or for a write to many once for each agent."""

    __slots__ = ("_agent_id", "_operation", "_trail")

    def __init__(self, trail: AuditTrail, *, operation: str, agent_id: str | None) -> None:
        self._trail = trail
        self._operation = operation
        self._agent_id = agent_id

    def done(self, agent_id: int | None = None, **more: bool) -> None:
        """It was done, or was so already: `changed` or not, `reconciled` or not, or a `dry_run`."""
        self._trail.tell(self._operation, OK, agent_id=self._about(agent_id), **more)

    def failed(self, error: GatewayError, *, agent_id: int | None = None) -> None:
        """It was refused or failed."""
        self._trail.tell(self._operation, error.code.value, agent_id=self._about(agent_id))

    def done_many(self, results: Iterable[BulkResult], *, dry_run: bool) -> None:
        """A write to many ended: a record for each agent, or one where nothing was to be written."""
        told = () if dry_run else tuple(results)
        if not told:
            self.done(dry_run=dry_run)
        for result in told:
            if result.error is not None:
                self.failed(result.error, agent_id=result.agent_id)
            elif result.written is not None:
                written = result.written
                self.done(result.agent_id, changed=written.changed, reconciled=written.reconciled)

    def left(self) -> None:
        """The caller hung up before anything was sent."""
        self._trail.tell(self._operation, CALLER_LEFT, agent_id=self._agent_id)

    def ended_alone(self, agent_id: int | None, task: "asyncio.Task[Any]") -> None:
        """A write ended after its caller had hung up; what it came to is what Evolux answered."""
        outcome, result = _outcome_of(task)
        about = result.id if isinstance(result, Agent) else agent_id
        self._trail.tell(self._operation, outcome, agent_id=self._about(about), caller_left=True)

    def _about(self, agent_id: int | None) -> str | None:
        return self._agent_id if agent_id is None else str(agent_id)


def _outcome_of(task: "asyncio.Task[Any]") -> tuple[str, object]:
    error = asyncio.CancelledError() if task.cancelled() else task.exception()
    match error:
        case None:
            return OK, task.result()
        case GatewayError():
            return error.code.value, None
        case asyncio.CancelledError():
            return ErrorCode.OUTCOME_UNKNOWN.value, None
        case _:
            return ErrorCode.INTERNAL_SERVER_ERROR.value, None
