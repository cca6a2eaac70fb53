"""Where snapshots are held: bounded in bytes, per tenant and in all, the least used dropped first."""

from collections import OrderedDict
from collections.abc import Callable
from enum import Enum
from typing import Any, NamedTuple

import cachetools

from gateway.domain.errors import Failure
from gateway.domain.ids import TenantId
from gateway.domain.listings import Snapshot


class ListingKind(Enum):
    """The collections that Evolux lists."""

    __hash__ = object.__hash__  # members are single; Enum's own is a Python function, and these are keys

    AGENTS = "agents"
    QUEUES = "queues"
    AGENT_PAUSES = "agent_pauses"


class ListingKey(NamedTuple):
    """Names one listing, tenant first.

    `credential` follows the base URL and the token that the tenant's requests carry, so that a listing read
    with one credential is never served under another.
    """

    tenant_id: TenantId
    credential: str
    kind: ListingKind
    of_id: int | None = None

    @property
    def counter(self) -> str:
        """The name of its generation: a tenant's listings of one kind move on together."""
        return f"{self.tenant_id}/{self.kind.value}"


class Held(NamedTuple):
    """A snapshot with the monotonic instant and the generation at which its walk began.

    `patched_at` is when a write last put into it what is known to have changed: a walk is to confirm that.
    `failure` is why a part is missing, where Evolux failed to show it; `failed_at` when a walk last failed,
    and `may_cover` whether this may stand in for what that walk failed with.
    """

    snapshot: Snapshot[Any]
    read_at: float
    generation: int
    patched_at: float | None = None
    failure: Failure | None = None
    failed_at: float | None = None
    may_cover: bool = True


class JudgedFresh(NamedTuple):
    """A listing that is fresh until a moment, as long as the store and its generation do not change."""

    key: ListingKey
    held: Held
    counter: str
    until: float
    changes: int


class ListingStore:
    """Snapshots by key: each tenant within `max_tenant_bytes`, all within `max_bytes`.

    Over the total, the tenant that was used the longest ago loses its listings first.
    """

    def __init__(
        self,
        *,
        max_bytes: int = 256 * 2**20,
        max_tenant_bytes: int | None = None,
        on_put: Callable[[ListingKey], object] = lambda _key: None,
    ) -> None:
        """Make it; `on_put` is told whenever something is held anew."""
        self._on_put = on_put
        self._max_bytes = max_bytes
        self._max_tenant_bytes = max_tenant_bytes or max_bytes
        self._tenants: OrderedDict[TenantId, cachetools.LRUCache[ListingKey, Held]] = OrderedDict()
        self.changes = 0
        """Moves on with every change of what is held."""

    def get(self, key: ListingKey) -> Held | None:
        """What is held under the key, however old."""
        own = self._tenants.get(key.tenant_id)
        if own is None:
            return None
        self._tenants.move_to_end(key.tenant_id)
        return own.get(key)

    def put(self, key: ListingKey, held: Held) -> bool:
        """Hold a snapshot; False where it alone is larger than its tenant may have."""
        self.changes += 1
        own = self._tenants.setdefault(
            key.tenant_id, cachetools.LRUCache(maxsize=self._max_tenant_bytes, getsizeof=weigh)
        )
        self._tenants.move_to_end(key.tenant_id)
        own.pop(key, None)
        if weigh(held) > self._max_tenant_bytes:
            self._forget_empty(key.tenant_id)
            return False
        own[key] = held
        self._shrink()
        self._on_put(key)
        return True

    def drop(self, key: ListingKey) -> None:
        """Forget what is held under the key."""
        self.changes += 1
        own = self._tenants.get(key.tenant_id)
        if own is not None:
            own.pop(key, None)
            self._forget_empty(key.tenant_id)

    def drop_tenant(self, tenant_id: TenantId) -> None:
        """Forget everything of a tenant that is no longer served."""
        self.changes += 1
        self._tenants.pop(tenant_id, None)

    def read_instants(self) -> dict[tuple[TenantId, ListingKind], float]:
        """When each tenant's youngest listing of a kind was read, on the monotonic clock.

        May be asked from another thread, and is no use of what is held.
        """
        newest: dict[tuple[TenantId, ListingKind], float] = {}
        for tenant_id, own in tuple(self._tenants.items()):
            for key in tuple(own):
                held = _peek(own, key)
                if held is not None:
                    named = (tenant_id, key.kind)
                    newest[named] = max(held.read_at, newest.get(named, held.read_at))
        return newest

    @property
    def held_bytes(self) -> int:
        """An estimate of the memory that the held snapshots take."""
        return sum(int(own.currsize) for own in self._tenants.values())

    def _shrink(self) -> None:
        while self.held_bytes > self._max_bytes:
            tenant_id, own = next(iter(self._tenants.items()))
            own.popitem()
            self._forget_empty(tenant_id)

    def _forget_empty(self, tenant_id: TenantId) -> None:
        if not self._tenants[tenant_id]:
            del self._tenants[tenant_id]


def _peek(own: cachetools.LRUCache[ListingKey, Held], key: ListingKey) -> Held | None:
    """What is held, without making it the last used."""
    try:
        return cachetools.Cache.__getitem__(own, key)
    except KeyError:
        return None


_BYTES_PER_ENCODED_BYTE = 5
"""What a row takes in memory, as a value and as it was written, over its encoded size; measured as 3.7."""


def weigh(held: Held) -> int:
    """Estimate the bytes of memory that a held snapshot takes."""
    return 1024 + held.snapshot.encoded_bytes * _BYTES_PER_ENCODED_BYTE
