"""What a gateway tells of itself: logs, traces and metrics, and what `/v1/status` shows."""

import platform
from collections.abc import Mapping

from gateway import __version__
from gateway.domain.ids import TenantId
from gateway.main.tenants import RunningTenant
from gateway.settings import Settings
from gateway.telemetry.telemetry import Telemetry
from gateway.tenancy import ConfigWatcher
from gateway.web.status import ConfigurationStatus, GatewayStatus, TenantStatus


def status_of(
    running: Mapping[TenantId, RunningTenant],
    *,
    status: str,
    up_seconds: float,
    ages_seconds: Mapping[tuple[str, str], float],
    watcher: ConfigWatcher[Settings] | None,
    sharing: bool | None,
    sharing_for_seconds: float | None,
) -> GatewayStatus:
    """The whole process."""
    return GatewayStatus(
        status=status,
        version=__version__,
        python=platform.python_version(),
        up_seconds=round(up_seconds, 1),
        configuration=ConfigurationStatus(
            is_followed=watcher is not None, refused=None if watcher is None else watcher.refused
        ),
        sharing=sharing,
        sharing_for_seconds=None if sharing_for_seconds is None else round(sharing_for_seconds, 1),
        tenants={
            str(name): _tenant(
                tenant, {kind: age for (of, kind), age in ages_seconds.items() if of == str(name)}
            )
            for name, tenant in sorted(running.items())
        },
    )


def _tenant(tenant: RunningTenant, ages_seconds: Mapping[str, float]) -> TenantStatus:
    state, problem = tenant.protection.state, tenant.problem
    return TenantStatus(
        problem=None if problem is None else problem.value,
        breaker=state.breaker.value,
        breaker_opens_again_in_seconds=round(state.open_seconds_left, 1),
        upstream_in_flight=state.in_flight,
        upstream_waiting=state.waiting,
        quota_left=round(state.tokens, 1),
        rest_seconds=round(state.held_seconds, 1),
        retries_left=state.retries_left,
        listing_ages_seconds={name: round(age, 1) for name, age in sorted(ages_seconds.items())},
    )


def start_telemetry(settings: Settings) -> Telemetry:
    """Begin logs, traces and metrics as the settings say."""
    telemetry = settings.telemetry
    return Telemetry.start(
        telemetry.service_name,
        service_version=__version__,
        otlp_endpoint=telemetry.otlp_endpoint or "",
        sample_ratio=telemetry.sample_ratio,
        log_level=telemetry.log_level,
        log_levels=telemetry.log_levels,
        log_format="human" if telemetry.log_format == "console" else telemetry.log_format,
    )
