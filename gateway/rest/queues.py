"""Queues in REST, and the agents in them."""

from typing import Annotated

from msgspec import Meta

from gateway.domain.agent_orders import AgentOrder
from gateway.domain.finding import find_hidden_queue, find_listed_queue
from gateway.domain.given import read_id
from gateway.domain.ids import QueueId
from gateway.domain.queues import Queue as QueueRow
from gateway.rest.agents import show_page
from gateway.rest.context import Answered, Asked, RestContext
from gateway.rest.shapes import Given, IdText, Shape


class Queue(Shape, frozen=True, kw_only=True):
    """A queue. One that the queue listing hides is known by its id alone: everything else is null."""

    id: IdText
    name: str | None
    slug: Annotated[str | None, Meta(description="The queue's short name in addresses.")]
    number: Annotated[str | None, Meta(description="The number that is dialled inside.")]
    public_number: Annotated[str | None, Meta(description="The number that customers dial.")]


class QueueList(Shape, frozen=True, kw_only=True):
    """The queues that the tenant's queue listing shows."""

    queues: tuple[Queue, ...]


class QueuePath(Given, frozen=True, kw_only=True):
    """The queue that a path names."""

    id: IdText


async def list_queues(context: RestContext, _asked: Asked) -> Answered:
    """The queue listing."""
    queues = (await context.queues()).snapshot
    return Answered(
        shape=lambda: QueueList(queues=tuple(show_queue(queue) for queue in queues.rows)),
        versions=(queues.version,),
    )


async def get_queue(context: RestContext, asked: Asked) -> Answered:
    """One queue, listed or known from agents."""
    queue, versions = await find_queue(context, asked)
    return Answered(shape=lambda: show_queue(queue), versions=versions)


async def list_queue_agents(context: RestContext, asked: Asked) -> Answered:
    """A page of a queue's agents, by id."""
    queue, _ = await find_queue(context, asked)
    return await show_page(context, asked.query, order=AgentOrder(), within=queue.id)


async def find_queue(context: RestContext, asked: Asked) -> tuple[QueueRow, tuple[str, ...]]:
    """The queue of the path, with the versions of the listings it was found in."""
    queue_id = read_id(asked.path.id, of=QueueId, field=("id",))
    queues = (await context.queues()).snapshot
    listed = find_listed_queue(queues, queue_id)
    if listed is not None:
        return listed, (queues.version,)
    agents = (await context.agents()).snapshot
    hidden = find_hidden_queue(queue_id, queues=queues, agents=agents)
    return hidden, (queues.version, agents.version)


def show_queue(queue: QueueRow) -> Queue:
    """A queue."""
    return Queue(
        id=str(queue.id),
        name=queue.name,
        slug=queue.slug,
        number=queue.number,
        public_number=queue.public_number,
    )
