"""Files: sent in chunks that threads make, as fast as the caller takes them, and counted when they end."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from typing import Final

from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from gateway.domain.errors import Overloaded
from gateway.rest.context import RestContext
from gateway.rest.exports.formats import Export
from gateway.telemetry import names
from gateway.telemetry.labels import ExportOutcome
from gateway.telemetry.spans import OpenSpan
from gateway.telemetry.telemetry import Telemetry

MOST_PER_TENANT: Final = 4
"""Files under way at once for a tenant in one process: each holds its snapshot for as long as it takes."""
_RETRY_AFTER_SECONDS: Final = 1.0


class FileDesk:
    """Sends exports as files."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry
        self._under_way: Counter[str] = Counter()

    async def answer(
        self,
        export: Export,
        *,
        operation: str,
        context: RestContext,
        headers: Mapping[str, str],
        is_head: bool,
    ) -> Response:
        """Begin a file; `Overloaded` where the tenant has too many under way.

        The first chunk is made before the answer begins, so that what fails at once is told as a problem.
        """
        told = {
            **headers,
            **export.headers,
            "content-type": export.format.content_type,
            "content-disposition": f'attachment; filename="{export.file_name}"',
        }
        if is_head:
            return StreamingResponse(_nothing(), headers=told)
        if self._under_way[context.tenant_id] >= MOST_PER_TENANT:
            raise Overloaded(
                f"This tenant has {MOST_PER_TENANT} exports under way.",
                retry_after_seconds=_RETRY_AFTER_SECONDS,
            )
        self._under_way[context.tenant_id] += 1
        sending = _Sending(
            export, on_end=lambda ended: self._end(ended, operation=operation, context=context)
        )
        try:
            await sending.begin()
        except BaseException:
            sending.end()
            raise
        return _FileResponse(sending, headers=told, span_of=partial(self._span_of, export, context=context))

    def _span_of(self, export: Export, *, context: RestContext) -> OpenSpan:
        return self._telemetry.tracing.export_span(context.tenant_id, file_format=export.format.value)

    def _end(self, ended: "_Sending", *, operation: str, context: RestContext) -> None:
        self._under_way[context.tenant_id] -= 1
        export, outcome = ended.export, ended.outcome
        rows = len(export.table.sources) if outcome is ExportOutcome.WHOLE else 0
        self._telemetry.record_export(
            context.tenant_id, file_format=export.format.value, outcome=outcome, rows=rows, size=ended.bytes
        )
        context.trail.exported(
            operation, outcome, file_format=export.format.value, rows=rows, size=ended.bytes
        )


class _Sending:
    """One file while it is sent. Its chunks are made in threads, one at a time, each when it is asked for."""

    def __init__(self, export: Export, *, on_end: Callable[["_Sending"], None]) -> None:
        self.export = export
        self.outcome = ExportOutcome.LEFT
        self.bytes = 0
        self._chunks = export.chunks()
        self._first = b""
        self._on_end = on_end

    async def begin(self) -> None:
        """Make the first chunk."""
        self._first = await self._make()

    async def body(self) -> AsyncIterator[bytes]:
        """Give the chunks."""
        chunk = self._first
        while chunk:
            self.bytes += len(chunk)
            yield chunk
            chunk = await self._make()
        self.outcome = ExportOutcome.WHOLE

    def end(self) -> None:
        """Whatever came of it, no more is made."""
        self._chunks.stop()
        self._on_end(self)

    async def _make(self) -> bytes:
        try:
            return await asyncio.to_thread(self._chunks.take)
        except Exception:
            self.outcome = ExportOutcome.FAILED
            raise


class _FileResponse(StreamingResponse):
    """A file, which ends when its caller has it or is gone."""

    def __init__(
        self, sending: _Sending, *, headers: Mapping[str, str], span_of: Callable[[], OpenSpan]
    ) -> None:
        super().__init__(sending.body(), headers=headers)
        self._sending = sending
        self._span_of = span_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._span_of() as span:
            try:
                await super().__call__(scope, receive, send)
            finally:
                self._sending.end()
                _tell(span, self._sending)


def _tell(span: OpenSpan, sending: _Sending) -> None:
    span.note(names.EXPORT_OUTCOME, sending.outcome.value)
    span.note(names.EXPORT_BYTES, sending.bytes)
    if sending.outcome is ExportOutcome.LEFT:
        span.hang_up()


async def _nothing() -> AsyncIterator[bytes]:
    nothing: tuple[bytes, ...] = ()
    for chunk in nothing:
        yield chunk
