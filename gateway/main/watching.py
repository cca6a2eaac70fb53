"""What is watched of one tenant: attempts, walks, readings and odd fields, into telemetry and its health."""

from collections.abc import Mapping
from typing import Final

from gateway.cache.store import ListingKind
from gateway.domain.errors import ErrorCode
from gateway.domain.ids import TenantId
from gateway.domain.listings import ReadSource
from gateway.evolux.observing import AttemptReport, Odd, WalkReport
from gateway.telemetry import events
from gateway.telemetry.labels import BreakerState, ListingOutcome, UpstreamOutcome, WalkOutcome
from gateway.telemetry.telemetry import Telemetry

_FAILURES: Final[Mapping[str, UpstreamOutcome]] = {
    ErrorCode.UPSTREAM_TIMEOUT.value: UpstreamOutcome.TIMEOUT,
    ErrorCode.UPSTREAM_UNAVAILABLE.value: UpstreamOutcome.UNREACHABLE,
    ErrorCode.UPSTREAM_RATE_LIMITED.value: UpstreamOutcome.RATE_LIMITED,
    ErrorCode.UPSTREAM_INVALID_RESPONSE.value: UpstreamOutcome.INVALID,
    ErrorCode.UPSTREAM_CREDENTIALS_REJECTED.value: UpstreamOutcome.REJECTED_CREDENTIALS,
    ErrorCode.OUTCOME_UNKNOWN.value: UpstreamOutcome.FAILED,
}
_OK: Final = "ok"
_CANCELLED: Final = "cancelled"


class TenantWatch:
    """Hears from the tenant's client and its held listings; `problem` is what Evolux last failed with."""

    def __init__(self, tenant_id: TenantId, *, telemetry: Telemetry) -> None:
        self.problem: ErrorCode | None = None
        self._tenant_id = tenant_id
        self._telemetry = telemetry
        self._incidents = telemetry.incidents(
            "gateway.upstream", failed=events.UPSTREAM_FAILED, recovered=events.UPSTREAM_RECOVERED
        )
        self._log = telemetry.logger("gateway.upstream")
        self._odd = telemetry.incidents(
            "gateway.upstream", failed=events.ODD_FIELD, recovered=events.UPSTREAM_RECOVERED
        )

    def attempt_finished(self, report: AttemptReport) -> None:
        """A request to Evolux ended, well or not; a refusal is an answer, so Evolux is well."""
        outcome = _outcome_of(report)
        endpoint = f"{report.method} {report.path_template}"
        self._telemetry.record_upstream(
            self._tenant_id,
            endpoint=endpoint,
            outcome=outcome,
            attempt=report.attempt,
            duration_seconds=report.seconds,
        )
        if outcome is UpstreamOutcome.CANCELLED:
            return
        self.problem = ErrorCode(report.outcome) if report.outcome in _FAILURES else None
        if self.problem is None:
            self._incidents.recover(tenant=self._tenant_id)
        else:
            self._incidents.fail(
                tenant=self._tenant_id, endpoint=endpoint, outcome=outcome.value, status=report.status
            )

    def breaker_changed(self, state: BreakerState) -> None:
        """The tenant's breaker is in another state now."""
        tell = self._log.warning if state is BreakerState.OPEN else self._log.info
        tell(events.BREAKER_CHANGED, tenant=self._tenant_id, state=state.value)

    def walk_finished(self, report: WalkReport) -> None:
        """A listing was read, or given up."""
        self._telemetry.record_walk(
            self._tenant_id,
            listing=report.listing,
            outcome=WalkOutcome.COMPLETE if report.rows else WalkOutcome.FAILED,
            duration_seconds=report.seconds,
            rows=report.rows,
        )
        for _ in range(report.torn):
            self._telemetry.record_torn_walk(self._tenant_id, listing=report.listing)

    def odd_seen(self, odd: Odd) -> None:
        """A field of a row could not be read."""
        self._telemetry.record_odd_field(self._tenant_id, listing=odd.listing, field=odd.field)
        self._odd.fail(odd.listing, odd.field, tenant=self._tenant_id, listing=odd.listing, field=odd.field)

    def reading_served(self, kind: ListingKind, source: ReadSource, *, age_seconds: float) -> None:
        """A reader got a listing."""
        self._telemetry.record_listing_read(
            self._tenant_id, listing=kind.value, outcome=ListingOutcome.of(source), age_seconds=age_seconds
        )

    def reading_failed(self, kind: ListingKind) -> None:
        """A reader got an error."""
        self._telemetry.record_listing_read(self._tenant_id, listing=kind.value, outcome=ListingOutcome.ERROR)


def _outcome_of(report: AttemptReport) -> UpstreamOutcome:
    if report.outcome == _OK:
        return UpstreamOutcome.OK
    if report.outcome == _CANCELLED:
        return UpstreamOutcome.CANCELLED
    return _FAILURES.get(report.outcome, UpstreamOutcome.REFUSED)
