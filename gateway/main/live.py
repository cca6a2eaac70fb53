"""Live changes: feeds over the running tenants, woken by what is held, written and told elsewhere."""

from collections.abc import Callable

from gateway.cache.generations import Generations
from gateway.cache.store import ListingKey, ListingKind
from gateway.domain.call_center import CallCenter
from gateway.domain.clock import Clock
from gateway.domain.errors import UnknownTenant
from gateway.domain.feed import Pace, Read, SharedChanges
from gateway.domain.feeds import Feeds
from gateway.domain.ids import TenantId
from gateway.domain.listings import FreshnessBound, Reading
from gateway.settings import SubscriptionSettings
from gateway.telemetry import events
from gateway.telemetry.labels import PollOutcome
from gateway.telemetry.telemetry import Telemetry


class HeardGenerations:
    """Generations whose every move is told: a write, here or at another replica, overtook what is held."""

    def __init__(self, generations: Generations, *, told: Callable[[str], object]) -> None:
        self._generations = generations
        self._told = told
        self.current = generations.current  # asked several times per request

    def advance(self, counter: str) -> int:
        number = self._generations.advance(counter)
        self._told(counter)
        return number


class LiveAgents:
    """The feeds of a process, and what wakes them."""

    def __init__(
        self,
        settings: SubscriptionSettings,
        *,
        call_center_of: Callable[[TenantId], CallCenter | None],
        clock: Clock,
        telemetry: Telemetry,
        shared: SharedChanges | None = None,
    ) -> None:
        self._call_center_of = call_center_of
        self._telemetry = telemetry
        self._log = telemetry.logger("gateway.subscriptions")
        self.feeds = Feeds(
            read_of=self._read_of,
            pace=Pace(
                poll_seconds=settings.poll_seconds,
                resume_agents=settings.resume_agents,
                resume_seconds=settings.resume_seconds,
            ),
            clock=clock,
            observer=self,
            shared=shared,
        )

    def hear_held(self, key: ListingKey) -> None:
        """A listing is held anew: walked for somebody, or with what a write is known to have changed."""
        if key.kind is ListingKind.AGENTS:
            self.feeds.hear(key.tenant_id, is_held=True)

    def hear_write(self, counter: str) -> None:
        """A write moved this counter on."""
        tenant_id, _, kind = counter.rpartition("/")
        if kind == ListingKind.AGENTS.value:
            self.feeds.hear(TenantId(tenant_id), is_held=False)

    def feed_polled(self, tenant_id: TenantId, *, is_ok: bool) -> None:
        """A listing was read for those who listen."""
        self._telemetry.record_poll(tenant_id, outcome=PollOutcome.OK if is_ok else PollOutcome.FAILED)

    def feed_failed(self, tenant_id: TenantId, error: Exception) -> None:
        """A fault of ours ended a poll."""
        self._log.error(events.INTERNAL_ERROR, tenant=tenant_id, exc_info=error)

    def _read_of(self, tenant_id: TenantId) -> Read:
        async def read(bound: FreshnessBound) -> Reading:  # type: ignore[type-arg]  # of agents
            call_center = self._call_center_of(tenant_id)
            if call_center is None:
                raise UnknownTenant("There is no such tenant any more.")
            if bound.only_if_cached:
                return await call_center.agents(bound)
            with self._telemetry.tracing.poll_span(tenant_id, listing=ListingKind.AGENTS.value):
                return await call_center.agents(bound)

        return read
