"""How late the event loop wakes its sleepers: what every request waits beside its own work."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress


async def sample_loop_lag(record: Callable[[float], None], *, interval_seconds: float = 0.5) -> None:
    """Give `record` the lag in seconds, once per interval, until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        due_at = loop.time() + interval_seconds
        await asyncio.sleep(interval_seconds)
        record(max(0.0, loop.time() - due_at))


@asynccontextmanager
async def sampling_loop_lag(
    record: Callable[[float], None], *, interval_seconds: float
) -> AsyncIterator[None]:
    """Sample the running loop for as long as the block runs."""
    task = asyncio.create_task(sample_loop_lag(record, interval_seconds=interval_seconds))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
