"""What all shapes have in common: the JSON of REST, with the names and ids of the GraphQL surface."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gateway.domain.ids import QueueId
from gateway.domain.listings import Snapshot
from gateway.domain.queues import Queue

T = TypeVar("T")
IdText = Annotated[
    str,
    Meta(
        pattern="^[1-9][0-9]{0,14}$",
        description="Evolux's own number, in decimal digits.",
        examples=["7"],
    ),
]
Instant = Annotated[datetime, Meta(tz=True)]


class Shape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A JSON object of an answer."""


class Given(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A JSON object, or the parameters, of a request.

    `schema_extra` is what its schema says besides, of fields that belong together.
    """

    schema_extra: ClassVar[Mapping[str, Any]] = {}


class NamedQueue(Shape, frozen=True, kw_only=True):
    """A queue by id and name."""

    id: IdText
    name: Annotated[str | None, Meta(description="Null where the queue listing does not show the queue.")] = (
        None
    )


def stated(value: T | UnsetType) -> T | None:
    """What a caller said; None where it was left out."""
    return None if value is UNSET else value


def named_queues(queue_ids: Sequence[QueueId], *, queues: Snapshot[Queue]) -> tuple[NamedQueue, ...]:
    """The queues in the order of their ids, each once."""
    return tuple(named_queue(each, queues=queues) for each in dict.fromkeys(queue_ids))


def named_queue(queue_id: QueueId, *, queues: Snapshot[Queue], name: str | None = None) -> NamedQueue:
    """One queue; `name` is what is known of one that the listing hides."""
    listed = queues.by_id.get(queue_id)
    return NamedQueue(id=str(queue_id), name=name if listed is None else listed.name)
