"""Turns on the event loop for what holds it long, one after another, whoever else is served between."""

import asyncio


class Turns:
    """Gives one turn per iteration of the event loop, in the order of asking.

    A page of a listing holds the loop for a third of a millisecond to be asked for, and again to be read.
    Pages come ten at a time, of many tenants: without turns a request waits for all that have come.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    async def take(self) -> None:
        """Return within an iteration of the loop in which nobody else took a turn."""
        await self._lock.acquire()
        asyncio.get_running_loop().call_soon(self._lock.release)
