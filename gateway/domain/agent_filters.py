"""Which agents a caller asks for."""

import unicodedata
from collections.abc import Sequence
from typing import Final

import msgspec

from gateway.domain.agents import Agent, AgentState
from gateway.domain.ids import AgentId, PauseId, QueueId
from gateway.domain.listings import Snapshot

_MAX_SEARCHES: Final = 16
"""Searches of a snapshot whose finds are kept, until there is one more."""


class AgentFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What chosen agents have in common; None constrains nothing, an empty set matches nobody.

    `search` takes words, in any case and with or without accents, that must all occur in name or login.
    `archived` leaves archived agents out, or gives only them. Equal filters are equal keys.
    """

    ids: frozenset[AgentId] | None = None
    search: str | None = None
    states: frozenset[AgentState] | None = None
    queue_ids: frozenset[QueueId] | None = None
    pause_ids: frozenset[PauseId] | None = None
    enabled: bool | None = None
    archived: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """The folded words of `search`, each once; none where it is blank."""
        return tuple(dict.fromkeys(fold(self.search).split())) if self.search else ()

    @property
    def is_open(self) -> bool:
        """Whether nothing but `archived` constrains."""
        return not self.words and self == AgentFilter(search=self.search, archived=self.archived)


def fold(text: str) -> str:
    """Give `text` without case and accents, so that "Conceição" and "CONCEICAO" are the same."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in decomposed if not unicodedata.combining(char)).casefold()


def select_agents(snapshot: Snapshot[Agent], chosen: AgentFilter) -> tuple[Agent, ...]:
    """Give the chosen agents in the listing's order."""
    side = _archived if chosen.archived else _unarchived
    rows = snapshot.derive(("agents", "archived", chosen.archived), side)
    return rows if chosen.is_open else tuple(keep_chosen(rows, snapshot=snapshot, chosen=chosen))


def keep_chosen(rows: Sequence[Agent], *, snapshot: Snapshot[Agent], chosen: AgentFilter) -> Sequence[Agent]:
    """Keep the chosen of some rows of `snapshot`, in their order; `archived` is taken as applied."""
    if chosen.ids is not None:
        rows = [row for row in rows if row.id in chosen.ids]
    if chosen.enabled is not None:
        rows = [row for row in rows if row.enabled is chosen.enabled]
    if chosen.queue_ids is not None:
        rows = [row for row in rows if not chosen.queue_ids.isdisjoint(row.queue_ids)]
    if chosen.pause_ids is not None:
        rows = [row for row in rows if _reason_id(row) in chosen.pause_ids]
    if chosen.states is not None:
        rows = [row for row in rows if row.state in chosen.states]
    return _keep_found(rows, snapshot=snapshot, words=chosen.words)


def _keep_found(
    rows: Sequence[Agent], *, snapshot: Snapshot[Agent], words: tuple[str, ...]
) -> Sequence[Agent]:
    if not words:
        return rows
    found = _found(snapshot, words)
    return [row for row in rows if row.id in found]


def _found(snapshot: Snapshot[Agent], words: tuple[str, ...]) -> frozenset[AgentId]:
    """Who has all the words: looked for once, though each of many queues asks for them."""
    known = snapshot.derive(("agents", "found"), _none_found_yet)
    found = known.get(words)
    if found is None:
        texts = snapshot.derive(("agents", "folded"), _folded_texts)
        left = list(texts)
        for word in words:
            left = [each for each in left if word in texts[each]]
        if len(known) >= _MAX_SEARCHES:
            known.clear()
        found = known[words] = frozenset(left)
    return found


def _none_found_yet(_snapshot: Snapshot[Agent]) -> dict[tuple[str, ...], frozenset[AgentId]]:
    return {}


def _folded_texts(snapshot: Snapshot[Agent]) -> dict[AgentId, str]:
    return {row.id: fold(f"{row.name}\n{row.login}") for row in snapshot.rows}


def _unarchived(snapshot: Snapshot[Agent]) -> tuple[Agent, ...]:
    return tuple(row for row in snapshot.rows if not row.archived)


def _archived(snapshot: Snapshot[Agent]) -> tuple[Agent, ...]:
    return tuple(row for row in snapshot.rows if row.archived)


def _reason_id(agent: Agent) -> PauseId | None:
    taken = agent.current_pause
    if taken is None:
        return None
    return taken.pause.id if taken.pause is not None else taken.pause_id
