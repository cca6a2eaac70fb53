"""How old what an answer was made from is."""

from collections.abc import Awaitable
from datetime import datetime

import strawberry

from gateway.domain.agents import Agent
from gateway.domain.listings import Reading
from gateway.schema.fields import Info, attribute


def agents_reading(_shown: object, info: Info) -> Reading[Agent] | Awaitable[Reading[Agent]]:
    """The one reading of the agents listing that the operation sees."""
    return info.context.agents.use(lambda reading: reading)


@strawberry.type(
    description=(
        "How old the agents listing is that this part of the answer was made from. One operation sees one "
        "listing from its first field to its last."
    )
)
class Freshness:
    """How old a listing is; made from its `Reading`."""

    fetched_at: datetime = attribute(
        of="snapshot.fetched_at",
        description="When the gateway asked Evolux for the first row of the listing.",
    )
    age_seconds: float = attribute(
        description="How many seconds before this operation read it that Evolux was asked."
    )
    stale: bool = attribute(
        description=(
            "True where the listing is older than the tenant's policy calls fresh: it was served while a "
            "newer one is read, or because Evolux fails."
        )
    )
    complete: bool = attribute(
        of="snapshot.complete",
        description=(
            "False where rows may be missing, because the listing kept changing while the gateway walked its "
            "pages. Counts are then lower bounds."
        ),
    )
