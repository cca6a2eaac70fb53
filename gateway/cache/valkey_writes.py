"""Writes told to every replica through Valkey, before the writer's caller is answered."""

import asyncio
import secrets
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import msgspec

from gateway.cache.valkey_link import NotShared, UnexpectedAnswer, ValkeyLink
from gateway.cache.valkey_scripts import ADVANCE, generation_name
from gateway.cache.valkey_subscription import Channels, Write

ACKNOWLEDGEMENT_SECONDS: Final = 0.1
"""How long a write waits until every replica has taken it in."""


class ValkeyWrites:
    """Tells this replica's writes and takes in those of the others.

    Replicas of one `group` move their counters on together, and need not be told of each other's writes.
    """

    def __init__(self, link: ValkeyLink, *, channels: Channels, group: str | None = None) -> None:
        self.replica = secrets.token_hex(8)
        self._link = link
        self._channels = channels
        self._group = group or self.replica
        self._owed: set[str] = set()
        self._unacknowledged: dict[int, _Acknowledgements] = {}
        self._last_id = 0
        self._acknowledging: set[asyncio.Task[None]] = set()

    @property
    def are_owed(self) -> bool:
        """Whether a write of this replica could not be told yet."""
        return bool(self._owed)

    async def tell(self, counters: Sequence[str]) -> None:
        """Tell a write: returns once every replica has taken it in, or after a short while.

        One that cannot be told is owed.
        """
        write = self._new_write(counters)
        told = self._unacknowledged[write.id] = _Acknowledgements()
        try:
            replicas = await self._link.run(ADVANCE, **self._telling(write))
        except NotShared:
            self._owed.update(counters)
        except BaseException:
            self._owed.update(counters)
            self._link.rest()
            raise
        else:
            if isinstance(replicas, int):
                await told.wait_for(replicas, seconds=ACKNOWLEDGEMENT_SECONDS)
            else:
                self._owed.update(counters)
                self._link.disbelieve()
        finally:
            del self._unacknowledged[write.id]

    async def tell_owed(self) -> None:
        """Tell what could not be told when it happened; raises where it still cannot."""
        counters = tuple(self._owed)
        if counters:
            replicas = await self._link.run_now(ADVANCE, **self._telling(self._new_write(counters)))
            if not isinstance(replicas, int):
                raise UnexpectedAnswer
            self._owed.difference_update(counters)

    def take(self, write: Write) -> bool:
        """Take a write in; True where this replica's counters are to be moved on by it.

        The caller does that before it lets the loop turn: the acknowledgement goes out after it.
        """
        if write.replica == self.replica:
            self.acknowledged(write.id)
        else:
            task = asyncio.create_task(self._acknowledge(write))
            self._acknowledging.add(task)
            task.add_done_callback(self._acknowledging.discard)
        return write.group != self._group

    def acknowledged(self, write_id: int) -> None:
        """A replica has taken a write of this one in."""
        told = self._unacknowledged.get(write_id)
        if told is not None:
            told.add()

    async def close(self) -> None:
        """Leave the rest unacknowledged."""
        for task in tuple(self._acknowledging):
            task.cancel()
        if self._acknowledging:
            await asyncio.wait(self._acknowledging)

    async def _acknowledge(self, write: Write) -> None:
        with suppress(NotShared):
            await self._link.publish(self._channels.acknowledged(write.replica), str(write.id).encode())

    def _telling(self, write: Write) -> dict[str, list[Any]]:
        names = [generation_name(counter, life=self._link.life) for counter in write.counters]
        return {"keys": names, "args": [self._channels.writes, msgspec.msgpack.encode(write)]}

    def _new_write(self, counters: Sequence[str]) -> Write:
        self._last_id += 1
        return Write(self._group, self.replica, self._last_id, tuple(counters))


class _Acknowledgements:
    """How many replicas have taken a write in."""

    def __init__(self) -> None:
        self._count = 0
        self._more = asyncio.Event()

    def add(self) -> None:
        self._count += 1
        self._more.set()

    async def wait_for(self, replicas: int, *, seconds: float) -> None:
        """Wait until so many have, or the time is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._count < replicas:
                    self._more.clear()
                    await self._more.wait()
