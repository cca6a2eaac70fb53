"""How old what an answer was made from is."""

from datetime import datetime

import strawberry

from gateway.schema.fields import attribute


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
