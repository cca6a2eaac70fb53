"""The client of one tenant's Evolux: reads are tried again, writes are sent once."""

import asyncio
import random as random_module
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext
from datetime import UTC, datetime

from gateway.domain.deadlines import Deadline, one_deadline
from gateway.domain.errors import GatewayError, UpstreamCredentialsRejected
from gateway.evolux.answers import Answer, accepted
from gateway.evolux.connection import ConnectionLimits
from gateway.evolux.envelope import Envelope
from gateway.evolux.observing import AttemptReport, Unobserved, UpstreamObserver
from gateway.evolux.operations import Operation
from gateway.evolux.refusals import unknown_words
from gateway.evolux.requests import Request, Revealable, TokenSource
from gateway.evolux.retries import Retries
from gateway.evolux.upstream_clock import UpstreamClock
from gateway.evolux.wire import Wire

Gate = Callable[[Operation], AbstractAsyncContextManager[object]]
"""Entered around every attempt: a breaker, a quota, a limit. The attempt's error passes through it, and what
it raises on its own account is never tried again."""


class EvoluxClient:
    """Speaks HTTP to one tenant's host over one pool. Raises only `GatewayError`; close it with `aclose`."""

    def __init__(
        self,
        base_url: str,
        *,
        tokens: TokenSource,
        limits: ConnectionLimits | None = None,
        retries: Retries | None = None,
        deadline_seconds: float = 25.0,
        observer: UpstreamObserver | None = None,
        gate: Gate = lambda _operation: nullcontext(),
        may_retry: Callable[[], bool] = lambda: True,
        trace_headers: Callable[[], Mapping[str, str]] = dict,
        verify: ssl.SSLContext | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        timer: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        random: Callable[[], float] = random_module.random,
    ) -> None:
        self.observer: UpstreamObserver = observer or Unobserved()
        self.timer = timer
        self._wire = Wire(
            base_url, limits=limits or ConnectionLimits(), verify=verify, trace_headers=trace_headers
        )
        self._tokens = tokens
        self._retries = retries or Retries()
        self._deadline_seconds = deadline_seconds
        self._gate = gate
        self._may_retry = may_retry
        self._clock = clock
        self._upstream_clock = UpstreamClock()
        self._sleep = sleep
        self._random = random

    async def aclose(self) -> None:
        """Close every connection."""
        await self._wire.aclose()

    def upstream_now(self) -> datetime | None:
        """What Evolux's clock says now, by its answers; None before the first one."""
        return self._upstream_clock.at(self._clock())

    def within_deadline(self) -> AbstractContextManager[Deadline]:
        """Bound all that the block asks: by the caller's deadline, without one by this client's."""
        return one_deadline(self._deadline_seconds, monotonic=self.timer)

    async def read(self, request: Request) -> Envelope:
        """Ask, and ask again where that may help, there is time, and retries are left."""
        with self.within_deadline() as deadline:
            return await self._read(request, ends_at=self.timer() + deadline.left_seconds)

    async def _read(self, request: Request, *, ends_at: float) -> Envelope:
        attempt = 1
        while True:
            outcome = await self._with_valid_token(request, attempt=attempt, ends_at=ends_at)
            if isinstance(outcome, Envelope):
                return outcome
            attempt += 1
            wait_seconds = self._retries.wait_before(
                attempt, error=outcome, left_seconds=ends_at - self.timer(), random=self._random
            )
            if wait_seconds is None or not self._may_retry():
                raise outcome
            await self._sleep(wait_seconds)

    async def write(self, request: Request) -> Envelope:
        """Send once. What was refused for its token did not happen, and goes once more with a new one."""
        with self.within_deadline() as deadline:
            ends_at = self.timer() + deadline.left_seconds
            outcome = await self._with_valid_token(request, attempt=1, ends_at=ends_at)
        if isinstance(outcome, Envelope):
            return outcome
        raise outcome

    async def _with_valid_token(
        self, request: Request, *, attempt: int, ends_at: float
    ) -> Envelope | GatewayError:
        used = self._tokens.current()
        outcome = await self._attempt(request, token=used, attempt=attempt, ends_at=ends_at)
        if not isinstance(outcome, UpstreamCredentialsRejected):
            return outcome
        renewed = self._renewed_token(used)
        if renewed is None:
            return outcome
        return await self._attempt(request, token=renewed, attempt=attempt + 1, ends_at=ends_at)

    def _renewed_token(self, used: Revealable) -> Revealable | None:
        """The token where it is another by now: of many attempts refused at once only one sees it change."""
        if self._tokens.current().reveal() == used.reveal():
            self._tokens.reread()
        current = self._tokens.current()
        return None if current.reveal() == used.reveal() else current

    async def _attempt(
        self, request: Request, *, token: Revealable, attempt: int, ends_at: float
    ) -> Envelope | GatewayError:
        """One attempt inside the gate: its error comes back as a value, the gate's own is raised."""
        failure: GatewayError | None = None
        try:
            async with self._gate(request.operation):
                try:
                    return await self._observed(request, token=token, attempt=attempt, ends_at=ends_at)
                except GatewayError as error:
                    failure = error
                    raise
        except GatewayError as error:
            if error is failure:
                return error
            raise

    async def _observed(
        self, request: Request, *, token: Revealable, attempt: int, ends_at: float
    ) -> Envelope:
        operation, began_at = request.operation, self.timer()
        answer, outcome, said = Answer(), "cancelled", None
        with self.observer.attempt_started(
            operation.method, path_template=operation.path_template, page=request.page, attempt=attempt
        ) as span:
            try:
                answer = await self._wire.exchange(request, token=token, left_seconds=ends_at - began_at)
                if answer.status is not None:
                    span.answered(answer.status)
                self._upstream_clock.note(answer.headers.get("date"), received_at=self._clock())
                envelope = accepted(answer, operation=operation, now=self._clock())
                outcome = "ok"
            except GatewayError as error:
                outcome = error.code.value
                said = unknown_words(error, answer=answer, request=request, token=token)
                raise
            finally:
                self.observer.attempt_finished(
                    AttemptReport(
                        method=operation.method,
                        path_template=operation.path_template,
                        page=request.page,
                        attempt=attempt,
                        status=answer.status,
                        seconds=self.timer() - began_at,
                        outcome=outcome,
                        said=said,
                    )
                )
        return envelope
