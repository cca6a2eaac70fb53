"""What the executor remembers of what it ran: whole answers, rows' bytes, and what a run takes."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from graphql import VariableValues

from gateway.engine.bounded import BoundedMap
from gateway.engine.fragments import UNKEPT, Fragments, Unkept
from gateway.engine.plans import Plan
from gateway.engine.prepared import Prepared
from gateway.engine.running import Completed, Context, Run

_ANSWER_BYTES: Final = 1_000
_HOLE_BYTES: Final = 1_500
"""What a remembered answer takes besides its bytes: itself, and the rows that its holes will be asked of."""
_PLACE_BYTES: Final = 1_000
"""What a place takes in which rows' bytes are kept, be it of no row, besides the variables that it is for."""
_VARIABLES_FACTOR: Final = 4
"""Variables are held as a key and as values."""
_MAX_ASKED: Final = 2_000
"""Questions remembered without their answers, to tell those that come again."""
_ROWS_OF: Final = "agents"
"""The listing whose rows' bytes are kept."""

Key = tuple[int, Any, frozenset[str], bytes | None]
"""The prepared operation's serial, the tenant, the caller's scopes, and the variables if they can be one."""

_Place = tuple[int, int, Any, bytes | None]
"""The plan's serial and the place's number in it, the tenant, and the variables if they decide there."""


class RememberedAnswer(msgspec.Struct, frozen=True):
    """An answer under the versions of the listings that it was made from."""

    listings: tuple[str, ...]
    versions: tuple[str, ...]
    completed: Completed
    plan: Plan
    values: VariableValues

    @property
    def body(self) -> bytes | None:
        """The bytes, if no instant changes them."""
        return None if self.completed.holes else self.completed.parts[0]

    @property
    def bytes(self) -> int:
        """What it takes, more or less."""
        own = sum(map(len, self.completed.parts))
        return own + _ANSWER_BYTES + len(self.completed.holes) * _HOLE_BYTES

    def holds(self, readings: Mapping[str, Any]) -> bool:
        """Whether its listings are among these readings, and the same still."""
        for name, version in zip(self.listings, self.versions, strict=True):
            reading = readings.get(name)
            if reading is None or reading.snapshot.version != version:
                return False
        return True


class Found(msgspec.Struct, frozen=True):
    """What is known of an operation that was prepared before; `key` is how what it comes to is remembered."""

    prepared: Prepared
    key: Key
    answer: RememberedAnswer | None
    """What was answered before; not whether it holds still."""


class KnownRun(msgspec.Struct, frozen=True):
    """A query whose plan was run before and needed no more than these listings."""

    needs: tuple[str, ...]
    plan: Plan
    values: VariableValues
    key: Key


class Memory:
    """Holds answers and rows' bytes, each within a bound of bytes."""

    def __init__(self, *, max_answer_bytes: int, max_fragment_bytes: int) -> None:
        self._answers: BoundedMap[Key, RememberedAnswer] = BoundedMap(max_bytes=max_answer_bytes)
        self._fragments: BoundedMap[_Place, Fragments] = BoundedMap(max_bytes=max_fragment_bytes)
        self._keeps_answers, self._keeps_fragments = max_answer_bytes > 0, max_fragment_bytes > 0
        self._asked: set[int] = set()

    @property
    def held_bytes(self) -> dict[str, int]:
        """What is held, by kind."""
        return {"answers": self._answers.bytes, "fragments": self._fragments.bytes}

    def find(self, key: Key) -> RememberedAnswer | None:
        """What was answered before."""
        return self._answers.get(key)

    def is_wanted(self, key: Key) -> bool:
        """Whether to remember an answer: one that variables decide only when it was asked for before."""
        variables_key = key[-1]
        if variables_key is None or not self._keeps_answers:
            return False
        asked = hash(key)
        if not variables_key or asked in self._asked:
            return True
        if len(self._asked) >= _MAX_ASKED:
            self._asked.clear()
        self._asked.add(asked)
        return False

    def remember(
        self, key: Key, completed: Completed, *, plan: Plan, context: Context, values: VariableValues
    ) -> None:
        """Take up an answer, if it was made from listings alone."""
        listings = context.used_listings()
        versions = None if listings is None else context.versions(listings)
        if listings is None or versions is None:
            return
        plan.note_listings(listings)
        answer = RememberedAnswer(listings, versions, completed, plan, values)
        self._answers.put(key, answer, weight=answer.bytes + len(key[-1] or b"") * _VARIABLES_FACTOR)

    def open_kept(self, plan: Plan, *, run: Run, key: Key) -> list[Fragments | Unkept]:
        """What each place keeps, where this run sees the listings that it depends on."""
        _, tenant_id, _, variables_key = key
        kept: list[Fragments | Unkept] = []
        listing = run.context.version(_ROWS_OF)
        for at, site in enumerate(plan.sites):
            versions = None if site.reads is None else run.context.versions(site.reads)
            if versions is None or not self._keeps_fragments or (site.varies and variables_key is None):
                kept.append(UNKEPT)
                continue
            place: _Place = (plan.serial, at, tenant_id, variables_key if site.varies else None)
            fragments = self._fragments.get(place)
            if fragments is None:
                fragments = Fragments()
                self._fragments.put(place, fragments, weight=_weigh(place))
            fragments.see(versions=versions, listing=listing)
            kept.append(fragments)
        return kept

    def weigh_kept(self, plan: Plan, *, run: Run, key: Key) -> None:
        """Take into account what the run has added to what its places keep."""
        _, tenant_id, _, variables_key = key
        for at, fragments in enumerate(run.opened):
            if isinstance(fragments, Fragments) and fragments.bytes != fragments.weighed:
                fragments.weighed = fragments.bytes
                place: _Place = (plan.serial, at, tenant_id, variables_key if plan.sites[at].varies else None)
                self._fragments.put(place, fragments, weight=_weigh(place) + fragments.bytes)


def _weigh(place: _Place) -> int:
    return _PLACE_BYTES + len(place[-1] or b"")
