"""Pauses: the reasons in the catalogue, those that agents took, and those that an agent may take."""

from collections.abc import Awaitable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from gateway.domain import keys
from gateway.domain import pauses as domain
from gateway.domain.ids import QueueId
from gateway.domain.queues import Queue as QueueRow
from gateway.schema.fields import Info, attribute, computed, fleeting, upstream
from gateway.schema.queue_names import queue_or_none

if TYPE_CHECKING:
    from gateway.schema.queues import Queue


def pause_key(taken: domain.AgentPause, _info: Info) -> str:
    """Evolux's number; where it gave none, a text that is equal only for equal pauses."""
    return keys.pause_key(taken)


def elapsed_seconds(taken: domain.AgentPause, info: Info) -> int:
    """Whole seconds to the end, or to the operation's instant."""
    return taken.elapsed_seconds(info.context.now)


def allowed_queue(allowed: domain.AllowedPause, info: Info) -> QueueRow | Awaitable[QueueRow | None] | None:
    """The queue whose agents may take the pause."""
    queue_id: QueueId | None = allowed.queue_id
    return queue_or_none(queue_id, info=info)


@strawberry.type(
    description=(
        'A reason for a pause in the tenant\'s catalogue, such as "Almoço". pauseAgent takes its id.'
    )
)
class Pause:
    """A reason for a pause."""

    id: strawberry.ID = attribute(description="Evolux's number of the pause.")
    description: str = attribute(description="The pause's name as agents and supervisors see it.")
    type: str | None = attribute(
        description=(
            'Evolux\'s code of what kind of pause it is, such as "nr17rest10"; an open set. '
            "Null where Evolux names none."
        )
    )
    productive: bool = attribute(
        description=(
            "Whether the tenant's configuration calls the pause productive. A lunch break can be: it does "
            "not say whether the agent rests."
        )
    )
    system: bool = attribute(
        description="Whether Evolux itself made the pause, and not somebody of the tenant."
    )


@strawberry.type(description="A pause that an agent took or is taking.")
class AgentPause:
    """A pause that was taken."""

    id: strawberry.ID = computed(
        pause_key,
        description=(
            "Evolux's number of this one taking of a pause. Where Evolux gave none, a text that begins with "
            '"unnumbered-" and is equal only for equal pauses.'
        ),
    )
    pause: Pause | None = attribute(description="The reason. Null where Evolux does not tell it.")
    started_at: datetime = attribute(description="When the agent went into the pause.")
    ended_at: datetime | None = attribute(description="When the pause ended. Null while it lasts.")
    max_duration_seconds: int | None = attribute(
        description="How long the pause may last, in seconds. Null where no limit is known."
    )
    elapsed_seconds: int = fleeting(
        elapsed_seconds,
        description="Whole seconds from startedAt to endedAt, or to now while it lasts; never negative.",
    )


@strawberry.type(
    description=(
        "A pause that an agent may take. Evolux lists it once per queue, so that the same pause can come "
        "with several limits."
    )
)
class AllowedPause:
    """A pause that may be taken."""

    pause: Pause = attribute(description="The reason that may be given.")
    queue: Annotated["Queue", strawberry.lazy("gateway.schema.queues")] | None = upstream(
        allowed_queue,
        description=(
            "The queue for whose agents this holds. Null where Evolux names none: it then holds whatever the "
            "queue. More than its id is read from the queue listing."
        ),
        reads=("queues",),
    )
    limit_duration_seconds: int | None = attribute(
        description="How long the pause may last, in seconds. Null where there is no limit."
    )
    automatic_unpause: bool = attribute(
        description="Whether Evolux ends the pause by itself when the limit is reached."
    )
    unpause_disabled: bool = attribute(
        description="Whether the agent cannot end the pause themselves before the limit."
    )
