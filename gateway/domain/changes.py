"""What differs between two states of a tenant's agents, and the memory by which a reader comes back."""

import re
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from typing import Final, NamedTuple

import msgspec

from gateway.domain.agents import Agent
from gateway.domain.ids import AgentId
from gateway.domain.listings import Snapshot

_DIGEST_BITS: Final = 96
_STATE_NAME: Final = re.compile(f"[0-9a-f]{{{_DIGEST_BITS // 4}}}")
_MAX_LINKS: Final = 1_000
"""Links remembered of one tenant, however few agents changed in each."""


class Changed(NamedTuple):
    """One agent in two states; None where the agent is not there."""

    before: Agent | None
    after: Agent | None


Changes = Mapping[AgentId, Changed]
"""What differs between two states, by agent; those who are equal in both are not in it."""


class Link(NamedTuple):
    """Two states of a tenant's agents by their names, and what differs between them."""

    before: str
    after: str
    changes: Changes


class AgentsState:
    """What some agents are as a number: the sum of their digests, which follows changes without reading all.

    Equal agents have an equal name, whoever read them, in whatever order and by whichever way.
    """

    __slots__ = ("_sum",)

    def __init__(self, rows: Iterable[Agent]) -> None:
        self._sum = sum(map(_digest, rows))

    def follow(self, changes: Changes) -> None:
        """Take changes in."""
        for before, after in changes.values():
            self._sum += (_digest(after) if after else 0) - (_digest(before) if before else 0)

    @property
    def name(self) -> str:
        """The state's name: 24 hex digits that tell nothing of the agents."""
        return f"{self._sum % (1 << _DIGEST_BITS):0{_DIGEST_BITS // 4}x}"


def is_state_name(text: str) -> bool:
    """Whether a text could be the name of a state: whatever else a reader sends is never repeated."""
    return _STATE_NAME.fullmatch(text) is not None


def find_changes(before: Snapshot[Agent], after: Snapshot[Agent]) -> Changes:
    """Every agent who is new, gone or not the same; rows that both listings share cost next to nothing."""
    if before.version == after.version:
        return {}
    known, seen = before.by_id, after.by_id
    changes: dict[AgentId, Changed] = {}
    for row in after.rows:
        earlier = known.get(row.id)
        if earlier is not row and earlier != row:
            changes[row.id] = Changed(earlier, row)
    for row in before.rows:
        if row.id not in seen:
            changes[row.id] = Changed(row, None)
    return changes


def chain(steps: Iterable[Changes]) -> Changes:
    """What several steps amount to, one after the other; who is as at first is not in it."""
    merged: dict[AgentId, Changed] = {}
    for step in steps:
        for agent_id, changed in step.items():
            earlier = merged.get(agent_id)
            merged[agent_id] = changed if earlier is None else Changed(earlier.before, changed.after)
    return {agent_id: changed for agent_id, changed in merged.items() if changed.before != changed.after}


def turned(changes: Changes) -> Changes:
    """The way back."""
    return {agent_id: Changed(changed.after, changed.before) for agent_id, changed in changes.items()}


def keep_unseen(before: Snapshot[Agent], seen: Snapshot[Agent]) -> Snapshot[Agent]:
    """A listing that lacks rows, filled up with those last seen: nobody has left who is only unread."""
    unseen = [row for row in before.rows if row.id not in seen.by_id]
    if not unseen:
        return seen
    return Snapshot(
        (*seen.rows, *unseen), fetched_at=seen.fetched_at, missing=seen.missing, page_rows=seen.page_rows
    )


class ChangeMemory:
    """What is remembered between states: bounded in agents and in time, the oldest is forgotten first.

    States are named by what they hold, not counted, and a link can be gone both ways: replicas that saw
    different states between, and links of several replicas together, give the same exact answer.
    """

    def __init__(self, *, max_agents: int, keep_seconds: float, monotonic: Callable[[], float]) -> None:
        self._max_agents = max_agents
        self._keep_seconds = keep_seconds
        self._monotonic = monotonic
        self._links: OrderedDict[tuple[str, str], tuple[float, Link]] = OrderedDict()
        self._beside: dict[str, dict[str, Link]] = {}
        self._agents = 0

    def remember(self, link: Link) -> None:
        """Take a link in; one with more agents than may be remembered at all is left out."""
        self._forget_old()
        names = (link.before, link.after)
        if link.before == link.after or names in self._links or len(link.changes) > self._max_agents:
            return
        self._links[names] = (self._monotonic(), link)
        self._beside.setdefault(link.before, {})[link.after] = link
        self._beside.setdefault(link.after, {}).setdefault(
            link.before, Link(link.after, link.before, turned(link.changes))
        )
        self._agents += len(link.changes)
        while self._agents > self._max_agents or len(self._links) > _MAX_LINKS:
            self._forget()

    def between(self, before: str, after: str) -> Changes | None:
        """What differs between two states; None where no way leads from one to the other any more."""
        if before == after:
            return {}
        self._forget_old()
        came_by: dict[str, Link | None] = {before: None}
        waiting = deque([before])
        while waiting and after not in came_by:
            here = waiting.popleft()
            for there, link in self._beside.get(here, {}).items():
                if there not in came_by:
                    came_by[there] = link
                    waiting.append(there)
        return _way(came_by, after) if after in came_by else None

    def _forget_old(self) -> None:
        oldest_at = self._monotonic() - self._keep_seconds
        while self._links and next(iter(self._links.values()))[0] < oldest_at:
            self._forget()

    def _forget(self) -> None:
        (before, after), (_, link) = self._links.popitem(last=False)
        self._agents -= len(link.changes)
        for here, there in ((before, after), (after, before)):
            if (there, here) not in self._links:
                beside = self._beside.get(here, {})
                beside.pop(there, None)
                if not beside:
                    self._beside.pop(here, None)


def _digest(row: Agent) -> int:
    return int.from_bytes(blake2b(msgspec.msgpack.encode(row), digest_size=_DIGEST_BITS // 8).digest())


def _way(came_by: Mapping[str, Link | None], after: str) -> Changes:
    links: list[Link] = []
    link = came_by[after]
    while link is not None:
        links.append(link)
        link = came_by[link.before]
    return chain(link.changes for link in reversed(links))
