"""The executor: plans what can be planned, remembers what may be, hands the rest to graphql-core."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from graphql import ExecutionResult, GraphQLSchema, OperationType, VariableValues, located_error

from gateway.engine.asking import ask_at_once, ask_roots
from gateway.engine.bounded import BoundedMap
from gateway.engine.execution import Operation, shallow_data
from gateway.engine.fragments import Fragments, Unkept, encode
from gateway.engine.handing_over import MAX_COST_ON_LOOP, Finish, Specified, as_it_is
from gateway.engine.leaves import Native
from gateway.engine.plans import Plan
from gateway.engine.prepared import Prepared
from gateway.engine.remembered import Found, Key, KnownRun, Memory, RememberedAnswer
from gateway.engine.running import MAX_ITEMS_ON_LOOP, Completed, Context, Run, complete_data, complete_roots
from gateway.engine.script import Unplannable
from gateway.telemetry.labels import HandOver

OnHandOver = Callable[[HandOver], None]

_PLAIN: Final = frozenset({list, tuple, dict, str, int, float, bool, type(None)})


class Executor:
    """Runs operations against one schema."""

    def __init__(
        self,
        schema: GraphQLSchema,
        *,
        natives: Mapping[str, Native] | None = None,
        kept_types: frozenset[str] = frozenset(),
        shared_types: frozenset[str] = frozenset(),
        max_plan_bytes: int = 32 * 2**20,
        max_answer_bytes: int = 64 * 2**20,
        max_fragment_bytes: int = 64 * 2**20,
        on_hand_over: OnHandOver = lambda _reason: None,
        finish: Finish = as_it_is,
        max_cost_on_loop: int = MAX_COST_ON_LOOP,
    ) -> None:
        self._schema = schema
        self._natives = dict(natives or {})
        self._kept_types = kept_types
        self._shared_types = shared_types
        self._on_hand_over = on_hand_over
        self._specified = Specified(schema, finish=finish, max_cost_on_loop=max_cost_on_loop)
        self._prepared: BoundedMap[tuple[str, str | None], Prepared] = BoundedMap(max_bytes=max_plan_bytes)
        self._memory = Memory(max_answer_bytes=max_answer_bytes, max_fragment_bytes=max_fragment_bytes)
        self._plain: set[type] = set(_PLAIN)

    @property
    def held_bytes(self) -> dict[str, int]:
        """What is held, by kind."""
        return {"plans": self._prepared.bytes, **self._memory.held_bytes}

    async def run(
        self, operation: Operation, *, context: Context, hide_suggestions: bool = False
    ) -> bytes | ExecutionResult:
        """The bytes of the answer, `{"data": …}`, where nothing failed, else the result with its errors."""
        if operation.type is OperationType.MUTATION or operation.document.syntax is None:
            return await self._specified.run(operation, context=context, hide_suggestions=hide_suggestions)
        try:
            return await self._run_query(operation, context=context)
        except Unplannable as refused:
            self._on_hand_over(refused.reason)
        return await self._specified.run(operation, context=context, hide_suggestions=hide_suggestions)

    def find(
        self,
        operation: Operation,
        *,
        variables: dict[str, Any] | None,
        tenant_id: Any,
        scopes: frozenset[str],
    ) -> Found | None:
        """What is known of the operation with these variables, and what they were answered before."""
        prepared = self._prepared.get((operation.document.sha256, operation.name))
        if prepared is None:
            return None
        key = (prepared.serial, tenant_id, scopes, prepared.key_of(variables))
        return Found(prepared, key, self._memory.find(key))

    def at_once(self, remembered: RememberedAnswer, *, context: Context) -> bytes | None:
        """The bytes of a remembered answer, if it holds still and that can be told without waiting.

        Where this gives None, `run` has to follow with the same context.
        """
        if len(remembered.completed.holes) > MAX_ITEMS_ON_LOOP:
            return None
        listings = remembered.listings
        if listings and not (
            context.settle_at_once(listings) and context.versions(listings) == remembered.versions
        ):
            return None
        context.use_listings(listings)
        run = Run(remembered.plan, context, remembered.values, self._plain)
        try:
            return remembered.completed.fill(run)
        except Exception:  # noqa: BLE001 - the standard executor says what it is
            return None

    def known_run(self, found: Found, *, variables: dict[str, Any] | None) -> KnownRun | None:
        """What is known of running it; None where that is nothing, or where it needs more than listings."""
        prepared = found.prepared
        values = prepared.variables.read(variables or {})
        plan = None if values is None else prepared.known_plan(values)
        if plan is None or values is None or plan.needs is None:
            return None
        return KnownRun(plan.needs, plan, values, found.key)

    def run_at_once(self, known: KnownRun, *, context: Context) -> bytes | None:
        """The bytes of the answer, where nothing failed and nothing had to be waited for.

        All that is needed is at hand in the context. Where this gives None, `run` has to follow with another
        context.
        """
        run = Run(known.plan, context, known.values, self._plain)
        try:
            return self._answer_at_once(known, run=run)
        except Exception:  # noqa: BLE001 - `run` meets it too, and says what it is
            return None
        finally:
            if run.pending:
                run.abandon()
            if run.has_kept:
                self._memory.weigh_kept(known.plan, run=run, key=known.key)

    def _answer_at_once(self, known: KnownRun, *, run: Run) -> bytes | None:
        plan, key, memory = known.plan, known.key, self._memory
        rows = ask_at_once(plan, run=run)
        if rows is None:
            plan.note_vain()
            return None
        if plan.has_inner_arguments:
            run.read_arguments(plan)
        run.kept = run.opened = memory.open_kept(plan, run=run, key=key)
        data = complete_data(plan.roots, rows, run=run)
        if run.pending:
            plan.note_vain()
            return None
        plan.note_at_once()
        run.context.use_listings(run.used)
        may_remember = not run.context.is_timed and memory.is_wanted(key)
        if not may_remember and not run.holes:
            return encode({"data": data})
        completed = Completed(data, run.holes)
        body = completed.fill(run)
        if may_remember:
            memory.remember(key, completed, plan=plan, context=run.context, values=known.values)
        return body

    async def _run_query(self, operation: Operation, *, context: Context) -> bytes | ExecutionResult:
        prepared = self._prepare(operation)
        key = (prepared.serial, context.tenant_id, context.scopes, prepared.key_of(operation.variables))
        remembered = self._memory.find(key)
        if remembered is not None:
            body = await self._recall(remembered, context=context)
            if body is not None:
                return body
        values = prepared.variables.read(operation.variables or {})
        if values is None:
            raise Unplannable(HandOver.VARIABLES)
        plan = await self._plan(prepared, operation, values=values)
        return await self._run_plan(plan, values=values, key=key, context=context)

    async def _run_plan(
        self, plan: Plan, *, values: VariableValues, key: Key, context: Context
    ) -> bytes | ExecutionResult:
        run = Run(plan, context, values, self._plain)
        rows, failures = await ask_roots(plan, run=run)
        if len(failures) > 1:
            raise Unplannable(HandOver.SEVERAL_ERRORS)
        if failures:
            return await self._with_failure(plan, failures, rows=rows, run=run, key=key)
        completed = await self._complete(plan, rows, run=run, key=key)
        used = context.used_listings()
        plan.note_run(None if run.was_moved else used)
        plan.note_listings(used or ())
        may_remember = not context.is_timed and self._memory.is_wanted(key)
        body = await _fill(completed, run)
        if may_remember:
            self._memory.remember(key, completed, plan=plan, context=context, values=values)
        return body

    async def _with_failure(
        self, plan: Plan, failures: dict[str, Exception], *, rows: dict[str, Any], run: Run, key: Key
    ) -> ExecutionResult:
        """The result where one root field failed: null there, or at once in all, where it cannot be null."""
        [(name, failure)] = failures.items()
        root = next(root for root in plan.roots if root.key == name)
        error = located_error(failure, root.nodes, [name])
        completed = await self._complete(plan, rows, run=run, key=key, waits=root.is_nullable)
        answer = await _fill(completed, run)
        return ExecutionResult(shallow_data(answer) if root.is_nullable else None, [error])

    async def _complete(
        self, plan: Plan, rows: dict[str, Any], *, run: Run, key: Key, waits: bool = True
    ) -> Completed:
        def open_kept(run: Run) -> list[Fragments | Unkept]:
            return self._memory.open_kept(plan, run=run, key=key)

        try:
            run.read_arguments(plan)
            return await complete_roots(plan, rows, run=run, open_kept=open_kept, waits=waits)
        except Exception as unusual:
            raise Unplannable(HandOver.FIELD_ERROR) from unusual
        finally:
            self._memory.weigh_kept(plan, run=run, key=key)

    def _prepare(self, operation: Operation) -> Prepared:
        document = operation.document
        key = (document.sha256, operation.name)
        prepared = self._prepared.get(key)
        if prepared is None:
            assert document.syntax is not None  # noqa: S101 - what has none is not run
            prepared = Prepared(
                document.syntax,
                name=operation.name,
                schema=self._schema,
                natives=self._natives,
                kept_types=self._kept_types,
                shared_types=self._shared_types,
            )
            self._prepared.put(key, prepared, weight=prepared.weight)
        return prepared

    async def _plan(self, prepared: Prepared, operation: Operation, *, values: VariableValues) -> Plan:
        before = prepared.plans_made
        plan = await prepared.plan_for(values)
        if prepared.plans_made != before:
            key = (operation.document.sha256, operation.name)
            self._prepared.put(key, prepared, weight=prepared.weight)
        if isinstance(plan, Unplannable):
            raise plan
        return plan

    async def _recall(self, remembered: RememberedAnswer, *, context: Context) -> bytes | None:
        """The remembered answer, if its listings are the same still; its holes are asked anew."""
        if remembered.listings:
            if not context.settle_at_once(remembered.listings):
                await context.settle(remembered.listings)
            if context.versions(remembered.listings) != remembered.versions:
                return None
        completed = remembered.completed
        if not completed.holes:
            context.use_listings(remembered.listings)
            return completed.parts[0]
        plan = remembered.plan
        run = Run(plan, context, remembered.values, self._plain)
        context.use_listings(remembered.listings)
        try:
            return await _fill(completed, run)
        except Unplannable:
            return None


async def _fill(completed: Completed, run: Run) -> bytes:
    try:
        if len(completed.holes) > MAX_ITEMS_ON_LOOP:
            return await asyncio.to_thread(completed.fill, run)
        return completed.fill(run)
    except Exception as unusual:
        raise Unplannable(HandOver.FIELD_ERROR) from unusual
