"""Which form an answer takes, and which bodies are read."""

import pytest
from starlette.datastructures import Headers

from gateway.web.media_types import AnswerType, answer_type_of, is_readable, prefers_html

GRAPHQL, JSON = AnswerType.GRAPHQL, AnswerType.JSON


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("application/json", JSON),
        ("application/graphql-response+json", GRAPHQL),
        ("application/graphql-response+json, application/json;q=0.9", GRAPHQL),
        ("application/json;q=0.9, application/graphql-response+json", GRAPHQL),
        ("application/graphql-response+json;q=0.5, application/json", JSON),
        ("APPLICATION/JSON; charset=utf-8", JSON),
        ("text/html, application/json;q=0.1", JSON),
        ("application/json;q=0, */*", GRAPHQL),
        ("application/json;q=0", None),
        ("text/html", None),
        ("application/json;q=x", None),
        (";;,,/", None),
    ],
)
def test_the_form_is_chosen_by_quality_and_then_by_order(accept: str | None, expected: AnswerType) -> None:
    assert answer_type_of(accept) is expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([("content-type", "application/json")], True),
        ([("content-type", 'Application/JSON; charset="UTF-8"')], True),
        ([("content-type", "application/json"), ("content-encoding", "identity")], True),
        ([], False),
        ([("content-type", "application/json; charset=utf-16")], False),
        ([("content-type", "application/jsonp")], False),
        ([("content-type", "application/json"), ("content-type", "text/plain")], False),
        ([("content-type", "application/json"), ("content-encoding", "gzip")], False),
    ],
)
def test_a_body_is_read_where_it_is_plain_json_in_utf8(
    given: list[tuple[str, str]], expected: object
) -> None:
    raw = [(name.encode(), value.encode()) for name, value in given]
    assert is_readable(Headers(raw=raw)) is expected


def test_a_browser_is_who_asks_for_html_first() -> None:
    assert prefers_html("text/html,application/xhtml+xml,*/*;q=0.8")
    assert not prefers_html("application/json, text/html;q=0.5")
    assert not prefers_html("*/*")
    assert not prefers_html(None)
