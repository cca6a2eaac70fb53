"""An object that stands below many rows is made once in an answer; what is the same for all rows, too."""

from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import strawberry
from graphql import execute_sync, parse

from gateway.engine.executor import Executor
from gateway.schema.fields import attribute, bind_resolvers, computed, entry, fleeting, upstream_of_rows
from tests.unit.engine.comparing import operation_of, shown
from tests.unit.engine.worlds import a_context, a_still_call_center

LOUD, QUIET = SimpleNamespace(name='l"aut'), SimpleNamespace(name="leise")
ROOMS = [
    SimpleNamespace(id=1, tag=LOUD, tags=[LOUD, QUIET]),
    SimpleNamespace(id=2, tag=None, tags=[]),
    SimpleNamespace(id=3, tag=QUIET, tags=(QUIET, QUIET)),
    SimpleNamespace(id=4, tag=LOUD, tags=[LOUD, SimpleNamespace(name="eigen")]),
]
calls: Counter[str] = Counter()


def list_rooms(_root: object, _info: Any) -> list[Any]:
    return ROOMS


def length(row: Any, _info: Any, *, times: int = 1) -> int:
    calls[row.name] += 1
    return len(row.name) * times


def caller(_row: Any, info: Any) -> str:
    name: str = info.context.caller_name
    return name


def tags_of(_info: Any) -> Callable[[Any], Any]:
    calls["for rows"] += 1
    return lambda room: room.tags() if callable(room.tags) else room.tags


@strawberry.type(description="A tag.")
class Tag:
    name: str = attribute(description="Its name.")
    length: int = computed(length, description="Of the name.")
    caller: str = fleeting(caller, description="Who asks.")


@strawberry.type(description="A room.")
class Room:
    id: strawberry.ID = attribute(description="Its number.")
    tag: Tag | None = attribute(description="One.")
    tags: list[Tag] = upstream_of_rows(tags_of, description="Several.", reads=())


@strawberry.type(description="The root.")
class Query:
    rooms: list[Room] = entry(list_rooms, scope=None, description="All.")


async def answered(document: str, *, kept: bool = False, **variables: Any) -> tuple[bytes, bytes]:
    """What the engine gives, with what it was called for in `calls`; and what graphql-core gives."""
    schema = strawberry.Schema(query=Query)
    bind_resolvers(schema)
    inner: Any = schema._schema
    executor = Executor(
        inner,
        kept_types=frozenset({"Room"}),
        shared_types=frozenset({"Tag"}),
        max_answer_bytes=0,
        max_fragment_bytes=2**20 if kept else 0,
    )
    syntax, context = parse(document), a_context(a_still_call_center())
    expected = shown(execute_sync(inner, syntax, context_value=context, variable_values=variables))
    calls.clear()
    given = await executor.run(operation_of(document, syntax, variables=variables), context=context)
    return (given if isinstance(given, bytes) else shown(given)), expected


@pytest.mark.parametrize("kept", [False, True])
async def test_each_object_is_made_once_at_each_place(*, kept: bool) -> None:
    document = "query ($n: Int!) { rooms { id tag { name length(times: $n) } tags { length __typename } } }"
    given, expected = await answered(document, kept=kept, n=2)
    assert given == expected
    assert calls['l"aut'] == 2
    assert calls["leise"] == 2
    assert calls["eigen"] == 1


async def test_what_is_the_same_for_all_rows_is_looked_at_once() -> None:
    given, expected = await answered("{ rooms { tags { name } again: tags { length } } }")
    assert given == expected
    assert calls["for rows"] == 2


@pytest.mark.parametrize("kept", [False, True])
async def test_an_object_with_something_fleeting_is_made_for_each_row(*, kept: bool) -> None:
    given, expected = await answered("{ rooms { tag { length caller } tags { caller name } } }", kept=kept)
    assert given == expected
    assert calls['l"aut'] == 2
    assert given.count(b'"caller"') == 9


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("name", [None, 7], ids=["missing", "a number"])
async def test_a_shared_object_that_no_type_allows_fails_as_graphql_core_says(
    *, name: object, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QUIET, "name", name)
    given, expected = await answered("{ rooms { id tag { name } tags { name } } }", kept=kept)
    assert given == expected


@pytest.mark.parametrize("kept", [False, True])
async def test_none_among_shared_objects_fails_where_it_stands(
    *, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ROOMS[2], "tags", [QUIET, None])
    given, expected = await answered("{ rooms { tags { name } } }", kept=kept)
    assert given == expected
    assert b'"path":["rooms",2,"tags",1]' in given


@pytest.mark.parametrize("kept", [False, True])
async def test_an_object_made_for_one_row_is_not_taken_for_a_later_one(
    *, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for room in ROOMS:  # each made anew when asked for: the next could get the address of the last
        monkeypatch.setattr(room, "tags", lambda number=room.id: [SimpleNamespace(name=f"neu {number}")])
    given, expected = await answered("{ rooms { tags { name } } }", kept=kept)
    assert given == expected
    assert b"neu 4" in given
