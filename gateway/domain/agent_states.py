"""How many agents are in each state, in all and by queue, pause, kind of pause and state."""

from datetime import datetime
from enum import Enum

import msgspec

from gateway.domain.agents import AgentState
from gateway.domain.ids import QueueId
from gateway.domain.pauses import Pause
from gateway.domain.running_pauses import RunningPauses


class AgentStateDimension(Enum):
    """What a report can be grouped by."""

    QUEUE = "QUEUE"
    PAUSE = "PAUSE"
    PAUSE_TYPE = "PAUSE_TYPE"
    PRODUCTIVE = "PRODUCTIVE"
    STATE = "STATE"


class AgentStateCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Agents by state at an instant; pause durations in whole seconds, None where nobody is paused."""

    agents: int
    inactive: int
    logged_out: int
    logged_in: int
    paused: int
    paused_productive: int
    longest_pause_seconds: int | None
    average_pause_seconds: float | None
    over_limit: int


class AgentStateTally(msgspec.Struct, frozen=True, kw_only=True):
    """Agents by state, whatever the time; `pauses` are the running pauses of those who are paused.

    `paused_productive` leaves out pauses whose reason is unknown.
    """

    agents: int
    inactive: int
    logged_out: int
    logged_in: int
    paused: int
    paused_productive: int
    pauses: RunningPauses = RunningPauses()

    def at(self, now: datetime) -> AgentStateCounts:
        """The counts with the pauses' durations as they are at `now`."""
        longest_seconds, average_seconds, over_limit = self.pauses.at(now)
        return AgentStateCounts(
            agents=self.agents,
            inactive=self.inactive,
            logged_out=self.logged_out,
            logged_in=self.logged_in,
            paused=self.paused,
            paused_productive=self.paused_productive,
            longest_pause_seconds=longest_seconds,
            average_pause_seconds=average_seconds,
            over_limit=over_limit,
        )


class AgentStateGroup(msgspec.Struct, frozen=True, kw_only=True):
    """A row of a report: the tally of the agents that share these; None where not grouped by or not so."""

    queue_id: QueueId | None = None
    pause: Pause | None = None
    state: AgentState | None = None
    productive: bool | None = None
    pause_type: str | None = None
    tally: AgentStateTally
