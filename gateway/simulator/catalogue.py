"""What a call centre offers: its queues, its pauses, and which pauses each queue allows."""

from collections.abc import Mapping
from itertools import count
from types import MappingProxyType

from msgspec.structs import replace

from gateway.simulator.records import AllowedPause, Pause, Queue


class Catalogue:
    """Queues, pauses and what is allowed; `edition` grows whenever a queue or a pause changes."""

    def __init__(self) -> None:
        self.edition = 0
        self._queues: dict[int, Queue] = {}
        self._pauses: dict[int, Pause] = {}
        self._allowed: dict[int, list[AllowedPause]] = {}
        self._allowed_ids = count(3)

    @property
    def queues(self) -> Mapping[int, Queue]:
        """Queues by id, archived ones included."""
        return MappingProxyType(self._queues)

    @property
    def pauses(self) -> Mapping[int, Pause]:
        """The pause catalogue by id."""
        return MappingProxyType(self._pauses)

    def add_queue(self, queue: Queue) -> Queue:
        """Open a queue, or replace the one with its id."""
        self._queues[queue.id] = queue
        self.edition += 1
        return queue

    def rename_queue(self, queue_id: int, *, name: str) -> None:
        """Give a queue another name."""
        self.add_queue(replace(self._queues[queue_id], name=name))

    def archive_queue(self, queue_id: int) -> None:
        """Hide a queue from the queue listing; agents keep its id."""
        self.add_queue(replace(self._queues[queue_id], archived=True))

    def add_pause(self, pause: Pause) -> Pause:
        """Put a pause into the catalogue, or replace the one with its id."""
        self._pauses[pause.id] = pause
        self.edition += 1
        return pause

    def rename_pause(self, pause_id: int, *, description: str) -> None:
        """Give a pause another description."""
        self.add_pause(replace(self._pauses[pause_id], description=description))

    def allow_pause(
        self,
        pause_id: int,
        *,
        queue_id: int,
        limit_seconds: int | None = None,
        automatic_unpause: bool = False,
        unpause_disabled: bool = False,
    ) -> AllowedPause:
        """Let the agents of a queue take a pause."""
        allowed = AllowedPause(
            id=next(self._allowed_ids),
            queue_id=self._queues[queue_id].id,
            pause_id=self._pauses[pause_id].id,
            limit_seconds=limit_seconds,
            automatic_unpause=automatic_unpause,
            unpause_disabled=unpause_disabled,
        )
        self._allowed.setdefault(queue_id, []).append(allowed)
        return allowed

    def allowed_in(self, queue_id: int) -> list[AllowedPause]:
        """What agents of this queue may take; nothing in an unknown queue."""
        return self._allowed.get(queue_id, [])
