"""What is watched of one tenant: attempts, walks, readings and odd fields, into telemetry and its health."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from gateway.cache.store import ListingKind
from gateway.domain.errors import ErrorCode
from gateway.domain.ids import TenantId
from gateway.domain.listings import ReadSource
from gateway.evolux.observing import AttemptReport, Odd, WalkReport
from gateway.evolux.protection.protection import ProtectionState
from gateway.telemetry import events
from gateway.telemetry.labels import BreakerState, ListingOutcome, UpstreamOutcome, WalkOutcome
from gateway.telemetry.loads import UpstreamLoad
from gateway.telemetry.spans import OpenSpan
from gateway.telemetry.tallies import Write
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
_GAVE_ROWS: Final = frozenset({WalkOutcome.COMPLETE, WalkOutcome.INCOMPLETE})


class TenantWatch:
    """Hears from the tenant's client and its held listings; `problem` is what Evolux last failed with."""

    def __init__(self, tenant_id: TenantId, *, base_url: str, telemetry: Telemetry) -> None:
        self.problem: ErrorCode | None = None
        self._tenant_id = tenant_id
        server = urlsplit(base_url)
        self._server_address, self._server_port = server.hostname, server.port
        self._breaker = BreakerState.CLOSED
        self._telemetry = telemetry
        self._reads: dict[tuple[ListingKind, ReadSource], tuple[Write, Write]] = {}
        self._attempts: dict[tuple[str, UpstreamOutcome], tuple[Write, Write]] = {}
        self._incidents = telemetry.incidents(
            "gateway.upstream", failed=events.UPSTREAM_FAILED, recovered=events.UPSTREAM_RECOVERED
        )
        self._log = telemetry.logger("gateway.upstream")
        self._credentials = telemetry.incidents(
            "gateway.upstream", failed=events.CREDENTIALS_REJECTED, recovered=events.CREDENTIALS_ACCEPTED
        )
        self._walks = telemetry.incidents(
            "gateway.upstream", failed=events.WALK_FAILED, recovered=events.WALK_RECOVERED
        )
        self._odd = telemetry.incidents("gateway.upstream", failed=events.ODD_FIELD)
        self._said = telemetry.line_budget("gateway.upstream", event=events.UPSTREAM_SAID)
        self._torn = telemetry.line_budget("gateway.upstream", event=events.WALK_TORN)

    def attempt_started(self, method: str, *, path_template: str, page: int | None, attempt: int) -> OpenSpan:
        """A request leaves for Evolux: its span says under which breaker."""
        return self._telemetry.tracing.upstream_span(
            self._tenant_id,
            method=method,
            template=path_template,
            attempt=attempt,
            page=page,
            breaker=self._breaker,
            server_address=self._server_address,
            server_port=self._server_port,
        )

    def attempt_finished(self, report: AttemptReport) -> None:
        """A request to Evolux ended, well or not; a refusal is an answer, so Evolux is well."""
        outcome = _outcome_of(report)
        endpoint = f"{report.method} {report.path_template}"
        cells = self._attempts.get((endpoint, outcome))
        if cells is None:
            cells = self._attempts[endpoint, outcome] = self._telemetry.upstream_cells(
                self._tenant_id, endpoint=endpoint, outcome=outcome
            )
        record_duration, count = cells
        record_duration(report.seconds)
        count(1)
        if report.attempt > 1:
            self._telemetry.record_retry(self._tenant_id, endpoint=endpoint)
        if outcome is UpstreamOutcome.CANCELLED:
            return
        self.problem = ErrorCode(report.outcome) if report.outcome in _FAILURES else None
        self._tell_change(report, endpoint=endpoint, outcome=outcome)
        if report.said is not None:
            self._said.tell(
                tenant=self._tenant_id,
                endpoint=endpoint,
                code=report.outcome,
                status=report.status,
                fault=report.said.fault,
                texts=report.said.texts,
            )

    def breaker_changed(self, state: BreakerState) -> None:
        """The tenant's breaker is in another state now."""
        self._breaker = state
        tell = self._log.warning if state is BreakerState.OPEN else self._log.info
        tell(events.BREAKER_CHANGED, tenant=self._tenant_id, state=state.value)

    def walk_finished(self, report: WalkReport) -> None:
        """A listing was read, or given up."""
        self._telemetry.record_walk(
            self._tenant_id,
            listing=report.listing,
            outcome=report.outcome,
            duration_seconds=report.seconds,
            rows=report.rows if report.outcome in _GAVE_ROWS else None,
        )
        if report.outcome is WalkOutcome.FAILED:
            self._walks.fail(report.listing, tenant=self._tenant_id, listing=report.listing, code=report.code)
        elif report.outcome in _GAVE_ROWS:
            self._walks.recover(report.listing, tenant=self._tenant_id, listing=report.listing)
        if report.torn:
            self._torn.tell(tenant=self._tenant_id, listing=report.listing, walks=report.torn)
        for _ in range(report.torn):
            self._telemetry.record_torn_walk(self._tenant_id, listing=report.listing)

    def odd_seen(self, odd: Odd) -> None:
        """A field of a row could not be read."""
        self._telemetry.record_odd_field(self._tenant_id, listing=odd.listing, field=odd.field)
        self._odd.fail(odd.listing, odd.field, tenant=self._tenant_id, listing=odd.listing, field=odd.field)

    def reading_served(self, kind: ListingKind, source: ReadSource, *, age_seconds: float) -> None:
        """A reader got a listing."""
        cells = self._reads.get((kind, source))
        if cells is None:
            cells = self._reads[kind, source] = self._telemetry.listing_cells(
                self._tenant_id, listing=kind.value, outcome=ListingOutcome.of(source)
            )
        count, record_age = cells
        count(1)
        record_age(age_seconds)

    def reading_failed(self, kind: ListingKind) -> None:
        """A reader got an error."""
        self._telemetry.record_listing_read(self._tenant_id, listing=kind.value, outcome=ListingOutcome.ERROR)

    def _tell_change(self, report: AttemptReport, *, endpoint: str, outcome: UpstreamOutcome) -> None:
        """A refused token is told apart from an Evolux that fails: another person mends it."""
        if outcome is UpstreamOutcome.REJECTED_CREDENTIALS:
            self._credentials.fail(tenant=self._tenant_id, status=report.status)
            return
        if self.problem is not None:
            self._incidents.fail(
                tenant=self._tenant_id, endpoint=endpoint, outcome=outcome.value, status=report.status
            )
            return
        self._credentials.recover(tenant=self._tenant_id)
        self._incidents.recover(tenant=self._tenant_id)


def load_of(state: ProtectionState) -> UpstreamLoad:
    """What is shown of a tenant's protection."""
    return UpstreamLoad(
        breaker=state.breaker,
        in_flight=state.in_flight,
        waiting=state.waiting,
        quota_left=state.tokens,
        rest_seconds=state.held_seconds,
        retries_left=state.retries_left,
    )


def _outcome_of(report: AttemptReport) -> UpstreamOutcome:
    if report.outcome == _OK:
        return UpstreamOutcome.OK
    if report.outcome == _CANCELLED:
        return UpstreamOutcome.CANCELLED
    return _FAILURES.get(report.outcome, UpstreamOutcome.REFUSED)
