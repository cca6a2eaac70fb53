"""Queues by id: with what the queue listing says of them, read only where more than the id is asked for."""

from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Final

from graphql import FieldNode

from gateway.domain.agents import Agent
from gateway.domain.ids import QueueId
from gateway.domain.listings import Reading, Snapshot
from gateway.domain.queues import Queue
from gateway.schema.context import OperationContext
from gateway.schema.fields import Info
from gateway.schema.selections import fields_below, found_once, names_in

_NEED_NO_LISTING: Final = frozenset(("__typename", "id", "agents", "agentStates"))
_QUEUES_OF_AGENTS: Final = frozenset(("queues", "outboundQueue"))

MAX_COMBINATIONS: Final = 10_000
"""Of queues that agents serve together: so many are remembered with a snapshot."""


def is_listing_needed(info: Info) -> bool:
    """Say whether something below the field shows agents' queues with more than what needs no listing."""
    return found_once(info, _shows_listed_queues)


def queues_of_agents(info: Info) -> Callable[[Agent], list[Queue] | Awaitable[list[Queue]]]:
    """What gives an agent's queues in the order of their ids; one that the listing hides has a null name."""
    return _bare_queues() if found_once(info, _needs_no_listing) else _listed_queues(info.context)


def _bare_queues() -> Callable[[Agent], list[Queue]]:
    known: dict[QueueId, Queue] = {}
    together: dict[tuple[QueueId, ...], list[Queue]] = {}

    def queues_of(agent: Agent) -> list[Queue]:
        queues = together.get(agent.queue_ids)
        if queues is None:
            queues = together[agent.queue_ids] = []
            for each in dict.fromkeys(agent.queue_ids):
                queue = known.get(each)
                if queue is None:
                    queue = known[each] = Queue(id=each)
                queues.append(queue)
        return queues

    return queues_of


def _listed_queues(context: OperationContext) -> Callable[[Agent], list[Queue] | Awaitable[list[Queue]]]:
    listing = context.queues

    def queues_of(agent: Agent) -> list[Queue] | Awaitable[list[Queue]]:
        queue_ids = agent.queue_ids
        if not queue_ids:
            return []
        known = context.combinations
        queues = None if known is None else known.get(queue_ids)
        if queues is None:
            return listing.use(partial(_named_queues, queue_ids, context))
        listing.uses += 1  # `note_use` without its call per agent: who set `combinations` has noted the first
        return queues

    return queues_of


def queue_or_none(
    queue_id: QueueId | None, *, info: Info, name: str | None = None
) -> Queue | Awaitable[Queue | None] | None:
    """One queue, or None for None; `name` is what is known of it where the listing hides it."""
    if queue_id is None:
        return None
    hidden = Queue(id=queue_id, name=name)
    if found_once(info, _needs_no_listing):
        return hidden
    return info.context.queues.use(_named_or(hidden))


def _shows_listed_queues(info: Info, nodes: Iterable[FieldNode]) -> bool:
    return any(
        field.name.value in _QUEUES_OF_AGENTS and not names_in(info, [field]) <= _NEED_NO_LISTING
        for field in fields_below(info, nodes)
    )


def _needs_no_listing(info: Info, nodes: Iterable[FieldNode]) -> bool:
    return names_in(info, nodes) <= _NEED_NO_LISTING


def _named_queues(
    queue_ids: tuple[QueueId, ...], context: OperationContext, reading: Reading[Queue]
) -> list[Queue]:
    """The queues of these ids, each once; agents share few combinations, made once per snapshot."""
    context.combinations = known = reading.snapshot.derive("combinations", _no_combinations)
    queues = known.get(queue_ids)
    if queues is None:
        queues = [named_queue(each, reading=reading) for each in dict.fromkeys(queue_ids)]
        if len(known) < MAX_COMBINATIONS:
            known[queue_ids] = queues
    return queues


def _no_combinations(_snapshot: Snapshot[Queue]) -> dict[tuple[QueueId, ...], list[Queue]]:
    return {}


def named_queue(queue_id: QueueId, *, reading: Reading[Queue]) -> Queue:
    """The queue as its listing has it, else known by its id alone."""
    return reading.snapshot.by_id.get(queue_id) or Queue(id=queue_id)


def _named_or(hidden: Queue) -> Callable[[Reading[Queue]], Queue]:
    return lambda reading: reading.snapshot.by_id.get(hidden.id, hidden)
