"""The engine plans whatever the schema declares: here a schema that it has never seen."""

from enum import Enum
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
import strawberry
from graphql import execute_sync, parse

from gateway.engine.executor import Executor
from gateway.engine.objects import MAX_KEYS
from gateway.schema.fields import attribute, bind_resolvers, computed, entry, fleeting
from gateway.telemetry.labels import HandOver
from tests.unit.engine.comparing import operation_of, shown
from tests.unit.engine.worlds import a_context, a_still_call_center

ROWS = [
    SimpleNamespace(name="mesa", legs=4, parts=[["a", None], None]),
    SimpleNamespace(name="bola", legs=None, parts=[]),
]


@strawberry.enum(description="What stands at the end.")
class End(Enum):
    DOT = "."
    MARK = "!"


def shout(row: Any, _info: Any, *, times: int = 1, end: End | None = End.DOT) -> str:
    name: str = row.name
    return name.upper() * times + ("nothing" if end is None else end.value)


def list_things(_root: object, _info: Any) -> list[Any]:
    return ROWS


def broken(_row: Any, _info: Any) -> str:
    raise ValueError("It is broken.")


def caller(_row: Any, info: Any) -> str:
    name: str = info.context.caller_name
    return name


@strawberry.type(description="A thing.")
class Thing:
    name: str = attribute(description="Its name.")
    legs: int | None = attribute(description="How many.")
    parts: list[list[str | None] | None] = attribute(description="Lists in lists.")
    shout: str = computed(shout, description="Loud.")
    broken: str | None = computed(broken, description="Fails.")
    caller: str = fleeting(caller, description="Who asks.")


@strawberry.type(description="The root.")
class Query:
    things: list[Thing] = entry(list_things, scope=None, description="All.")


def a_schema() -> Any:
    schema = strawberry.Schema(query=Query)
    bind_resolvers(schema)
    return schema._schema


async def answers(
    document: str, *, variables: dict[str, Any] | None = None, kept_types: frozenset[str] = frozenset()
) -> tuple[list[bytes], bytes, list[HandOver]]:
    schema, handed = a_schema(), list[HandOver]()
    executor = Executor(schema, kept_types=kept_types, on_hand_over=handed.append)
    syntax, context = parse(document), a_context(a_still_call_center())
    expected = shown(execute_sync(schema, syntax, context_value=context, variable_values=variables))
    given = []
    for _ in range(2):
        operation = operation_of(document, syntax, variables=variables)
        result = await executor.run(operation, context=context)
        given.append(result if isinstance(result, bytes) else shown(result))
    return given, expected, handed


async def test_fields_of_every_kind_are_planned() -> None:
    document = "{ things { name legs parts shout loud: shout(times: 2) caller __typename } }"
    given, expected, handed = await answers(document)
    assert given == [expected, expected]
    assert handed == []
    assert b'"parts":[["a",null],null]' in expected


async def test_a_field_that_fails_below_the_root_is_shown_by_graphql_core() -> None:
    given, expected, handed = await answers("{ things { name broken } }")
    assert given == [expected, expected]
    assert handed == [HandOver.FIELD_ERROR] * 2
    assert expected.count(b"INTERNAL_SERVER_ERROR") == 2


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"n": 3},
        {"n": 3, "end": "MARK"},
        {"end": None},
        {"n": 2, "end": "DOT"},
        {"n": 2, "end": "NONE"},
        {"n": None},
    ],
    ids=str,
)
async def test_arguments_that_variables_leave_out_have_the_schemas_defaults(
    variables: dict[str, Any],
) -> None:
    document = """query ($n: Int, $end: End) { things { shout(times: $n, end: $end) once: shout(end: $end)
        dot: shout(times: $n) none: shout(times: $n, end: null) both: shout(times: 2, end: MARK) } }"""
    given, expected, handed = await answers(document, variables=variables)
    assert given == [expected, expected]
    is_wrong = variables.get("end") == "NONE" or ("n" in variables and variables["n"] is None)
    assert (b'"errors"' in expected) is bool(handed) is is_wrong


@pytest.mark.parametrize("keys", [39, MAX_KEYS, MAX_KEYS + 1, 90])
async def test_an_object_has_its_keys_in_order_however_many_they_are(keys: int) -> None:
    words = ["None", "class", "f0", "f1", "__init__", "_", "self", "row", "run", "__struct_fields__"]
    aliases = [*words, *(f"k{number}" for number in reversed(range(keys - len(words))))]
    fields = " ".join(f"{alias}: name" for alias in aliases)
    given, expected, handed = await answers(f"{{ things {{ {fields} }} }}")
    assert given == [expected, expected]
    assert handed == []
    assert list(msgspec.json.decode(expected)["data"]["things"][0]) == aliases
