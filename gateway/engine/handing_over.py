"""How graphql-core runs what is left to it: on the event loop what is small, beside it what would hold it."""

from collections.abc import Callable
from typing import Any, Final

from graphql import ExecutionResult, GraphQLSchema, OperationType

from gateway.engine.beside import Departure, SideLoop, across, home_beyond
from gateway.engine.execution import Operation, execute, shallow_data
from gateway.engine.fragments import encode

MAX_COST_ON_LOOP: Final = 150
"""Of an operation that graphql-core runs on the event loop: some 3 ms, more where lists are long."""

Finish = Callable[[ExecutionResult, Any], ExecutionResult]
"""What is done to a result beside the event loop, given the operation's context."""


def as_it_is(result: ExecutionResult, _context: object) -> ExecutionResult:
    """Leave it."""
    return result


class Specified:
    """Runs operations as the specification says, by graphql-core, of one schema."""

    def __init__(self, schema: GraphQLSchema, *, finish: Finish, max_cost_on_loop: int) -> None:
        self._schema = schema
        self._finish = finish
        self._max_cost_on_loop = max_cost_on_loop
        self._side = SideLoop()

    async def run(self, operation: Operation, *, context: object, hide_suggestions: bool) -> ExecutionResult:
        """The result; beside the loop its data are encoded, too."""
        if operation.document.syntax is None or operation.cost <= self._max_cost_on_loop:
            return await execute(
                operation, schema=self._schema, context=context, hide_suggestions=hide_suggestions
            )

        async def work(departure: Departure) -> ExecutionResult:
            result = await execute(
                operation,
                schema=self._schema,
                context=context,
                hide_suggestions=hide_suggestions,
                around=_around(operation, departure=departure),
            )
            return self._finish(_encoded(result), context)

        return await self._side.run(work)


def _around(operation: Operation, *, departure: Departure) -> Callable[..., Any]:
    """What calls a resolver beside the loop: what writes is awaited on the main one."""

    def resolve(resolver: Callable[..., Any], row: Any, info: Any, /, **given: Any) -> Any:
        departure.check()
        return resolver(row, info, **given)

    def write(resolver: Callable[..., Any], row: Any, info: Any, /, **given: Any) -> Any:
        departure.check()
        if info.path.prev is not None:
            return resolver(row, info, **given)
        return _at_home(resolver, row, info, **given)

    return write if operation.type is OperationType.MUTATION else resolve


async def _at_home(resolver: Callable[..., Any], row: Any, info: Any, /, **given: Any) -> Any:
    async def call() -> Any:
        value = resolver(row, info, **given)
        return await value if hasattr(value, "__await__") else value

    home = home_beyond()
    assert home is not None  # noqa: S101 - called beside it alone
    return await across(call, to=home)


def _encoded(result: ExecutionResult) -> ExecutionResult:
    """The result with its data as bytes by root field, as far as they can be encoded."""
    if result.data is None:
        return result
    try:
        data = shallow_data(encode({"data": result.data}))
    except Exception:  # noqa: BLE001 - whoever writes the answer meets it again, and says what it is
        return result
    return ExecutionResult(data, result.errors, result.extensions)
