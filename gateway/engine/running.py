"""One run of a plan over what an operation sees: passes until nothing has to be waited for."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol

from graphql import VariableValues
from graphql.pyutils import is_iterable

from gateway.engine.fragments import UNKEPT, Fragments, Unkept, encode
from gateway.engine.leaves import Unusual
from gateway.engine.places import PlannedInfos
from gateway.engine.plans import Plan, Root
from gateway.engine.script import HOLE, Tired

MAX_ITEMS_ON_LOOP: Final = 3_000
"""Items of lists that a run completes on the event loop, in about 10 ms; with more it moves to a thread."""
_MAX_PASSES: Final = 8

Hole = tuple[Any, Any]


class Context(Protocol):
    """What an operation runs in, as the engine sees it; the schema's resolvers see more."""

    tenant_id: Any
    scopes: frozenset[str]

    @property
    def is_timed(self) -> bool:
        """Whether something asked for the operation's instant."""
        ...

    def settle_at_once(self, listings: Iterable[str]) -> bool:
        """Read these listings if that takes no waiting, and say so; else `settle` has to follow."""
        ...

    async def settle(self, listings: Iterable[str]) -> None:
        """Read these listings ahead; a failure waits for its user."""
        ...

    def versions(self, listings: Iterable[str]) -> tuple[str, ...] | None:
        """The versions of these listings; None unless all are here."""
        ...

    def version(self, listing: str) -> str | None:
        """The version of this listing; None unless it is here."""
        ...

    def used_listings(self) -> tuple[str, ...] | None:
        """The listings that were used; None where something else was read too."""
        ...

    def one_at_a_time(self) -> AbstractContextManager[None]:
        """Within it, nobody asks for a listing while another waits for it."""
        ...

    def uses(self) -> tuple[int, ...]:
        """How often each listing was used so far."""
        ...

    def used_since(self, before: tuple[int, ...]) -> frozenset[str]:
        """The listings that were used since `uses` gave this."""
        ...

    def use_listings(self, listings: Iterable[str]) -> None:
        """Count these as used."""
        ...


class Run:
    """What the functions of a plan work with."""

    __slots__ = (
        "arguments",
        "context",
        "has_kept",
        "holes",
        "infos",
        "kept",
        "left",
        "opened",
        "pending",
        "plain",
        "shared",
        "shared_from",
        "shared_lists",
        "used",
        "values",
        "was_moved",
    )

    def __init__(self, plan: Plan, context: Context, values: VariableValues, plain: set[type]) -> None:
        self.context = context
        self.plain = plain
        self.values = values
        self.infos = PlannedInfos(plan.places, context, values)
        self.arguments: list[Any] = [None] * len(plan.arguments)
        self.kept: Sequence[Fragments | Unkept] = ()
        self.opened: Sequence[Fragments | Unkept] = ()
        """What `kept` was before the run moved, to be weighed in the end."""
        self.holes: list[Hole] = []
        self.pending: list[Any] = []
        self.used: set[str] = set()
        self.shared: list[dict[int, Any]] = [{} for _ in range(plan.shared_places)]
        """By place, what is shown of objects by their identity."""
        self.shared_lists: list[dict[int, list[Any]]] = [{} for _ in range(plan.shared_places)]
        """The same of lists of them."""
        self.shared_from: list[Any] = []
        """These objects and lists, which must live as long as they are known so."""
        self.left: float = MAX_ITEMS_ON_LOOP
        self.was_moved = self.has_kept = False

    @property
    def is_timed(self) -> bool:
        """Whether something asked for the instant."""
        return self.context.is_timed

    def read_arguments(self, plan: Plan) -> None:
        """Read the arguments below the root; raises what graphql-core would."""
        for at, arguments in enumerate(plan.arguments):
            if self.arguments[at] is None:
                self.arguments[at] = arguments.given(self.values)

    def weigh(self, value: Any) -> Any:
        """Look at a value of a class not seen before; one to be awaited is None for this pass."""
        if isinstance(value, Exception):
            raise Unusual
        if hasattr(value, "__await__"):
            self.pending.append(value)
            return None
        self.plain.add(value.__class__)
        return value

    def lack(self) -> None:
        """Meet None where there must be a value: only a value that is awaited may be so."""
        if not self.pending:
            raise Unusual

    def listed(self, value: Any) -> Any:
        """The items of anything but a list: a tuple's as they are, others put into one."""
        if value.__class__ is tuple:
            return value
        if not is_iterable(value) or hasattr(value, "__aiter__"):
            raise Unusual
        return tuple(value)

    def share(self, value: Any, number: int, make: Callable[[Any, Any], Any]) -> Any:
        """What is shown of an object, and from then on of the same object in other rows of this run."""
        made = self.shared[number][id(value)] = make(value, self)
        self.shared_from.append(value)
        return made

    def share_list(self, values: Sequence[Any], number: int, make: Callable[[Any, Any], Any]) -> list[Any]:
        """The same of a list of such objects, which is not looked into again where it comes again."""
        known = self.shared[number].get
        items = []
        for value in values:
            if value is None:
                raise Unusual
            items.append(known(id(value)) or self.share(value, number, make))
        self.shared_lists[number][id(values)] = items
        self.shared_from.append(values)
        return items

    def abandon(self) -> None:
        """Close what was to be awaited."""
        for awaited in self.pending:
            close_unawaited(awaited)
        self.pending = []


