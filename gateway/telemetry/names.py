"""Names of spans and attributes, declared once. Low in cardinality: no texts, no arguments, no people."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Self


class Attribute(str):
    """The name of a span attribute, with what it means."""

    __slots__ = ("description",)
    description: str

    def __new__(cls, name: str, description: str) -> Self:
        declared = super().__new__(cls, name)
        declared.description = description
        return declared


HTTP_METHOD: Final = Attribute("http.request.method", "The HTTP method; an unknown one is `_OTHER`.")
HTTP_ROUTE: Final = Attribute("http.route", "The route's template, never the path: it would carry ids.")
HTTP_STATUS: Final = Attribute("http.response.status_code", "The HTTP status of the answer.")
HTTP_RESEND_COUNT: Final = Attribute("http.request.resend_count", "How often this was sent before.")
URL_SCHEME: Final = Attribute("url.scheme", "`http` or `https`.")
URL_TEMPLATE: Final = Attribute("url.template", "The path template at Evolux.")
SERVER_ADDRESS: Final = Attribute("server.address", "The host name of the tenant's Evolux.")
SERVER_PORT: Final = Attribute("server.port", "The port of the tenant's Evolux.")
ERROR_TYPE: Final = Attribute("error.type", "The error code, the HTTP status, or the class of an exception.")
GRAPHQL_OPERATION_TYPE: Final = Attribute("graphql.operation.type", "`query`, `mutation` or `subscription`.")
GRAPHQL_OPERATION_NAME: Final = Attribute("graphql.operation.name", "The operation's name, cut at 100.")
DOCUMENT_HASH: Final = Attribute("gateway.document.hash", "Digest of the document; its text is not recorded.")
REST_OPERATION: Final = Attribute("gateway.operation", "The REST operation, by its `operationId`.")
RESOLVER: Final = Attribute("gateway.resolver", "Schema coordinate of the field, as `Agent.allowedPauses`.")
TENANT: Final = Attribute("gateway.tenant", "The tenant's id.")
LISTING: Final = Attribute("gateway.listing", "The listing: agents, queues, …")
LISTING_OUTCOME: Final = Attribute("gateway.listing.outcome", "hit, stale, miss, coalesced, …")
LISTING_AGE: Final = Attribute("gateway.listing.age_seconds", "Age of the snapshot served, in seconds.")
WALK_ROWS: Final = Attribute("gateway.walk.rows", "Rows that the walk gave.")
WALK_OUTCOME: Final = Attribute("gateway.walk.outcome", "complete, incomplete, failed, cancelled.")
EXPORT_FORMAT: Final = Attribute("gateway.export.format", "csv, ndjson, arrow or parquet.")
EXPORT_OUTCOME: Final = Attribute("gateway.export.outcome", "whole, left, failed.")
EXPORT_BYTES: Final = Attribute("gateway.export.bytes", "Bytes of the file that were sent.")
PAGE: Final = Attribute("gateway.page", "The page asked for, from 1.")
ATTEMPT: Final = Attribute("gateway.attempt", "Which try this is, from 1.")
BREAKER_STATE: Final = Attribute("gateway.breaker.state", "closed, half_open or open, as the request left.")
REFUSAL: Final = Attribute("gateway.refusal", "The code of a refusal: an answer, not an error.")
CANCELLED: Final = Attribute("gateway.cancelled", "True where the caller hung up: not an error.")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanShape:
    """One kind of span: its name as a template, what it covers, and the attributes it may carry."""

    template: str
    description: str
    attributes: tuple[Attribute, ...]

    def name(self, **parts: str) -> str:
        """Fill the template in."""
        return self.template.format(**parts)


_ENDED: Final = (ERROR_TYPE, REFUSAL, CANCELLED)

SERVER_SPAN: Final = SpanShape(
    template="{method} {route}",
    description="One HTTP request to the gateway (kind SERVER).",
    attributes=(HTTP_METHOD, HTTP_ROUTE, URL_SCHEME, HTTP_STATUS, TENANT, *_ENDED),
)
OPERATION_SPAN: Final = SpanShape(
    template="{type}",
    description="The execution of one GraphQL operation.",
    attributes=(GRAPHQL_OPERATION_TYPE, GRAPHQL_OPERATION_NAME, DOCUMENT_HASH, TENANT, *_ENDED),
)
REST_SPAN: Final = SpanShape(
    template="{operation}",
    description="The execution of one REST operation, up to an export's first bytes.",
    attributes=(REST_OPERATION, TENANT, *_ENDED),
)
EXPORT_SPAN: Final = SpanShape(
    template="export {format}",
    description="The sending of one file, as fast as its caller takes it.",
    attributes=(TENANT, EXPORT_FORMAT, EXPORT_OUTCOME, EXPORT_BYTES, *_ENDED),
)
POLL_SPAN: Final = SpanShape(
    template="poll {listing}",
    description="One reading for all who subscribe: the root of a trace of its own.",
    attributes=(TENANT, LISTING, *_ENDED),
)
RESOLVER_SPAN: Final = SpanShape(
    template="resolve {coordinate}",
    description="A resolver that does work; fields that only read a value have none.",
    attributes=(RESOLVER, *_ENDED),
)
LISTING_SPAN: Final = SpanShape(
    template="read {listing}",
    description="One reader of a listing; a coalesced one links to the walk that served it.",
    attributes=(TENANT, LISTING, LISTING_OUTCOME, LISTING_AGE, *_ENDED),
)
WALK_SPAN: Final = SpanShape(
    template="walk {listing}",
    description="A walk over all pages of a listing.",
    attributes=(TENANT, LISTING, WALK_ROWS, WALK_OUTCOME, *_ENDED),
)
UPSTREAM_SPAN: Final = SpanShape(
    template="{method} {template}",
    description="One attempt at Evolux (kind CLIENT).",
    attributes=(
        HTTP_METHOD,
        URL_TEMPLATE,
        SERVER_ADDRESS,
        SERVER_PORT,
        HTTP_STATUS,
        HTTP_RESEND_COUNT,
        TENANT,
        PAGE,
        ATTEMPT,
        BREAKER_STATE,
        *_ENDED,
    ),
)


def attributes() -> Iterator[Attribute]:
    """Every declared attribute, in the order of this file."""
    return (value for value in globals().values() if isinstance(value, Attribute))


def span_shapes() -> Iterator[SpanShape]:
    """Every declared kind of span, in the order of this file."""
    return (value for value in globals().values() if isinstance(value, SpanShape))
