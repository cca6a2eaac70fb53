"""What became of a write whose answer was lost, judged from before and after it: a pure function for each.

Times are compared on Evolux's clock alone, and identities before times: a pause or login that was there
before the write is never taken for its own.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

import msgspec

from gateway.domain.agents import Agent, AgentChange, AgentLogin, NewAgent
from gateway.domain.ids import AgentId, PauseId
from gateway.domain.listings import Snapshot
from gateway.domain.pauses import AgentPause

TOLERANCE: Final = timedelta(seconds=2)
"""What two instants of Evolux may be apart and still be one: rows and `Date` are cut to whole seconds."""


class Verdict(Enum):
    """What the state proves of a write."""

    HAPPENED = "happened"
    DID_NOT_HAPPEN = "did_not_happen"
    CANNOT_TELL = "cannot_tell"


class Witness(msgspec.Struct, frozen=True, kw_only=True):
    """What was known just before a write: Evolux's clock, and the agents as they were last read.

    `at` is None where Evolux's clock is not known. `read_since` are rows known since the listing,
    None for an agent whom a write left unknown.
    """

    at: datetime | None = None
    agents: Snapshot[Agent] | None = None
    read_since: Mapping[AgentId, Agent | None] = {}

    def agent(self, agent_id: AgentId) -> Agent | None:
        """The agent as last read; None where not known."""
        if agent_id in self.read_since:
            return self.read_since[agent_id]
        return None if self.agents is None else self.agents.by_id.get(agent_id)

    def shows_login(self, login: str) -> bool | None:
        """Whether an agent had this login; None where not known."""
        if any(agent is not None and _is_same_login(agent, login) for agent in self.read_since.values()):
            return True
        return None if self.agents is None else any(_is_same_login(one, login) for one in self.agents.rows)


def judge_pause(
    before: Agent | None, after: Agent | None, *, pause_id: PauseId, at: datetime | None
) -> Verdict:
    """A pause with this reason began since: it happened. No ended pause can hide one: it did not."""
    if after is None:
        return Verdict.CANNOT_TELL
    taken = [pause for pause in (after.current_pause, after.last_pause) if pause is not None]
    ours = [_began_since(pause, before=before, at=at) for pause in taken if reason_id(pause) == pause_id]
    if True in ours:
        return Verdict.HAPPENED
    unexplained = [pause for pause in taken if reason_id(pause) in (pause_id, None)]
    if any(_began_since(pause, before=before, at=at) is not False for pause in unexplained):
        return Verdict.CANNOT_TELL
    hiding = after.last_pause is not None and _began_since(after.last_pause, before=before, at=at)
    return Verdict.DID_NOT_HAPPEN if hiding is False else Verdict.CANNOT_TELL


def judge_unpause(before: Agent | None, after: Agent | None, *, at: datetime | None) -> Verdict:
    """A pause ended since, and not by a log-off: it happened. None ended since: it did not."""
    if after is None:
        return Verdict.CANNOT_TELL
    ended = _ended_since(after, before=before, at=at)
    if ended is None:
        return Verdict.CANNOT_TELL
    return Verdict.HAPPENED if ended else Verdict.DID_NOT_HAPPEN


def judge_log_off(before: Agent | None, after: Agent | None, *, at: datetime | None) -> Verdict:
    """A login ended since: it happened. It lasts, or ended before: it did not."""
    if after is None:
        return Verdict.CANNOT_TELL
    login, known = after.last_login, None if before is None else before.last_login
    if login is None:
        return Verdict.DID_NOT_HAPPEN
    is_known = known is not None and known.id is not None and known.id == login.id
    if login.ended_at is None:
        is_old = is_known or (at is not None and login.started_at < at - TOLERANCE)
        return Verdict.DID_NOT_HAPPEN if is_old else Verdict.CANNOT_TELL
    return _judge_ended_login(login.ended_at, known=known if is_known else None, at=at)


def judge_update(before: Agent | None, after: Agent | None, *, change: AgentChange) -> Verdict:
    """What listings show of the change is there and was not: it happened. It is as it was: it did not.

    An update is one request that Evolux takes whole or not at all, so what shows speaks for a password.
    """
    wanted, hidden = _visible(change), change.password is not None or change.levels is not None
    if after is None or not wanted:
        return Verdict.CANNOT_TELL
    is_there = all(getattr(after, name) == value for name, value in wanted.items())
    if before is None:
        return Verdict.HAPPENED if is_there and not hidden else Verdict.CANNOT_TELL
    differing = [name for name, value in wanted.items() if getattr(before, name) != value]
    if not differing:
        return Verdict.HAPPENED if is_there and not hidden else Verdict.CANNOT_TELL
    if is_there:
        return Verdict.HAPPENED
    is_as_it_was = all(getattr(after, name) == getattr(before, name) for name in differing)
    return Verdict.DID_NOT_HAPPEN if is_as_it_was else Verdict.CANNOT_TELL


def judge_create(existed: bool | None, after: Snapshot[Agent], *, new: NewAgent) -> Verdict:  # noqa: FBT001 - None says that it is not known
    """The login exists now with that name and queues, was not there and was never used: it happened."""
    found = find_created(after, new=new)
    if found is None:
        return Verdict.DID_NOT_HAPPEN if after.complete else Verdict.CANNOT_TELL
    if existed:
        return Verdict.DID_NOT_HAPPEN
    is_it = found.name == new.name and set(found.queue_ids) == set(new.queue_ids)
    return Verdict.HAPPENED if is_it and found.last_login is None else Verdict.CANNOT_TELL


def find_created(after: Snapshot[Agent], *, new: NewAgent) -> Agent | None:
    """The agent who has the new one's login, whoever that is."""
    return next((agent for agent in after.rows if _is_same_login(agent, new.login)), None)


