from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.domain.errors import ErrorCode
from gateway.rest.agents import AgentsQuery
from gateway.rest.examples import EXAMPLES
from gateway.rest.openapi import build_document, write_document
from gateway.rest.operation import Operation
from gateway.rest.operations import OPERATIONS

DOCUMENT = build_document()
OF_GRAPHQL = {code for code in ErrorCode if code.value.startswith(("GRAPHQL", "PERSISTED"))}


def described(operation: Operation) -> dict[str, Any]:
    shown: dict[str, Any] = DOCUMENT["paths"][operation.path][operation.method.lower()]
    return shown


def test_the_committed_document_is_the_written_one() -> None:
    committed = Path(__file__).parents[3] / "openapi.json"
    assert committed.read_bytes() == write_document()


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_operation_is_described_with_examples_of_its_types(operation: Operation) -> None:
    shown = described(operation)
    assert shown["operationId"] == operation.name
    assert shown["summary"]
    media_type = "application/x-ndjson" if operation.formats else "application/json"
    success = shown["responses"][str(operation.status)]["content"][media_type]
    assert success["schema"] == {"$ref": f"#/components/schemas/{operation.answer.__name__}"}
    assert "example" in success["examples"]
    if operation.body is not None:
        media = shown["requestBody"]["content"]["application/json"]
        example = media["examples"]["example"]["value"]
        assert msgspec.convert(example, operation.body) == EXAMPLES[operation.body]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_writes_take_an_idempotency_key_and_reads_do_not(operation: Operation) -> None:
    names = {parameter["name"] for parameter in described(operation)["parameters"]}
    assert ("Idempotency-Key" in names) is operation.is_write
    assert ("304" in described(operation)["responses"]) is not operation.is_write


def test_every_code_that_rest_can_give_has_an_example() -> None:
    examples = {
        name
        for response in DOCUMENT["components"]["responses"].values()
        for name in response["content"]["application/problem+json"]["examples"]
    }
    assert examples == {code.value for code in ErrorCode if code not in OF_GRAPHQL}


def test_parameters_are_those_that_requests_are_read_into() -> None:
    listed = next(one for one in OPERATIONS if one.name == "listAgents")
    names = [one["name"] for one in described(listed)["parameters"] if one["in"] == "query"]
    assert names[:4] == ["ids", "search", "states", "queueIds"]
    assert set(names) == {field.encode_name for field in msgspec.structs.fields(AgentsQuery)}
