"""The limits: towards Evolux for each tenant, and for each caller, request and operation."""

from typing import Annotated

import msgspec
from msgspec import Meta

Count = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(gt=0, le=3600)]
Rate = Annotated[float, Meta(gt=0, le=1_000_000)]


class LimitSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much is done at most: towards the Evolux of each tenant, and for each caller and operation."""

    upstream_concurrency: Annotated[Count, Meta(description="Requests to one tenant's Evolux at a time.")] = (
        10
    )
    upstream_max_waiting: Annotated[
        Count, Meta(description="Requests that may wait for one tenant's turn; more are `OVERLOADED`.")
    ] = 500
    upstream_requests_per_second: Annotated[
        Rate, Meta(description="Sustained rate to one tenant's Evolux (token bucket).")
    ] = 200.0
    upstream_burst: Annotated[
        Count, Meta(description="Requests that may leave at once after a rest: 5,000 agents are 100 pages.")
    ] = 1_000
    upstream_connect_seconds: Annotated[Seconds, Meta(description="To reach Evolux.")] = 2.0
    upstream_read_seconds: Annotated[Seconds, Meta(description="For Evolux to go on with an answer.")] = 10.0
    upstream_deadline_seconds: Annotated[
        Seconds, Meta(description="For everything asked of Evolux within one caller's request.")
    ] = 25.0
    upstream_max_body_bytes: Annotated[
        Count, Meta(description="Longest answer read from Evolux; a longer one is not intelligible.")
    ] = 10_000_000
    read_attempts: Annotated[
        int, Meta(ge=1, le=10, description="Times a read is sent, the first included. Writes go once.")
    ] = 3
    retry_wait_seconds: Annotated[
        Seconds, Meta(description="Wait before the second attempt; doubled for each one after, with jitter.")
    ] = 0.1
    retry_max_wait_seconds: Annotated[Seconds, Meta(description="Longest wait between attempts.")] = 2.0
    breaker_failures: Annotated[
        Count, Meta(description="Failures of one tenant's Evolux within the window that open its breaker.")
    ] = 10
    breaker_window_seconds: Annotated[Seconds, Meta(description="The window in which they are counted.")] = (
        10.0
    )
    breaker_open_seconds: Annotated[
        Seconds, Meta(description="How long nothing is sent before one request probes.")
    ] = 5.0
    caller_requests_per_second: Annotated[
        Rate, Meta(description="Sustained rate of one caller in one process; more are `RATE_LIMITED`.")
    ] = 1_000.0
    caller_burst: Annotated[Count, Meta(description="Requests a caller may send at once after a rest.")] = (
        2_000
    )
    tenant_requests_per_second: Annotated[
        Rate, Meta(description="Sustained rate of all callers of one tenant in one process.")
    ] = 2_000.0
    tenant_burst: Annotated[
        Count, Meta(description="Requests for one tenant that may come at once after a rest.")
    ] = 4_000
    stranger_requests_per_second: Annotated[
        Rate,
        Meta(description="Requests without a good key, of all strangers together; more are `RATE_LIMITED`."),
    ] = 100.0
    stranger_burst: Annotated[
        Count, Meta(description="Requests without a good key that may come at once after a rest.")
    ] = 500
    max_concurrent_requests: Annotated[
        Count, Meta(description="Requests served at a time in one process; more are `OVERLOADED`.")
    ] = 4_000
    max_body_bytes: Annotated[Count, Meta(description="Longest request body.")] = 100_000
    max_header_bytes: Annotated[Count, Meta(description="All request headers together; more give 431.")] = (
        16_384
    )
    head_seconds: Annotated[
        Seconds,
        Meta(description="For a caller to send a request's line and headers whole; then it is cut off."),
    ] = 10.0
    body_seconds: Annotated[
        Seconds, Meta(description="For a caller to send a request's body whole; more give 408.")
    ] = 10.0
    max_tokens: Annotated[Count, Meta(description="Lexical tokens of a document.")] = 2_000
    max_depth: Annotated[
        Count, Meta(description="Nesting of an operation; the standard introspection needs 15.")
    ] = 20
    max_fields: Annotated[Count, Meta(description="Fields of an operation, its fragments spread.")] = 1_000
    max_aliases: Annotated[Count, Meta(description="Aliases of an operation.")] = 30
    max_root_fields: Annotated[Count, Meta(description="Fields at the root of an operation.")] = 20
    max_directives: Annotated[Count, Meta(description="Directives at one place of a document.")] = 5
    max_variable_values: Annotated[
        Count, Meta(description="Values in a request's variables, each element of a list counted.")
    ] = 1_000
    max_cost: Annotated[
        Count,
        Meta(
            description="Cost of an operation: about the fields of its answer, lists counted by what their "
            "page arguments ask for."
        ),
    ] = 50_000
    report_cost: Annotated[
        bool,
        Meta(description="Every answer tells its cost; else those asked with `X-Operation-Cost: report`."),
    ] = False
    max_page_size: Annotated[
        int, Meta(ge=50, le=500, description="Greatest `first` and `last` of a connection.")
    ] = 500
