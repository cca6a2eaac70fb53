"""Queues as Evolux writes them."""

import msgspec

from gateway.domain.ids import QueueId
from gateway.domain.queues import Queue
from gateway.evolux.fields import Fields, OnOdd, WireId, as_id, as_text
from gateway.evolux.rows import RowReader

LISTING = "queues"


class QueueRow(msgspec.Struct, frozen=True, gc=False):
    """A row of the queue listing."""

    id: WireId
    name: str | None = None
    slug: str | None = None
    number: str | int | None = None
    public_number: str | int | None = None


def queue_reader(on_odd: OnOdd) -> RowReader[QueueRow, Queue]:
    """Reads the queue listing."""
    return RowReader(
        QueueRow, listing=LISTING, from_wire=queue_from_wire, from_fields=queue_from_fields, on_odd=on_odd
    )


def queue_from_wire(row: QueueRow) -> Queue:
    """A row to a queue."""
    return Queue(
        id=QueueId(row.id),
        name=row.name,
        slug=row.slug,
        number=None if row.number is None else str(row.number),
        public_number=None if row.public_number is None else str(row.public_number),
    )


def queue_from_fields(fields: Fields) -> Queue | None:
    """A row that did not decode, read field by field."""
    queue_id = fields.required("id", as_id, default=0)
    if not queue_id:
        return None
    return Queue(
        id=QueueId(queue_id),
        name=fields.read("name", as_text),
        slug=fields.read("slug", as_text),
        number=fields.read("number", as_text),
        public_number=fields.read("public_number", as_text),
    )


def queue_ids_from(value: object) -> tuple[QueueId, ...]:
    """An agent's queues: ids, or objects with an id; ValueError where one of them is neither."""
    if not isinstance(value, list):
        raise ValueError("not a list")  # noqa: TRY004 - one class says unreadable, whatever the value was
    return tuple(QueueId(as_id(item.get("id") if isinstance(item, dict) else item)) for item in value)
