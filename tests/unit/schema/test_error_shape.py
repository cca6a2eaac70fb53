import json
from typing import Any

import pytest
from graphql import GraphQLError, GraphQLSyntaxError, parse, validate
from structlog.testing import capture_logs

from gateway.domain.errors import (
    BadUserInput,
    ErrorCode,
    Forbidden,
    GatewayError,
    GraphQLValidationFailed,
    UpstreamRateLimited,
)
from gateway.schema.errors import shape_error
from tests.unit.schema.operations import SCHEMA, a_call_center, run


class BrokenCallCenter:
    """Fails in a way that nobody foresaw."""

    async def agents(self, _bound: object) -> None:
        raise RuntimeError("token abc123 at 10.0.0.7")

    queues = agents


def test_an_error_outside_an_operation_has_the_same_shape() -> None:
    assert shape_error(Forbidden("Not you."), request_id="r") == {
        "message": "Not you.",
        "extensions": {"code": "FORBIDDEN", "retryable": False, "requestId": "r"},
    }


def test_what_is_known_of_an_error_is_told() -> None:
    cause = UpstreamRateLimited("Slower.", retry_after_seconds=1.2345, upstream_status=429)
    shaped = shape_error(GraphQLError("x", path=["a", 0], original_error=cause), request_id="r")
    assert shaped == {
        "message": "Slower.",
        "path": ["a", 0],
        "extensions": {
            "code": "UPSTREAM_RATE_LIMITED",
            "retryable": True,
            "requestId": "r",
            "retryAfterMs": 1235,
            "upstreamStatus": 429,
        },
    }
    named = shape_error(BadUserInput("No.", field=("filter", "ids")), request_id="r")
    assert named["extensions"]["field"] == ["filter", "ids"]


async def test_an_unforeseen_exception_is_logged_and_never_shown() -> None:
    with capture_logs() as logged:
        answer = await run("{ agents { totalCount } }", on=BrokenCallCenter())  # type: ignore[arg-type]
    assert answer.errors == [
        {
            "message": "Internal server error.",
            "locations": [{"line": 1, "column": 3}],
            "path": ["agents"],
            "extensions": {"code": "INTERNAL_SERVER_ERROR", "retryable": False, "requestId": "request-1"},
        }
    ]
    (line,) = logged
    assert (line["event"], line["log_level"], line["request_id"]) == ("internal_error", "error", "request-1")
    assert str(line["exc_info"]) == "token abc123 at 10.0.0.7"


async def test_a_value_that_its_type_refuses_is_our_failure() -> None:
    on = a_call_center()
    on.put(on.rows[next(iter(on.rows))].__class__(id=7, name={"odd": 1}, login="x"))  # type: ignore[arg-type]
    with capture_logs() as logged:
        answer = await run("{ agent(id: 7) { name } }", on=on)
    assert answer.data == {"agent": None}
    assert answer.codes == [("INTERNAL_SERVER_ERROR", ["agent", "name"])]
    assert "odd" not in json.dumps(answer.errors)
    assert len(logged) == 1


def test_a_document_that_is_no_graphql_failed_to_parse() -> None:
    with pytest.raises(GraphQLSyntaxError) as caught:
        parse("{ agents(")
    shaped = shape_error(caught.value, request_id="r")
    assert shaped["message"] == "Syntax Error: Expected Name, found <EOF>."
    assert shaped["locations"] == [{"line": 1, "column": 10}]
    assert shaped["extensions"] == {"code": "GRAPHQL_PARSE_FAILED", "retryable": False, "requestId": "r"}


def test_a_document_that_does_not_fit_the_schema_failed_validation() -> None:
    (error,) = validate(SCHEMA, parse("{ agentz { id } }"))
    shaped = shape_error(error, request_id="r")
    assert shaped["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert shaped["message"].startswith("Cannot query field 'agentz' on type 'Query'.")
    assert "path" not in shaped


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            {"name": "N", "password": "planted-password"},
            ": Expected value of type 'CreateAgentInput' to include required field 'login'.",
        ),
        (
            {"name": "N", "login": "n", "password": ["planted-password"]},
            " at .password: String cannot represent a non string value.",
        ),
        (
            {"name": "N", "login": "n", "password": "planted-password", "extra": 1},
            ": Expected value of type 'CreateAgentInput' not to include unknown field 'extra'.",
        ),
        (
            {"name": 7, "login": "n", "password": "planted-password"},
            " at .name: String cannot represent a non string value.",
        ),
        ("planted-password", ": Expected value of type 'CreateAgentInput' to be an object."),
    ],
)
async def test_variables_that_do_not_fit_are_told_without_their_values(given: Any, told: str) -> None:
    on = a_call_center()
    document = "mutation ($input: CreateAgentInput!) { createAgent(input: $input) { errors { code } } }"
    answer = await run(document, on=on, variables={"input": given})
    assert answer.data is None
    (error,) = answer.errors
    assert error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert error["message"] == f"Variable '$input' has invalid value{told}"
    assert "planted-password" not in json.dumps(answer.errors)
    assert on.calls.total() == 0


@pytest.mark.parametrize(
    "given",
    [
        '{name: "N", password: "planted-password"}',
        '"planted-password"',
        '{name: "N", login: 7, password: """planted-password"""}',
        '["planted-password"]',
    ],
)
def test_literals_that_do_not_fit_are_told_without_their_values(given: str) -> None:
    errors = validate(SCHEMA, parse(f"mutation {{ createAgent(input: {given}) {{ errors {{ code }} }} }}"))
    shaped = [shape_error(error, request_id="r") for error in errors]
    wrapped = [shape_error(GraphQLValidationFailed(error.message), request_id="r") for error in errors]
    assert {error["extensions"]["code"] for error in shaped} == {"GRAPHQL_VALIDATION_FAILED"}
    assert "planted-password" not in json.dumps([shaped, wrapped])


@pytest.mark.parametrize("text", ['{ a(p: "x") "planted-password" }', '{ a(p: "x") """planted-password""" }'])
def test_a_syntax_error_quotes_no_text(text: str) -> None:
    with pytest.raises(GraphQLSyntaxError) as caught:
        parse(text)
    assert "planted-password" in caught.value.message
    assert "planted-password" not in shape_error(caught.value, request_id="r")["message"]


def test_a_message_can_always_be_encoded_and_has_an_end() -> None:
    message = shape_error(GraphQLError("a\ud800\x00" + "b" * 5_000), request_id="r")["message"]
    assert message.startswith("a\ufffd\ufffdb")
    assert len(message.encode()) < 1_100


def test_every_code_is_shaped_with_its_retryability() -> None:
    shaped = [shape_error(each("No."), request_id="r")["extensions"] for each in _classes(GatewayError)]
    assert sorted(each["code"] for each in shaped) == sorted(code.value for code in ErrorCode)
    assert {each["code"] for each in shaped if each["retryable"]} == {
        "AGENT_ON_CALL",
        "UPSTREAM_TIMEOUT",
        "UPSTREAM_UNAVAILABLE",
        "UPSTREAM_RATE_LIMITED",
        "UPSTREAM_INVALID_RESPONSE",
        "RATE_LIMITED",
        "OVERLOADED",
    }


def _classes(kind: type[GatewayError]) -> list[type[GatewayError]]:
    return [leaf for branch in kind.__subclasses__() for leaf in branch.__subclasses__()]
