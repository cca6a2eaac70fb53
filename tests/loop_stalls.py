"""How long the event loop is held at a time: measured in its thread's CPU, not in a busy machine's time."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class LoopStalls:
    """The longest hold seen."""

    def __init__(self) -> None:
        self.longest_seconds = 0.0

    async def sample(self) -> None:
        """Look at every turn of the loop, until cancelled."""
        before = time.thread_time()
        while True:
            await asyncio.sleep(0.0005)
            now = time.thread_time()
            self.longest_seconds = max(self.longest_seconds, now - before)
            before = now


@asynccontextmanager
async def loop_stalls() -> AsyncIterator[LoopStalls]:
    """Measure while the block runs.

    What the tests before it left is kept out of collections meanwhile, as the gateway keeps out what it holds
    from its start: to go through a whole suite's objects takes 50 ms.
    """
    stalls = LoopStalls()
    gc.collect()
    gc.freeze()
    task = asyncio.create_task(stalls.sample())
    try:
        yield stalls
    finally:
        task.cancel()
        gc.unfreeze()
