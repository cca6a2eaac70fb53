"""Time that a test moves by hand, and the few turns of the event loop that what it set off needs."""

import asyncio
from collections.abc import Callable, Iterator

from gateway.domain.deadlines import one_deadline
from gateway.domain.errors import GatewayError, UpstreamUnavailable
from gateway.evolux.operations import Operation
from gateway.evolux.protection.breaker import BreakerLimits
from gateway.evolux.protection.protection import Protection
from gateway.evolux.protection.turnstile import TurnstileLimits
from gateway.telemetry.labels import BreakerState


class Planned:
    """A call that a test's clock will make."""

    def __init__(self, at: float, callback: Callable[[], object]) -> None:
        self.at = at
        self.callback = callback
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class HandTimers:
    """A clock that stands still until `advance`."""

    def __init__(self, *, now: float = 1000.0) -> None:
        self.now = now
        self._planned: list[Planned] = []

    def monotonic(self) -> float:
        return self.now

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Planned:
        planned = Planned(self.now + seconds, callback)
        self._planned.append(planned)
        return planned

    @property
    def planned(self) -> int:
        return len([planned for planned in self._planned if not planned.is_cancelled])

    async def advance(self, seconds: float) -> None:
        """Let time pass, each call made at its own instant, and let the tasks it woke go on."""
        until = self.now + seconds
        while due := [one for one in self._planned if not one.is_cancelled and one.at <= until]:
            planned = min(due, key=lambda one: one.at)
            self._planned.remove(planned)
            self.now = max(self.now, planned.at)
            planned.callback()
            await turns()
        self.now = until
        await turns()


async def turns(number: int = 8) -> None:
    """Let tasks go on until they wait for something that this test holds."""
    for _ in range(number):
        await asyncio.sleep(0)


class Bench:
    """A protection on hand-moved time, and attempts that stay at Evolux until the test answers them."""

    def __init__(
        self,
        *,
        concurrency: int = 2,
        max_waiting: int = 500,
        requests_per_second: float = 1000.0,
        burst: int = 1000,
        failures: int = 3,
        window_seconds: float = 10.0,
        open_seconds: float = 5.0,
    ) -> None:
        self.timers = HandTimers()
        self.changes: list[BreakerState] = []
        self.protection = Protection(
            turnstile=TurnstileLimits(
                concurrency=concurrency,
                max_waiting=max_waiting,
                requests_per_second=requests_per_second,
                burst=burst,
            ),
            breaker=BreakerLimits(
                failures=failures, window_seconds=window_seconds, open_seconds=open_seconds
            ),
            timers=self.timers,
            on_breaker_change=self.changes.append,
        )
        self.at_evolux: list[str] = []

    async def outcome(
        self,
        error: Exception | None = None,
        *,
        operation: Operation = Operation.LIST_AGENTS,
        takes_seconds: float = 0.0,
    ) -> Exception | None:
        """One attempt that Evolux answers with this error, or well; what its caller gets."""
        try:
            async with self.protection.gate(operation):
                self.at_evolux.append(operation.name)
                if takes_seconds:
                    await self.timers.advance(takes_seconds)
                if error is not None:
                    raise error
        except GatewayError as raised:
            return raised
        return None

    def send(
        self,
        name: str = "",
        *,
        operation: Operation = Operation.LIST_AGENTS,
        deadline_seconds: float = 25.0,
    ) -> "Attempt":
        """Begin an attempt of an errand of its own."""
        return Attempt(self, name or operation.name, operation=operation, deadline_seconds=deadline_seconds)

    async def walk(self, name: str, *, pages: int, answer: asyncio.Event, at_once: int = 10) -> None:
        """One errand with many reads."""
        numbers = iter(range(pages))
        with one_deadline(1000.0, monotonic=self.timers.monotonic):
            async with asyncio.TaskGroup() as tasks:
                for _ in range(at_once):
                    tasks.create_task(self._pages(name, numbers=numbers, answer=answer))

    async def _pages(self, name: str, *, numbers: Iterator[int], answer: asyncio.Event) -> None:
        for _number in numbers:
            async with self.protection.gate(Operation.LIST_AGENTS):
                self.at_evolux.append(name)
                await answer.wait()


class Attempt:
    """One attempt under way. `answer` lets it end; `outcome` is what its caller got."""

    def __init__(self, bench: Bench, name: str, *, operation: Operation, deadline_seconds: float) -> None:
        self._bench = bench
        self._name = name
        self._operation = operation
        self._answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.is_sent = False
        with one_deadline(deadline_seconds, monotonic=bench.timers.monotonic):
            self.task = asyncio.create_task(self._run())

    async def answer(self, error: Exception | None = None) -> GatewayError | None:
        """Let Evolux answer, and give what the caller got."""
        assert self.is_sent
        if error is None:
            self._answered.set_result(None)
        else:
            self._answered.set_exception(error)
        return await self.task

    async def cancel(self) -> None:
        """Let the caller hang up."""
        self.task.cancel()
        await asyncio.wait([self.task])
        assert self.task.cancelled()

    async def _run(self) -> GatewayError | None:
        try:
            async with self._bench.protection.gate(self._operation):
                self.is_sent = True
                self._bench.at_evolux.append(self._name)
                await self._answered
        except GatewayError as error:
            return error
        return None


async def answer_all(attempts: list[Attempt]) -> None:
    """Let Evolux answer every attempt, those too that get their turn by it."""
    while under_way := [attempt for attempt in attempts if attempt.is_sent and not attempt.task.done()]:
        for attempt in under_way:
            await attempt.answer()
        await turns()


async def opened(**limits: float) -> Bench:
    """A bench whose breaker three failures have just opened."""
    bench = Bench(**limits)  # type: ignore[arg-type]  # limits of either number type
    for _ in range(3):
        await bench.outcome(UpstreamUnavailable("down", upstream_status=503))
    assert bench.protection.state.breaker is BreakerState.OPEN
    bench.at_evolux.clear()
    bench.changes.clear()
    return bench
