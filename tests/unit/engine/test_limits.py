"""The limits on a document's form: each stands in the error, and none can be walked around or made slow."""

import pytest
from graphql import get_introspection_query

from gateway.domain.errors import ErrorCode, OperationTooLarge
from gateway.engine.limits import FormLimits, check_variables
from tests.unit.engine.measured import read, refused

CHAIN = "fragment f25 on Agent { id } " + " ".join(
    f"fragment f{number} on Agent {{ ...f{number + 1} ...f{number + 1} }}" for number in range(25)
)


@pytest.mark.parametrize(
    ("text", "limits", "message"),
    [
        (
            "{ viewer { name tenant scopes } }",
            FormLimits(tokens=5),
            "The document has over 5 tokens; the limit is 5.",
        ),
        (
            "{ queues { agents { nodes { id } } } }",
            FormLimits(depth=3),
            "The operation is nested 4 deep; the limit is 3.",
        ),
        (
            "{ ...a } fragment a on Query { queues { ... { agents { totalCount } } } }",
            FormLimits(depth=2),
            "The operation is nested 3 deep; the limit is 2.",
        ),
        (
            "{ viewer { name tenant } }",
            FormLimits(fields=2),
            "The operation has 3 fields, its fragments spread; the limit is 2.",
        ),
        (
            "{ agent(id: 1) { ...f0 } } " + CHAIN,
            FormLimits(),
            "The operation has 33554433 fields, its fragments spread; the limit is 1000.",
        ),
        (
            "{ viewer { a: name b: name } }",
            FormLimits(aliases=1),
            "The operation has 2 aliases; the limit is 1.",
        ),
        (
            "{ viewer { ...a ...a } } fragment a on Viewer { x: name }",
            FormLimits(aliases=1),
            "The operation has 2 aliases; the limit is 1.",
        ),
        (
            "{ viewer { name } ...a } fragment a on Query { __typename ... { __typename } }",
            FormLimits(root_fields=2),
            "The operation has 3 fields at its root; the limit is 2.",
        ),
        (
            "{ viewer @skip(if: true) @skip(if: true) { name } }",
            FormLimits(directives=1),
            "One place has 2 directives; the limit is 1.",
        ),
        (
            "query ($a: ID @x @x) @y { viewer { name } }",
            FormLimits(directives=1),
            "One place has 2 directives; the limit is 1.",
        ),
    ],
)
def test_a_limit_is_named_with_its_number(text: str, limits: FormLimits, message: str) -> None:
    assert refused(text, limits=limits) == (ErrorCode.OPERATION_TOO_LARGE, message)


def test_a_fragment_that_nothing_spreads_is_held_to_the_limits_too() -> None:
    text = "{ viewer { name } } fragment unused on Viewer { name name name }"
    message = "The fragment has 3 fields, its fragments spread; the limit is 2."
    assert refused(text, limits=FormLimits(fields=2)) == (ErrorCode.OPERATION_TOO_LARGE, message)


def test_a_long_chain_of_fragments_is_refused_before_it_is_followed() -> None:
    chain = " ".join(f"fragment f{number} on Viewer {{ ...f{number + 1} }}" for number in range(150))
    code, message = refused("{ viewer { ...f0 } } " + chain + " fragment f150 on Viewer { name }")
    assert code is ErrorCode.OPERATION_TOO_LARGE
    assert message.endswith("the limit is 100.")


def test_a_count_too_long_for_a_message_is_told_as_such() -> None:
    chain = " ".join(
        f"fragment f{number} on Agent {{ ...f{number + 1} ...f{number + 1} }}" for number in range(60)
    )
    _, message = refused("{ agent(id: 1) { ...f0 } } fragment f60 on Agent { id } " + chain)
    assert "over 1000000000 fields" in message


@pytest.mark.parametrize(
    "text",
    [
        "{ viewer { ...a } } fragment a on Viewer { ...a }",
        "{ viewer { ...a } } fragment a on Viewer { ...b } fragment b on Viewer { name ...a }",
    ],
)
def test_a_circle_of_fragments_is_an_error_of_validation(text: str) -> None:
    code, message = refused(text)
    assert code is ErrorCode.GRAPHQL_VALIDATION_FAILED
    assert "within itself" in message


def test_the_standard_introspection_passes() -> None:
    document = read(get_introspection_query(specified_by_url=True, input_value_deprecation=True))
    assert document.errors == ()
    [operation] = document.operations.values()
    assert operation.asks_schema_alone
    assert operation.price.at({}) < 50_000


def test_overlapping_fields_are_given_up_on_with_the_limit_in_the_error() -> None:
    code, message = refused("{ viewer { " + "name " * 900 + "} }")
    assert code is ErrorCode.OPERATION_TOO_LARGE
    assert message.endswith("the limit is 20000.")


def test_no_more_than_a_few_errors_are_gathered() -> None:
    document = read("{ " + " ".join(f"nothing{number}" for number in range(20)) + " }")
    assert len(document.errors) == 6
    assert "error limit reached" in document.errors[-1].message


def test_names_are_suggested_only_where_the_schema_may_be_known() -> None:
    [told] = read("{ viewr { name } }").errors
    [kept] = read("{ viewr { name } }", hide_suggestions=True).errors
    assert "Did you mean" in told.message
    assert kept.message == "Cannot query field 'viewr' on type 'Query'."


def test_variables_are_counted_by_every_value_in_them() -> None:
    check_variables({"f": {"ids": ["1", "2"]}, "n": None}, limit=5)
    with pytest.raises(OperationTooLarge, match=r"over 4 values; the limit is 4\."):
        check_variables({"f": {"ids": ["1", "2"]}, "n": None}, limit=4)
    check_variables(None, limit=1)
