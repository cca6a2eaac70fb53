"""What replicas tell each other through Valkey's channels: writes, that they were heard, ends of walks."""

import asyncio
from typing import Final, Protocol

import msgspec
from valkey.asyncio.connection import AbstractConnection
from valkey.exceptions import ConnectionError as ValkeyConnectionError

from gateway.cache.valkey_link import Rests, UnexpectedAnswer, ValkeyLink, hang_up
from gateway.cache.valkey_pool import CONNECT_SECONDS
from gateway.cache.valkey_scripts import PREFIX

HEARTBEAT_SECONDS: Final = 1.0
_SILENT_BEATS: Final = 2
"""So many heartbeats without a sound, and the connection counts as dead."""

_STEADY_SECONDS: Final = 30.0
"""A subscription that held so long is begun anew at once; one that keeps breaking, after longer rests."""


class Write(msgspec.Struct, array_like=True, frozen=True):
    """A write as every replica hears of it: who did it, which one, and the counters that it moves on."""

    group: str
    replica: str
    id: int
    counters: tuple[str, ...]


class Channels:
    """The channels of one database; acknowledgements go to the replica that wrote."""

    def __init__(self, database: int) -> None:
        self.writes = f"{PREFIX}/{database}/writes"
        self.landed = f"{PREFIX}/{database}/landed"
        self._acknowledged = f"{PREFIX}/{database}/acknowledged"

    def acknowledged(self, replica: str) -> str:
        """Where this replica hears that others have taken its writes in."""
        return f"{self._acknowledged}/{replica}"


class Listener(Protocol):
    """Hears what the other replicas tell; quick, and raises nothing."""

    def write_told(self, write: Write) -> None:
        """A replica wrote, this one included."""
        ...

    def write_acknowledged(self, write_id: int) -> None:
        """A replica has taken a write of this one in."""
        ...

    def walk_landed(self, listing: str) -> None:
        """The walk of the listing of this name is over, one way or the other."""
        ...

    def cut_off(self) -> None:
        """From now on writes may go unheard, and nobody tells of walks."""
        ...

    def sync_lost(self) -> None:
        """Writes may have gone unheard: nothing held from before now is known to be good."""
        ...


class Subscription:
    """Listens as long as it runs, and begins anew whenever it breaks.

    Messages of the meantime are gone: so each beginning says `sync_lost`, once nothing more can be missed.
    """

    def __init__(self, link: ValkeyLink, *, channels: Channels, replica: str, listener: Listener) -> None:
        self._link = link
        self._channels = channels
        self._own_channel = channels.acknowledged(replica)
        self._listener = listener
        self._silent_beats = 0
        self.began = asyncio.Event()

    async def run(self) -> None:
        """Listen until cancelled."""
        rests = Rests()
        while True:
            began_at = asyncio.get_running_loop().time()
            try:
                await self._listen()
            except Exception as error:  # noqa: BLE001 - the client lets out whatever its parser meets in garbage
                self._link.lose(error)
                self._listener.cut_off()
            if asyncio.get_running_loop().time() - began_at >= _STEADY_SECONDS:
                rests.reset()
            await rests.take()

    async def _listen(self) -> None:
        async with asyncio.timeout(CONNECT_SECONDS):
            connection = await self._link.open_connection()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._subscribe(connection)
            self._listener.sync_lost()
            self._silent_beats = 0
            hearing = asyncio.create_task(self._hear(connection))
            try:
                await self._link.regain()
                self.began.set()
                await self._keep_alive(connection, hearing)
            finally:
                hearing.cancel()
                await asyncio.wait([hearing])
        finally:
            await hang_up(connection)

    async def _subscribe(self, connection: AbstractConnection) -> None:
        names = (self._channels.writes, self._channels.landed, self._own_channel)
        await connection.send_command("SUBSCRIBE", *names)
        for _ in names:
            match await connection.read_response():
                case [b"subscribe", bytes(), int()]:
                    continue
                case _:
                    raise UnexpectedAnswer

    async def _keep_alive(self, connection: AbstractConnection, hearing: "asyncio.Task[None]") -> None:
        """Ask for a sign of life now and then; raises where none comes, or where the hearing broke off."""
        while True:
            await asyncio.wait([hearing], timeout=HEARTBEAT_SECONDS)
            if hearing.done():
                hearing.result()
            if self._silent_beats >= _SILENT_BEATS:
                raise ValkeyConnectionError("silent")
            self._silent_beats += 1
            async with asyncio.timeout(HEARTBEAT_SECONDS):
                await connection.send_command("PING")

    async def _hear(self, connection: AbstractConnection) -> None:
        while True:
            match await connection.read_response():
                case [b"message", bytes() as channel, bytes() as message]:
                    self._take(channel.decode(errors="replace"), message)
                case [b"pong", bytes()]:
                    pass
                case _:
                    raise UnexpectedAnswer
            self._silent_beats = 0

    def _take(self, channel: str, message: bytes) -> None:
        """Hand a message on; a write that cannot be read may be any, from a newer release say."""
        if channel == self._channels.landed:
            self._listener.walk_landed(message.decode(errors="replace"))
        elif channel == self._own_channel:
            if message.isdigit():
                self._listener.write_acknowledged(int(message))
        else:
            try:
                self._listener.write_told(msgspec.msgpack.decode(message, type=Write))
            except msgspec.MsgspecError:
                self._listener.sync_lost()
