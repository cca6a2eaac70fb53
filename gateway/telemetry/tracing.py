"""Tracing: which spans there are, how they start, and the W3C context in and out."""

import re
from collections.abc import Mapping, MutableMapping, Sequence
from http import HTTPMethod, HTTPStatus
from random import getrandbits, random
from typing import Final

from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.trace import INVALID_SPAN_CONTEXT, SpanKind, format_span_id, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from gateway.telemetry import names
from gateway.telemetry.labels import BreakerState, OperationKind
from gateway.telemetry.names import Attribute, SpanShape
from gateway.telemetry.recorder import SpanRecorder
from gateway.telemetry.spans import (
    UNSAMPLED,
    OpenSpan,
    UnsampledRoot,
    current_trace_id,
    is_sampled,
    recorded_context,
    unsampled_trace_id,
)

SCOPE: Final = "gateway"
_METHODS: Final = frozenset(HTTPMethod)
_NOT_SAMPLED_BY_CALLER: Final = re.compile("00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-00")
_NAME_LIMIT: Final = 100
_NOWHERE: Final = Context()
"""Where no span is current: what begins there is the root of a trace."""

AttributeValues = dict[str, str | int | float | bool]


class Tracing:
    """Starts spans. Where nobody takes them, or a trace is not sampled, a span costs next to nothing."""

    def __init__(
        self,
        *,
        resource: Resource,
        sample_ratio: float = 0.0,
        processors: Sequence[SpanProcessor] = (),
    ) -> None:
        self._sample_ratio = sample_ratio if processors else 0.0
        self._is_recorded = bool(processors)
        self._recorder = SpanRecorder(SCOPE, resource=resource, processors=processors)
        self._propagator = TraceContextTextMapPropagator()

    def extract(self, headers: Mapping[str, str]) -> Context:
        """Read the caller's `traceparent`; headers' names in lower case. A bad one is as none."""
        return self._propagator.extract(headers, context=Context())

    def inject(self, headers: MutableMapping[str, str]) -> None:
        """Set `traceparent`. A caller's `tracestate` stays here: it is not for Evolux to read."""
        context = recorded_context()
        if context is not None:
            trace_id, flags = f"{context.trace_id:032x}", f"{context.trace_flags:02x}"
            headers["traceparent"] = f"00-{trace_id}-{format_span_id(context.span_id)}-{flags}"
        elif trace_id := unsampled_trace_id():
            headers["traceparent"] = f"00-{trace_id}-{format_span_id(getrandbits(64) or 1)}-00"

    def headers(self) -> dict[str, str]:
        """Give the headers that send the current trace along; none outside of one."""
        headers: dict[str, str] = {}
        self.inject(headers)
        return headers

    def trace_id(self) -> str:
        """Give the current trace's id as 32 hex digits; empty outside of one."""
        return current_trace_id()

    def server_span(self, headers: Mapping[str, str], *, method: str, route: str, scheme: str) -> OpenSpan:
        """Open the span of one HTTP request, under the caller's trace if it brought one.

        The SDK is asked only for what is sampled.
        """
        caller, context, chosen = headers.get("traceparent"), _NOWHERE, INVALID_SPAN_CONTEXT
        if caller is not None:
            if found := _NOT_SAMPLED_BY_CALLER.fullmatch(caller):
                return UnsampledRoot(found[1])
            context = self.extract(headers)
            chosen = get_current_span(context).get_span_context()
        if not chosen.is_valid:
            if random() >= self._sample_ratio:  # noqa: S311 - which requests are traced is no secret
                return UnsampledRoot(getrandbits(128).to_bytes(16, "big").hex())
        elif not (chosen.trace_flags.sampled and self._is_recorded):
            return UnsampledRoot(f"{chosen.trace_id:032x}")
        method = known_method(method)
        span = self._recorder.begin(
            names.SERVER_SPAN.name(method=method, route=route),
            kind=SpanKind.SERVER,
            attributes={names.HTTP_METHOD: method, names.HTTP_ROUTE: route, names.URL_SCHEME: scheme},
            context=context,
        )
        return OpenSpan(span, error_status=HTTPStatus.INTERNAL_SERVER_ERROR)

    def operation_span(
        self,
        kind: OperationKind,
        *,
        name: str | None,
        document_hash: str,
        tenant: str | None = None,
    ) -> OpenSpan:
        """Open the span of one GraphQL operation, named by its type; the document's text stays out."""
        if not is_sampled():
            return UNSAMPLED
        noted: AttributeValues = {
            names.GRAPHQL_OPERATION_TYPE: kind.value,
            names.DOCUMENT_HASH: document_hash,
        }
        if name is not None:
            noted[names.GRAPHQL_OPERATION_NAME] = name[:_NAME_LIMIT]
        if tenant is not None:
            noted[names.TENANT] = tenant
        return self._inner(names.OPERATION_SPAN, noted, type=kind.value)

    def rest_span(self, operation: str, *, tenant: str) -> OpenSpan:
        """Open the span of one REST operation, named by its `operationId`; path and query stay out."""
        if not is_sampled():
            return UNSAMPLED
        noted: AttributeValues = {names.REST_OPERATION: operation, names.TENANT: tenant}
        return self._inner(names.REST_SPAN, noted, operation=operation)

    def export_span(self, tenant: str, *, file_format: str) -> OpenSpan:
        """Open the span of one file's sending; note outcome and bytes on it."""
        if not is_sampled():
            return UNSAMPLED
        noted: AttributeValues = {names.TENANT: tenant, names.EXPORT_FORMAT: file_format}
        return self._inner(names.EXPORT_SPAN, noted, format=file_format)

    def poll_span(self, tenant: str, *, listing: str) -> OpenSpan:
        """Open the root of a trace that no request began: a reading for those who subscribe."""
        if random() >= self._sample_ratio:  # noqa: S311 - which readings are traced is no secret
            return UNSAMPLED
        noted: AttributeValues = {names.TENANT: tenant, names.LISTING: listing}
        return self._inner(names.POLL_SPAN, noted, listing=listing)

    def resolver_span(self, coordinate: str) -> OpenSpan:
        """Open the span of a resolver that does work, by its schema coordinate (`Agent.allowedPauses`)."""
        if not is_sampled():
            return UNSAMPLED
        return self._inner(names.RESOLVER_SPAN, {names.RESOLVER: coordinate}, coordinate=coordinate)

    def listing_span(self, tenant: str, *, listing: str) -> OpenSpan:
        """Open the span of one reading of a listing; note outcome and age on it, link it to a shared walk."""
        if not is_sampled():
            return UNSAMPLED
        noted: AttributeValues = {names.TENANT: tenant, names.LISTING: listing}
        return self._inner(names.LISTING_SPAN, noted, listing=listing)

    def listing_read(self, tenant: str, *, listing: str, outcome: str, age_seconds: float) -> None:
        """Tell of a reading that took no time."""
        noted: AttributeValues = {
            names.TENANT: tenant,
            names.LISTING: listing,
            names.LISTING_OUTCOME: outcome,
            names.LISTING_AGE: age_seconds,
        }
        self._recorder.begin(names.LISTING_SPAN.name(listing=listing), attributes=noted).end()

    def walk_span(self, tenant: str, *, listing: str) -> OpenSpan:
        """Open the span of one walk over all pages; its `context` is what coalesced readers link to."""
        if not is_sampled():
            return UNSAMPLED
        noted: AttributeValues = {names.TENANT: tenant, names.LISTING: listing}
        return self._inner(names.WALK_SPAN, noted, listing=listing)

    def upstream_span(
        self,
        tenant: str,
        *,
        method: str,
        template: str,
        attempt: int,
        page: int | None = None,
        breaker: BreakerState | None = None,
        server_address: str | None = None,
        server_port: int | None = None,
    ) -> OpenSpan:
        """Open the client span of one attempt at Evolux; `inject` within it sends it along."""
        if not is_sampled():
            return UNSAMPLED
        optional: dict[Attribute, str | int | None] = {
            names.HTTP_RESEND_COUNT: attempt - 1 or None,
            names.PAGE: page,
            names.BREAKER_STATE: breaker and breaker.value,
            names.SERVER_ADDRESS: server_address,
            names.SERVER_PORT: server_port,
        }
        span = self._recorder.begin(
            names.UPSTREAM_SPAN.name(method=method, template=template),
            kind=SpanKind.CLIENT,
            attributes={
                names.HTTP_METHOD: method,
                names.URL_TEMPLATE: template,
                names.TENANT: tenant,
                names.ATTEMPT: attempt,
                **{attribute: value for attribute, value in optional.items() if value is not None},
            },
        )
        return OpenSpan(span, error_status=HTTPStatus.BAD_REQUEST)

    def shutdown(self) -> None:
        """Send what is left and stop; may block as long as the exporter does."""
        self._recorder.shutdown()

    def _inner(self, shape: SpanShape, noted: AttributeValues, **parts: str) -> OpenSpan:
        return OpenSpan(self._recorder.begin(shape.name(**parts), attributes=noted))


def known_method(method: str) -> str:
    """Give the method, or `_OTHER` for one that HTTP does not know: callers choose it freely."""
    return method if method in _METHODS else "_OTHER"
