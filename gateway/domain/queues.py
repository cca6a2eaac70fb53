"""Queues, as the queue listing shows them or, where it does not, as an id alone."""

import msgspec

from gateway.domain.ids import QueueId


class Queue(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A queue. One that is known by its id alone (archived, or a tenant without the listing) has no name."""

    id: QueueId
    name: str | None = None
    slug: str | None = None
    number: str | None = None
    public_number: str | None = None
