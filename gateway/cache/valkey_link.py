"""The connections to Valkey: short timeouts, a rest after a failure, and no trust in another life of it."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Final

from valkey.asyncio import Valkey
from valkey.asyncio.connection import AbstractConnection
from valkey.exceptions import ConnectionError as ValkeyConnectionError
from valkey.exceptions import OutOfMemoryError, ValkeyError

from gateway.cache.valkey_pool import open_pool
from gateway.domain.secrets import SecretUrl
from gateway.telemetry.incidents import IncidentLog

_REST_SECONDS: Final = 0.25
_MAX_REST_SECONDS: Final = 10.0


class NotShared(Exception):
    """Valkey could not be asked; whoever wanted something of it does without."""


class UnexpectedAnswer(Exception):
    """Whatever answers there is no Valkey, or not as it should be."""


class Rests:
    """Rests between tries that double from a quarter of a second to ten, each shortened at random."""

    def __init__(self, *, jitter: Callable[[], float] = random.random) -> None:
        self._jitter = jitter
        self._next_seconds = _REST_SECONDS

    async def take(self) -> None:
        """Wait for one rest; the next is longer."""
        seconds = self._next_seconds * (0.5 + self._jitter() / 2)
        self._next_seconds = min(self._next_seconds * 2, _MAX_REST_SECONDS)
        await asyncio.sleep(seconds)

    def reset(self) -> None:
        """Begin short again."""
        self._next_seconds = _REST_SECONDS


class ValkeyLink:
    """Runs scripts within `timeout_seconds`; after a failure nobody waits for Valkey until it answers again.

    `life` is the server's own name for its life since its start. A restarted server, or another one that
    takes over, may have lost the last writes; keys carry the life, so that nothing of another one is seen.
    """

    def __init__(self, url: SecretUrl, *, timeout_seconds: float, incidents: IncidentLog) -> None:
        self._timeout_seconds = timeout_seconds
        self._incidents = incidents
        self._pool = open_pool(url, wait_seconds=timeout_seconds, greet=self._greet)
        self._client = Valkey(connection_pool=self._pool)
        self._settle: Callable[[], Awaitable[None]] | None = None
        self._resting: asyncio.Task[None] | None = None
        self._is_subscribed = False
        self.life = ""

    @property
    def is_well(self) -> bool:
        """Whether every write of other replicas is heard of, and Valkey answers."""
        return self._is_subscribed and self._resting is None

    @property
    def unchanged_seconds(self) -> float | None:
        """For how long that has been so; None where it never changed."""
        return self._incidents.unchanged_seconds

    def lose(self, error: Exception) -> None:
        """The subscription broke: writes of other replicas may go unheard."""
        self._is_subscribed = False
        self._fail(error)

    async def regain(self) -> None:
        """The subscription stands: settle, and use Valkey again; raises whatever hinders it."""
        await self._stop_resting()
        await self.settle()
        self._is_subscribed = True
        if self._resting is None:
            self._incidents.recover()

    @property
    def database(self) -> int:
        """The number of the database: channels, unlike keys, are common to all of them."""
        return int(self._pool.connection_kwargs.get("db", 0))

    def before_use(self, settle: Callable[[], Awaitable[None]]) -> None:
        """Set what must succeed after a failure before Valkey is used again."""
        self._settle = settle

    async def run(self, script: str, *, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Run a script; `NotShared` where it fails, takes too long, or Valkey rests."""
        if self._resting is not None:
            raise NotShared
        return await self._guard(lambda: self._client.register_script(script)(keys=keys, args=args))

    async def publish(self, channel: str, message: bytes) -> None:
        """Tell a channel; `NotShared` as above."""
        if self._resting is not None:
            raise NotShared
        await self._guard(lambda: self._client.publish(channel, message))

    def disbelieve(self) -> None:
        """An answer made no sense: rest as after a failure."""
        self._fail(UnexpectedAnswer())
        self.rest()

    async def settle(self) -> None:
        """Do what must be done before Valkey is used again; raises whatever hinders it."""
        async with asyncio.timeout(self._timeout_seconds):
            if await self._client.ping() is not True:
                raise UnexpectedAnswer
        if self._settle is not None:
            await self._settle()

    async def run_now(self, script: str, *, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Run a script even at rest, and let its failure out: for what ends the rest."""
        async with asyncio.timeout(self._timeout_seconds):
            return await self._client.register_script(script)(keys=keys, args=args)

    async def open_connection(self) -> AbstractConnection:
        """Make a connection of its own, which waits for messages as long as it takes."""
        options = {**self._pool.connection_kwargs, "valkey_connect_func": self._greet_for_listening}
        connection = self._pool.connection_class(**options)
        try:
            await connection.connect()  # type: ignore[no-untyped-call]  # the package leaves it untyped
        except BaseException:
            await hang_up(connection)
            raise
        return connection

    async def close(self) -> None:
        """Close all connections."""
        await self._stop_resting()
        with suppress(ValkeyError, OSError):
            await self._pool.aclose()

    async def _guard(self, ask: Callable[[], Awaitable[Any]]) -> Any:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                answer = await ask()
        except OutOfMemoryError as error:
            self._fail(error)
            raise NotShared from None
        except Exception as error:  # noqa: BLE001 - the client lets out whatever its parser meets in garbage
            self._fail(error)
            self.rest()
            raise NotShared from None
        if self.is_well:
            self._incidents.recover()
        return answer

    def _fail(self, error: Exception) -> None:
        """Tell the kind of failure only: its text may carry the address."""
        self._incidents.fail(reason=type(error).__name__)

    def rest(self) -> None:
        """Do without Valkey until all is settled."""
        if self._resting is None:
            self._resting = asyncio.create_task(self._recover())

    async def _stop_resting(self) -> None:
        resting, self._resting = self._resting, None
        if resting is not None:
            resting.cancel()
            await asyncio.wait([resting])

    async def _recover(self) -> None:
        """Try again after longer and longer rests; nobody's request is used to find out."""
        rests = Rests()
        while True:
            await rests.take()
            try:
                await self._pool.disconnect(inuse_connections=False)
                await self.settle()
            except Exception as error:  # noqa: BLE001 - as above; it is counted and tried again
                self._fail(error)
                continue
            self._resting = None
            if self._is_subscribed:
                self._incidents.recover()
            return

    async def _greet(self, connection: AbstractConnection) -> None:
        """Log in; a connection to another life than the subscription's is none."""
        if await _greeted(connection) != self.life:
            raise ValkeyConnectionError("another server")

    async def _greet_for_listening(self, connection: AbstractConnection) -> None:
        """Log in; from now on this is the life."""
        self.life = await _greeted(connection)


async def _greeted(connection: AbstractConnection) -> str:
    """Log in, and ask whose life it is."""
    await connection.on_connect()
    await connection.send_command("INFO", "server")
    return _life(await connection.read_response())


async def hang_up(connection: AbstractConnection) -> None:
    """Close a connection, whatever state it is in."""
    with suppress(ValkeyError, OSError):
        await connection.disconnect()


def _life(info: object) -> str:
    """The `run_id` of an answer to INFO; ConnectionError where there is none."""
    lines = info.splitlines() if isinstance(info, bytes) else []
    for line in lines:
        name, _, value = line.partition(b":")
        if name == b"run_id" and value.isalnum():
            return value[:12].decode()
    raise ValkeyConnectionError("no run_id")
