"""The service as a whole: opened in order, closed in reverse, its configuration followed while it runs."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final, Self

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool

from gateway import __version__
from gateway.cache.generations import Generations, LocalGenerations, WorkerGenerations
from gateway.cache.store import ListingKey, ListingKind, ListingStore
from gateway.domain.call_center import CallCenter
from gateway.domain.clock import Clock, SystemClock
from gateway.domain.idempotency import OnceOnly
from gateway.domain.ids import TenantId
from gateway.evolux.protection.protection import ProtectionState
from gateway.evolux.turns import Turns
from gateway.main.configuration import callers_of, tenants_of
from gateway.main.edge import build_edge, persisted_documents
from gateway.main.issuer import FollowedIssuer
from gateway.main.live import HeardGenerations, LiveAgents
from gateway.main.reporting import start_telemetry, status_of
from gateway.main.sharing import kept_answers, shared_changes, shared_listings
from gateway.main.stopping import Parting, Stop
from gateway.main.tenants import RunningTenant
from gateway.main.watching import load_of
from gateway.settings import Settings, SettingsError, load_settings
from gateway.telemetry import events
from gateway.telemetry.telemetry import Telemetry
from gateway.tenancy import ConfigWatcher, Directory, Tenant
from gateway.web.health import Health, Readiness
from gateway.web.ledger import RequestLedger
from gateway.web.status import GatewayStatus

CONFIG_VARIABLE: Final = "EVOLUX_GATEWAY_CONFIG"
GENERATIONS_VARIABLE: Final = "EVOLUX_GATEWAY_GENERATIONS"
"""How the command line tells worker processes of the configuration and of the file that they share."""


class Gateway:
    """One process of the service."""

    def __init__(
        self,
        settings: Settings,
        *,
        telemetry: Telemetry,
        environ: Mapping[str, str],
        generations: Generations | None = None,
        clock: Clock | None = None,
        config_path: Path | None = None,
        group: str | None = None,
    ) -> None:
        """Make it; processes of one `group` share their generations."""
        self._settings = settings
        self._telemetry = telemetry
        self._ledger = RequestLedger(telemetry)
        self._environ = environ
        self._config_path = config_path
        self._clock = clock or SystemClock()
        self._changes = shared_changes(
            settings.cache, keep_seconds=settings.subscriptions.resume_seconds, telemetry=telemetry
        )
        self._live = LiveAgents(
            settings.subscriptions,
            shared=self._changes,
            call_center_of=self._call_center_or_none,
            clock=self._clock,
            telemetry=telemetry,
        )
        self._generations = HeardGenerations(generations or LocalGenerations(), told=self._live.hear_write)
        self._turns = Turns()
        self._store = ListingStore(
            max_bytes=settings.cache.max_megabytes * 2**20,
            max_tenant_bytes=settings.cache.max_tenant_megabytes * 2**20,
            on_put=self._live.hear_held,
        )
        self._shared = shared_listings(
            settings.cache,
            telemetry=telemetry,
            on_write=self._generations.advance,
            on_sync_lost=self._overtake_everything,
            group=group,
        )
        self._issuer = FollowedIssuer(settings.jwt, telemetry=telemetry)
        self._directory = Directory(
            tenants=tenants_of(settings, environ=environ),
            callers=callers_of(settings),
            tokens=self._issuer.tokens,
        )
        self._persisted = persisted_documents(settings, config_path=config_path)
        self._answers = kept_answers(settings.cache, telemetry=telemetry)
        self._once_only = OnceOnly(self._answers)
        self._running: dict[TenantId, RunningTenant] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_serving = False
        self._made_at = self._clock.monotonic()
        self._watcher: ConfigWatcher[Settings] | None = None
        self.stop = Stop(drain_seconds=settings.server.drain_seconds, on_drain=self._tell_draining)
        self._log = telemetry.logger("gateway")
        telemetry.observe_loads(lambda: {one: load_of(state) for one, state in self.protection().items()})
        telemetry.observe_listing_ages(self.listing_ages)

    @classmethod
    def of_worker(cls, environ: Mapping[str, str]) -> Self:
        """One of several worker processes, told by two variables what to serve."""
        path = Path(environ[CONFIG_VARIABLE])
        settings = load_settings(path, environ=environ)
        shared = environ.get(GENERATIONS_VARIABLE)
        return cls(
            settings,
            telemetry=start_telemetry(settings),
            environ=environ,
            generations=WorkerGenerations(Path(shared)) if shared else None,
            config_path=path,
            group=shared and Path(shared).name,
        )

    def app(self) -> Starlette:
        """The ASGI application; its lifespan opens and closes the service."""
        app = build_edge(
            self._settings,
            directory=self._directory,
            call_center_of=self._call_center,
            persisted=self._persisted,
            clock=self._clock,
            once_only=self._once_only,
            health=Health(
                readiness=self.readiness,
                render_metrics=self._telemetry.metrics.render,
                settle=self._ledger.settle,
            ),
            telemetry=self._telemetry,
            ledger=self._ledger,
            report=self.status,
            feeds=self._live.feeds,
            streams_end=self.stop.streams_end,
            is_draining=lambda: self.stop.is_draining,
            lifespan=self._lifespan,
        )
        app.add_middleware(Parting, stop=self.stop)
        return app

    def readiness(self) -> Readiness:
        """Whether requests should come here, and which tenants' Evolux fails."""
        problems = {str(one): running.problem for one, running in self._running.items() if running.problem}
        return Readiness(is_serving=self._is_serving and not self.stop.is_draining, problems=problems)

    def protection(self) -> dict[str, ProtectionState]:
        """Each tenant's breaker, queue and quota at this instant; may be asked from another thread."""
        return {str(one): running.protection.state for one, running in tuple(self._running.items())}

    def status(self) -> GatewayStatus:
        """What a person is shown of this process."""
        up_seconds, shared = self._clock.monotonic() - self._made_at, self._shared
        unchanged = None if shared is None else shared.unchanged_seconds
        return status_of(
            self._running,
            status=self.readiness().status,
            up_seconds=up_seconds,
            ages_seconds=self.listing_ages(),
            watcher=self._watcher,
            sharing=None if shared is None else shared.is_sharing,
            sharing_for_seconds=up_seconds if shared is not None and unchanged is None else unchanged,
        )

    def listing_ages(self) -> dict[tuple[str, str], float]:
        """The age in seconds of the youngest listing of each kind that a tenant has; from any thread."""
        now = self._clock.monotonic()
        held = self._store.read_instants()
        return {(str(tenant), kind.value): now - read_at for (tenant, kind), read_at in held.items()}

    def apply(self, settings: Settings) -> None:
        """Take the tenants and callers of a new configuration; what they had in flight ends as it began."""
        tenants = tenants_of(settings, environ=self._environ)
        self._issuer.take(settings.jwt)
        changed = self._directory.replace(
            tenants=tenants, callers=callers_of(settings), tokens=self._issuer.tokens
        )
        for tenant_id in changed:
            self._store.drop_tenant(tenant_id)
            before = self._running.pop(tenant_id, None)
            if before is not None:
                self._spawn(self._retire(before))
            tenant = self._directory.tenants.get(tenant_id)
            if tenant is not None:
                self._open(tenant)
        self._log.info(events.CONFIG_LOADED, tenants=len(tenants), callers=len(settings.callers))

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.callback(self._telemetry.shutdown)
            stack.callback(self._ledger.settle)
            if self._shared is not None:
                stack.push_async_callback(self._shared.close)
                await self._shared.start()
            stack.push_async_callback(self._answers.close)
            if self._changes is not None:
                stack.push_async_callback(self._changes.close)
            stack.push_async_callback(self._close_tenants)
            stack.push_async_callback(self._once_only.close)
            stack.push_async_callback(self._live.feeds.close)
            await stack.enter_async_context(self._telemetry.watching_loop())
            for tenant in self._directory.tenants.values():
                self._open(tenant)
            await run_in_threadpool(lambda: None)  # loads what a first streamed file would hold the loop for
            self._issuer.start()
            stack.push_async_callback(self._issuer.close)
            await self._follow_configuration(stack)
            stack.enter_context(self.stop.following_signals())
            self._is_serving = True
            self._log.info(
                events.STARTED,
                version=__version__,
                host=self._settings.server.host,
                port=self._settings.server.port,
                tenants=len(self._running),
            )
            yield
            self._is_serving = False
            self._log.info(events.STOPPED)

    def _tell_draining(self) -> None:
        self._log.info(events.DRAINING, seconds=self._settings.server.drain_seconds)

    async def _follow_configuration(self, stack: AsyncExitStack) -> None:
        if self._config_path is None:
            return
        path = self._config_path
        self._watcher = watcher = ConfigWatcher(
            path,
            load=lambda: load_settings(path, environ=self._environ),
            apply=self.apply,
            refusal=SettingsError,
        )
        task = asyncio.create_task(watcher.run())
        stack.push_async_callback(_cancel, task)

    async def _retire(self, running: RunningTenant) -> None:
        """Close what was replaced once nothing can be under way in it any more."""
        try:
            await asyncio.sleep(self._settings.limits.upstream_deadline_seconds)
        finally:
            await running.close()

    def _call_center(self, tenant_id: TenantId) -> CallCenter:
        return self._running[tenant_id].call_center

    def _call_center_or_none(self, tenant_id: TenantId) -> CallCenter | None:
        running = self._running.get(tenant_id)
        return None if running is None else running.call_center

    def _open(self, tenant: Tenant) -> None:
        running = RunningTenant(
            tenant,
            settings=self._settings,
            store=self._store,
            generations=self._generations,
            telemetry=self._telemetry,
            clock=self._clock,
            turns=self._turns,
            shared=self._shared,
        )
        self._running[tenant.id] = running
        self._spawn(running.greet())

    def _overtake_everything(self) -> None:
        """Writes of other replicas may have gone unheard: every listing is read or shared anew."""
        for tenant_id in self._directory.tenants:
            for kind in ListingKind:
                self._generations.advance(ListingKey(tenant_id, "", kind).counter)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _close_tenants(self) -> None:
        for task in tuple(self._tasks):
            await _cancel(task)
        await asyncio.gather(*(running.close() for running in self._running.values()))


async def _cancel(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait([task])
