"""Subscriptions: how fresh they are kept, what is remembered, and how many there may be."""

from typing import Annotated

import msgspec
from msgspec import Meta


class SubscriptionSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How subscriptions are kept up to date, and how many there may be."""

    poll_seconds: Annotated[
        float,
        Meta(ge=0.1, le=3600, description="How often a tenant's agents are read while somebody subscribes."),
    ] = 5.0
    refresh_seconds: Annotated[
        float,
        Meta(
            ge=1,
            le=3600,
            description="Without a change, an event that tells the data's age comes about this often.",
        ),
    ] = 15.0
    keep_alive_seconds: Annotated[
        float,
        Meta(
            ge=1, le=600, description="Without an event, a sign of life is sent; less than a balancer's own."
        ),
    ] = 12.0
    resume_seconds: Annotated[
        float, Meta(ge=0, le=3600, description="How long changes are remembered for who comes back.")
    ] = 300.0
    resume_agents: Annotated[
        int, Meta(ge=0, description="Changes of single agents remembered for each tenant.")
    ] = 5_000
    max_per_caller: Annotated[
        int, Meta(ge=1, description="Subscriptions of one caller in one process; more are `RATE_LIMITED`.")
    ] = 2_000
    max_per_tenant: Annotated[
        int, Meta(ge=1, description="Subscriptions of one tenant in one process; more are `OVERLOADED`.")
    ] = 5_000
    max_open: Annotated[
        int, Meta(ge=1, description="Subscriptions, and WebSockets, in one process; more are `OVERLOADED`.")
    ] = 10_000
    max_per_connection: Annotated[
        int, Meta(ge=1, le=1000, description="Operations at a time on one WebSocket.")
    ] = 20
    init_seconds: Annotated[
        float, Meta(gt=0, le=60, description="For a WebSocket to send `connection_init`; then it is closed.")
    ] = 5.0
