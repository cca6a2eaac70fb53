"""Pauses: the reason one can take, the pause an agent took, and the ones an agent may take."""

from datetime import datetime

import msgspec

from gateway.domain.ids import PauseId, QueueId


class Pause(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A reason for a pause in the tenant's catalogue, such as "Almoço".

    `productive` is the tenant's own configuration and says nothing about whether the pause is a break.
    """

    id: PauseId
    description: str
    type: str | None = None
    """Evolux's open set of codes, such as "nr17rest10"."""
    productive: bool = False
    system: bool = False


class AgentPause(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A pause that an agent took, or is taking while `ended_at` is None."""

    id: int | None
    started_at: datetime
    ended_at: datetime | None = None
    pause: Pause | None = None
    pause_id: PauseId | None = None
    max_duration_seconds: int | None = None

    def elapsed_seconds(self, now: datetime) -> int:
        """Whole seconds from the start to the end, or to `now` while it lasts; never negative."""
        return max(0, int(((self.ended_at or now) - self.started_at).total_seconds()))


class AllowedPause(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A pause that an agent may take, for one of the agent's queues (None: whatever the queue)."""

    id: int | None
    pause: Pause
    queue_id: QueueId | None = None
    limit_duration_seconds: int | None = None
    automatic_unpause: bool = False
    unpause_disabled: bool = False