def close_unawaited(awaited: Any) -> None:
    """Close an awaitable that nobody will await."""
    close = getattr(awaited, "close", None)
    if close is not None:
        close()


class Completed:
    """The answer of a run, `{"data": …}`: parts of its bytes around holes, which are functions and rows."""

    __slots__ = ("holes", "parts")

    def __init__(self, data: Mapping[str, Any], holes: Sequence[Hole]) -> None:
        encoded = encode({"data": data})
        self.holes = tuple(holes)
        self.parts: list[bytes] = encoded.split(b"\x00") if holes else [encoded]

    def fill(self, run: Run) -> bytes:
        """The bytes with every hole asked anew."""
        if not self.holes:
            return self.parts[0]
        filled = [self.parts[0]]
        for (complete, row), part in zip(self.holes, self.parts[1:], strict=True):
            filled.append(encode(complete(row, run)))
            filled.append(part)
        if run.pending:
            run.abandon()
            raise Unusual
        return b"".join(filled)


async def complete_roots(
    plan: Plan, rows: Mapping[str, Any], *, run: Run, open_kept: Any, waits: bool = True
) -> Completed:
    """Complete what the root resolvers gave, awaiting what resolvers below have to read, if it `waits`."""
    try:
        for _ in range(_MAX_PASSES):
            run.kept = run.opened = open_kept(run)
            completed = await _one_pass(plan, rows, run=run)
            if not run.pending or not waits:
                run.context.use_listings(run.used)
                return completed
            awaited, run.pending = run.pending, []
            await asyncio.gather(*awaited, return_exceptions=True)
    finally:
        run.abandon()
    raise Unusual


async def _one_pass(plan: Plan, rows: Mapping[str, Any], *, run: Run) -> Completed:
    run.holes = []
    if not run.was_moved:
        try:
            return complete_once(plan.roots, rows, run=run)
        except Tired:
            run.abandon()
            run.was_moved = True
    run.holes, run.left, run.kept = [], float("inf"), [UNKEPT] * len(plan.sites)
    return await asyncio.to_thread(complete_once, plan.roots, rows, run=run)


def complete_once(roots: Sequence[Root], rows: Mapping[str, Any], *, run: Run) -> Completed:
    """One pass over all root fields, encoded."""
    return Completed(complete_data(roots, rows, run=run), run.holes)


def complete_data(roots: Sequence[Root], rows: Mapping[str, Any], *, run: Run) -> dict[str, Any]:
    """One pass over all root fields; a root without a row failed, and is null."""
    data: dict[str, Any] = {}
    for root in roots:
        if root.constant is not None:
            data[root.key] = root.constant
        elif root.hole is not None:
            run.holes.append((root.hole, None))
            data[root.key] = HOLE
        elif root.key in rows and root.complete is not None:
            data[root.key] = root.complete(rows[root.key], run)
        else:
            data[root.key] = None
    return data
