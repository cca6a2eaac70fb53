"""What of a tenant's listings can be served without waiting, and which of it was found fresh a moment ago."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from gateway.cache.listings import HeldListings
from gateway.cache.sharing import Fetch
from gateway.cache.store import JudgedFresh, ListingKey, ListingKind
from gateway.domain.clock import Clock
from gateway.domain.ids import TenantId
from gateway.domain.listings import ANY_AGE, FreshnessBound, Reading
from gateway.telemetry.spans import is_sampled

_KINDS: Final = {"agents": ListingKind.AGENTS, "queues": ListingKind.QUEUES}


class ListingsAtHand:
    """One tenant's; `fetches` are how each listing is walked where it is to be refreshed behind a reader."""

    def __init__(
        self,
        listings: HeldListings,
        *,
        tenant_id: TenantId,
        credential: Callable[[], str],
        clock: Clock,
        fetches: Mapping[ListingKind, Fetch],
    ) -> None:
        self._listings = listings
        self._tenant_id = tenant_id
        self._credential = credential
        self._clock = clock
        self._fetches = fetches
        self._judged: dict[ListingKind, JudgedFresh | None] = {}

    def listing(self, kind: ListingKind, bound: FreshnessBound) -> Reading[Any] | None:
        """This listing, where the bound is met without waiting."""
        return self._listing(kind, bound, credential=self._credential(), now=self._clock.monotonic())

    def listings(self, names: Iterable[str], bound: FreshnessBound) -> dict[str, Reading[Any]]:
        """These listings by name, up to the first that has to be waited for."""
        readings: dict[str, Reading[Any]] = {}
        credential, now = self._credential(), self._clock.monotonic()
        for name in names:
            reading = self._listing(_KINDS[name], bound, credential=credential, now=now)
            if reading is None:
                break
            readings[name] = reading
        return readings

    def _listing(
        self, kind: ListingKind, bound: FreshnessBound, *, credential: str, now: float
    ) -> Reading[Any] | None:
        reading = self._as_judged(kind, credential=credential, now=now) if bound is ANY_AGE else None
        return self._judge(kind, credential=credential, bound=bound) if reading is None else reading

    def _as_judged(self, kind: ListingKind, *, credential: str, now: float) -> Reading[Any] | None:
        judged = self._judged.get(kind)
        if judged is None or judged.key.credential != credential:
            return None
        return self._listings.serve_judged(judged, now=now)

    def _judge(self, kind: ListingKind, *, credential: str, bound: FreshnessBound) -> Reading[Any] | None:
        """Look at what is held; where the request is traced, its own read is to show what comes of it."""
        if is_sampled():
            return None
        key = ListingKey(self._tenant_id, credential, kind)
        reading = self._listings.at_hand(key, self._fetches[kind], bound=bound)
        self._judged[kind] = None if reading is None else self._listings.judged_fresh(key)
        return reading
