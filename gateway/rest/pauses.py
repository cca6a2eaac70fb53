"""Pauses in REST: the catalogue, those that were taken, and those that an agent may take."""

from typing import Annotated

from msgspec import Meta

from gateway.domain import pauses as domain
from gateway.domain.finding import find_agent
from gateway.domain.given import read_id
from gateway.domain.ids import AgentId
from gateway.domain.keys import pause_key
from gateway.domain.listings import Snapshot
from gateway.domain.pause_catalogue import read_pause_catalogue
from gateway.domain.queues import Queue
from gateway.rest.context import Answered, Asked, RestContext
from gateway.rest.shapes import IdText, Instant, NamedQueue, Shape, named_queue


class Pause(Shape, frozen=True, kw_only=True):
    """A reason for a pause in the tenant's catalogue, such as "Almoço"."""

    id: IdText
    description: str
    type: Annotated[
        str | None,
        Meta(description='Evolux\'s code of the kind of pause, such as "nr17rest10"; an open set.'),
    ]
    productive: Annotated[bool, Meta(description="Whether the tenant's configuration calls it productive.")]
    system: Annotated[bool, Meta(description="Whether Evolux itself made the pause.")]


class AgentPause(Shape, frozen=True, kw_only=True):
    """A pause that an agent took or is taking; how long follows from `startedAt` and `endedAt`."""

    id: Annotated[
        str, Meta(description='Evolux\'s number; where it gave none, a text that begins with "unnumbered-".')
    ]
    pause: Annotated[Pause | None, Meta(description="The reason. Null where Evolux does not tell it.")]
    started_at: Instant
    ended_at: Annotated[Instant | None, Meta(description="Null while it lasts.")]
    max_duration_seconds: int | None


class AllowedPause(Shape, frozen=True, kw_only=True):
    """A pause that an agent may take, once per queue."""

    pause: Pause
    queue: Annotated[NamedQueue | None, Meta(description="Null where it holds whatever the queue.")]
    limit_duration_seconds: int | None
    automatic_unpause: Annotated[bool, Meta(description="Whether Evolux ends it when the limit is reached.")]
    unpause_disabled: Annotated[bool, Meta(description="Whether the agent cannot end it before.")]


class PauseList(Shape, frozen=True, kw_only=True):
    """The tenant's pause catalogue, by id."""

    pauses: tuple[Pause, ...]


class AllowedPauseList(Shape, frozen=True, kw_only=True):
    """The pauses that an agent may take, a row per queue and pause."""

    allowed_pauses: tuple[AllowedPause, ...]


def show_pause(pause: domain.Pause) -> Pause:
    """A reason."""
    return Pause(
        id=str(pause.id),
        description=pause.description,
        type=pause.type,
        productive=pause.productive,
        system=pause.system,
    )


def show_agent_pause(taken: domain.AgentPause | None) -> AgentPause | None:
    """A pause that was taken; None for None."""
    if taken is None:
        return None
    return AgentPause(
        id=pause_key(taken),
        pause=None if taken.pause is None else show_pause(taken.pause),
        started_at=taken.started_at,
        ended_at=taken.ended_at,
        max_duration_seconds=taken.max_duration_seconds,
    )


async def list_pauses(context: RestContext, _asked: Asked) -> Answered:
    """The tenant's pause catalogue."""

    async def read_allowed(agent_id: AgentId) -> tuple[domain.AllowedPause, ...]:
        return (await context.allowed_pauses(agent_id)).snapshot.rows

    agents = (await context.agents()).snapshot
    pauses = await read_pause_catalogue(agents, read_allowed=read_allowed)
    versions = tuple(sorted({reading.snapshot.version for reading in context.readings}))
    return Answered(
        shape=lambda: PauseList(pauses=tuple(show_pause(pause) for pause in pauses)), versions=versions
    )


async def list_allowed_pauses(context: RestContext, asked: Asked) -> Answered:
    """The pauses that an agent may take."""
    agent_id = read_id(asked.path.id, of=AgentId, field=("id",))
    agents, queues = await context.agents_and_queues()
    find_agent(agents.snapshot, agent_id)
    allowed = (await context.allowed_pauses(agent_id)).snapshot
    return Answered(
        shape=lambda: AllowedPauseList(
            allowed_pauses=tuple(_show_allowed(each, queues=queues.snapshot) for each in allowed.rows)
        ),
        versions=(allowed.version, queues.snapshot.version),
    )


def _show_allowed(allowed: domain.AllowedPause, *, queues: Snapshot[Queue]) -> AllowedPause:
    queue_id = allowed.queue_id
    return AllowedPause(
        pause=show_pause(allowed.pause),
        queue=None if queue_id is None else named_queue(queue_id, queues=queues),
        limit_duration_seconds=allowed.limit_duration_seconds,
        automatic_unpause=allowed.automatic_unpause,
        unpause_disabled=allowed.unpause_disabled,
    )
