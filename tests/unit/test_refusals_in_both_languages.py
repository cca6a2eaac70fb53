"""One table: every code of the catalogue, as a GraphQL error, in a payload, and as a problem of REST."""

import msgspec
import pytest

from gateway.domain.errors import ErrorCode, GatewayError, Refusal, error_classes
from gateway.rest.errors import STATUS_BY_CODE, encode_problem, problem_of, write_error_of
from gateway.schema.errors import shape_error, show_refusal

CLASSES = tuple(error_classes())


@pytest.mark.parametrize("error_class", CLASSES, ids=lambda each: each.code.value)
def test_a_code_says_the_same_in_graphql_and_in_rest(error_class: type[GatewayError]) -> None:
    error = error_class(
        "Words for people.", field=("queue_ids",), retry_after_seconds=1.5, upstream_status=422
    )
    graphql = shape_error(error, request_id="r-1")
    problem = msgspec.json.decode(encode_problem(problem_of(error, request_id="r-1")))
    code = error_class.code.value
    assert graphql["message"] == "Words for people."
    assert graphql["extensions"] == {
        "code": code,
        "retryable": error_class.retryable,
        "requestId": "r-1",
        "retryAfterMs": 1500,
        "upstreamStatus": 422,
        "field": ["queue_ids"],
    }
    assert problem == {
        "type": f"urn:evolux-gateway:problem:{code.lower().replace('_', '-')}",
        "title": code.replace("_", " ").capitalize(),
        "status": STATUS_BY_CODE[error_class.code],
        "detail": "Words for people.",
        "code": code,
        "retryable": error_class.retryable,
        "requestId": "r-1",
        "field": ["queueIds"],
        "retryAfterMs": 1500,
        "upstreamStatus": 422,
    }


@pytest.mark.parametrize("error_class", CLASSES, ids=lambda each: each.code.value)
def test_a_code_says_the_same_in_a_payload_and_in_a_result(error_class: type[GatewayError]) -> None:
    error = error_class("Words for people.")
    payload, result = show_refusal(error), write_error_of(error)
    assert (payload.code, payload.message, payload.retryable) == (
        result.code,
        result.detail,
        result.retryable,
    )
    assert payload.code is error_class.code


def test_every_code_has_a_class_and_a_status_of_a_refusal_or_a_failure() -> None:
    assert {each.code for each in CLASSES} == set(ErrorCode) == set(STATUS_BY_CODE)
    assert all(400 <= status < 600 for status in STATUS_BY_CODE.values())
    assert all(STATUS_BY_CODE[each.code] < 500 for each in CLASSES if issubclass(each, Refusal))
