"""How the root resolvers of a plan are called: each may look through a whole listing."""

import asyncio
import time
from typing import Any, Final

from gateway.engine.places import PlannedInfo
from gateway.engine.plans import Plan, Root
from gateway.engine.running import Run, close_unawaited

MAX_SECONDS_ON_LOOP: Final = 0.01
"""How long a row of root fields holds the event loop before others get their turn."""


async def ask_roots(plan: Plan, *, run: Run) -> tuple[dict[str, Any], dict[str, Exception]]:
    """Call the root resolvers: what each gave, and what each raised."""
    asked = plan.asked
    if len(plan.listings) > 1 or (plan.listings and len(asked) > 1):
        await run.context.settle(plan.listings)
    turns = _Turns()
    if len(asked) > 1 and not plan.listings:
        asking = [_ask(root, run=run, plan=plan, turns=turns) for root in asked]
        given = await asyncio.gather(*asking, return_exceptions=True)
    else:
        with run.context.one_at_a_time():
            given = [await _caught(_ask(root, run=run, plan=plan, turns=turns)) for root in asked]
    rows: dict[str, Any] = {}
    failures: dict[str, Exception] = {}
    for root, row in zip(asked, given, strict=True):
        if isinstance(row, Exception):
            failures[root.key] = row
        elif isinstance(row, BaseException):
            raise row
        else:
            rows[root.key] = row
    return rows, failures


def ask_at_once(plan: Plan, *, run: Run) -> dict[str, Any] | None:
    """What each root resolver gave; None where one has to wait, or the event loop was held long enough.

    Raises what a resolver raised.
    """
    rows: dict[str, Any] = {}
    began_at = time.perf_counter()
    for root in plan.asked:
        if rows and time.perf_counter() - began_at > MAX_SECONDS_ON_LOOP:
            return None
        info = PlannedInfo(plan.places[root.place], run.context, run.values)  # nobody else asks for a root's
        row = _call(root, info, run=run, plan=plan)
        if hasattr(row, "__await__"):
            close_unawaited(row)
            return None
        rows[root.key] = row
    return rows


class _Turns:
    """Lets other requests have their turn once root resolvers have held the loop for long enough."""

    __slots__ = ("_began_at",)

    def __init__(self) -> None:
        self._began_at = time.perf_counter()

    async def wait(self) -> None:
        """Go on at once, or after the others."""
        while time.perf_counter() - self._began_at > MAX_SECONDS_ON_LOOP:
            seen = self._began_at
            await asyncio.sleep(0)
            if self._began_at == seen:
                self._began_at = time.perf_counter()


async def _caught(asking: Any) -> Any:
    try:
        return await asking
    except Exception as failure:  # noqa: BLE001 - it stands in the answer
        return failure


async def _ask(root: Root, *, run: Run, plan: Plan, turns: _Turns) -> Any:
    await turns.wait()
    row = _call(root, run.infos[root.place], run=run, plan=plan)
    return await row if hasattr(row, "__await__") else row


def _call(root: Root, info: PlannedInfo, *, run: Run, plan: Plan) -> Any:
    assert root.call is not None  # noqa: S101 - only these are asked
    if root.arguments is None:
        return root.call(None, info)
    given = run.arguments[root.arguments] = plan.arguments[root.arguments].given(run.values)
    return root.call(None, info, **given)
