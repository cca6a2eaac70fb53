"""What is read whenever somebody looks: the load on each tenant's Evolux, and whether listings are shared."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

from gateway.telemetry import instruments
from gateway.telemetry.instruments import Metric
from gateway.telemetry.labels import BreakerState
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.tallies import LabelValues

_BREAKER_VALUES: Final = {state: value for value, state in enumerate(BreakerState)}


class UpstreamLoad(NamedTuple):
    """One tenant at one instant: requests at Evolux and before it, what is left of its quota and retries."""

    breaker: BreakerState
    in_flight: int
    waiting: int
    quota_left: float
    rest_seconds: float
    retries_left: int


_READINGS: Final[Mapping[Metric, Callable[[UpstreamLoad], float]]] = {
    instruments.BREAKER_STATE: lambda load: _BREAKER_VALUES[load.breaker],
    instruments.UPSTREAM_IN_FLIGHT: lambda load: load.in_flight,
    instruments.UPSTREAM_WAITING: lambda load: load.waiting,
    instruments.UPSTREAM_QUOTA_LEFT: lambda load: load.quota_left,
    instruments.UPSTREAM_REST: lambda load: load.rest_seconds,
    instruments.UPSTREAM_RETRIES_LEFT: lambda load: load.retries_left,
}


def observe_loads(metrics: Metrics, read: Callable[[], Mapping[str, UpstreamLoad]]) -> None:
    """Show what `read` gives, by tenant."""
    for metric, value_of in _READINGS.items():
        metrics.observe(metric, _reading(read, value_of))


def observe_sharing(metrics: Metrics, read: Callable[[], bool]) -> None:
    """Show whether listings are shared with other replicas now."""
    metrics.observe(instruments.SHARING, lambda: [({}, float(read()))])


def _reading(
    read: Callable[[], Mapping[str, UpstreamLoad]], value_of: Callable[[UpstreamLoad], float]
) -> Callable[[], Iterable[tuple[LabelValues, float]]]:
    return lambda: [({"tenant": tenant}, value_of(load)) for tenant, load in read().items()]
