"""The envelope, from any bytes."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.evolux.envelope import MAX_TEXT_CHARACTERS, MAX_TEXTS, Text, read_envelope


def texts_of(body: object, *, status: int = 400) -> list[Text]:
    return list(read_envelope(msgspec.json.encode(body), http_status=status).texts)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"  \n", b"null", b"42", b'"x"', b"[]", b"{", b"\xff\xfe{}", b'{"meta": {"status": ', b"<html>",
        b"[" * 100_000, b'{"meta":' * 100_000, b'{"meta": "\xff"}', b'{"errors": 1e999}', b"NaN",
        b'{"meta": {"status": {}}}', b'{"meta": []}', b'{"pagination": []}', b'{"meta": {"status": 1e400}}',
        b'{"data": ' + b"[" * 100_000,
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("status", [200, 400, 502])
def test_no_body_loses_the_http_status(body: bytes, status: int) -> None:
    envelope = read_envelope(body, http_status=status)
    assert (envelope.status, envelope.http_status) == (status, status)
    assert envelope.data is None
    assert envelope.pagination is None or envelope.pagination.total is None


@given(st.binary(max_size=200), st.integers(100, 599))
def test_any_bytes_are_survived(body: bytes, status: int) -> None:
    assert read_envelope(body, http_status=status).http_status == status


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(meta=JSON, errors=JSON, pagination=JSON, data=JSON)
def test_any_json_in_the_envelopes_places_is_survived(
    meta: object, errors: object, pagination: object, data: object
) -> None:
    try:
        body = msgspec.json.encode({"meta": meta, "errors": errors, "pagination": pagination, "data": data})
    except UnicodeEncodeError:
        return
    envelope = read_envelope(body, http_status=200)
    assert envelope.readable
    assert (envelope.data is None) == (data is None)
    assert len(envelope.texts) <= MAX_TEXTS


def test_an_empty_body_is_told_from_one_that_is_no_envelope() -> None:
    assert read_envelope(b" \r\n", http_status=200).empty
    html = read_envelope(b"<html>", http_status=200)
    assert (html.empty, html.readable) == (False, False)


@pytest.mark.parametrize(
    ("http_status", "meta_status", "status"),
    [(200, 422, 422), (200, "404", 404), (201, 200, 201), (200, 201, 200), (400, 200, 400), (404, 500, 404),
     (200, 999, 200), (200, True, 200), (200, None, 200), (200, 302, 200)],
)  # fmt: skip
def test_http_says_first_and_meta_only_against_a_success(
    http_status: int, meta_status: object, status: int
) -> None:
    body = msgspec.json.encode({"meta": {"status": meta_status}})
    assert read_envelope(body, http_status=http_status).status == status


def test_texts_are_gathered_from_message_and_errors_once_each() -> None:
    body = {
        "meta": {"message": {"password": ["too short", "too plain"]}},
        "errors": ["Bad", {"name": "empty"}, "Bad", "", 7, [["deep", {"x": {"y": "deeper"}}]]],
    }
    assert texts_of(body) == [
        Text("too short", "password"),
        Text("too plain", "password"),
        Text("Bad"),
        Text("empty", "name"),
        Text("deep"),
    ]


def test_texts_are_bounded_in_number_and_length() -> None:
    texts = texts_of({"errors": [f"{number}" + "x" * 5_000 for number in range(1_000)]})
    assert len(texts) == MAX_TEXTS
    assert {len(text) for text, _ in texts} == {MAX_TEXT_CHARACTERS}


def test_a_page_of_html_says_nothing() -> None:
    assert read_envelope(b'<html lang="pt">"x": "y"</html>', http_status=502).texts == ()


def test_a_byte_order_mark_is_passed_over() -> None:
    assert read_envelope(b'\xef\xbb\xbf{"data": 1}', http_status=200).data == msgspec.Raw(b"1")


def test_a_missing_next_url_is_not_a_null_one() -> None:
    def is_last(pagination: object) -> bool:
        body = msgspec.json.encode({"pagination": pagination})
        read = read_envelope(body, http_status=200).pagination
        assert read is not None
        return read.is_last

    assert [is_last({}), is_last({"next_url": None}), is_last({"next_url": ""})] == [False, True, False]