def reason_id(taken: AgentPause) -> PauseId | None:
    """The id of a taken pause's reason; None where Evolux does not tell it."""
    return taken.pause.id if taken.pause is not None else taken.pause_id


def _began_since(pause: AgentPause, *, before: Agent | None, at: datetime | None) -> bool | None:
    """Whether a pause began since the write was sent; None where neither identity nor time can tell."""
    was_shown = False if before is None else _was_shown(pause, before=before)
    if was_shown or (at is not None and pause.started_at < at - TOLERANCE):
        return False
    if was_shown is None or (at is None and before is None):
        return None
    return True


def _was_shown(pause: AgentPause, *, before: Agent) -> bool | None:
    """Whether the row from before shows this pause; None where it shows one that may be it.

    A pause without a number is one that a write of ours is known to have begun and nobody has read yet.
    """
    shown = [each for each in (before.current_pause, before.last_pause) if each is not None]
    if any(each.id is not None and each.id == pause.id for each in shown):
        return True
    is_open = pause.ended_at is None
    may_be_it = (
        each.id is None
        and reason_id(each) == reason_id(pause)
        and not (is_open and each.ended_at is not None)
        for each in shown
    )
    return None if pause.id is None or any(may_be_it) else False


def _ended_since(after: Agent, *, before: Agent | None, at: datetime | None) -> bool | None:
    """Whether the last pause ended since the write was sent, by itself."""
    last = after.last_pause
    if last is None or last.ended_at is None:
        return False
    known = None if before is None else before.last_pause
    if known is not None and known.id is not None and known.id == last.id:
        return False
    if at is not None and last.ended_at < at - TOLERANCE:
        return False
    if known is not None and known.id is None and reason_id(known) == reason_id(last):
        return None
    login_ended_at = None if after.last_login is None else after.last_login.ended_at
    if login_ended_at is not None and last.ended_at >= login_ended_at:
        return None
    was_running = before is not None and before.current_pause is not None
    return True if at is not None or was_running else None


def _judge_ended_login(ended_at: datetime, *, known: AgentLogin | None, at: datetime | None) -> Verdict:
    if known is not None and known.ended_at is not None:
        return Verdict.DID_NOT_HAPPEN
    if at is None:
        return Verdict.CANNOT_TELL if known is None else Verdict.HAPPENED
    return Verdict.DID_NOT_HAPPEN if ended_at < at - TOLERANCE else Verdict.HAPPENED


def _visible(change: AgentChange) -> dict[str, object]:
    wanted = {"name": change.name, "queue_ids": change.queue_ids}
    return {name: value for name, value in wanted.items() if value is not None}


def _is_same_login(agent: Agent, login: str) -> bool:
    return agent.login.casefold() == login.casefold()
