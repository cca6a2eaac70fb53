import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.ids import MAX_ID, parse_id


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1", 1), ("53", 53), ("007", 7), (str(MAX_ID), MAX_ID), (str(MAX_ID - 1), MAX_ID - 1)],
)
def test_plain_digits_are_an_id(text: str, expected: int) -> None:
    assert parse_id(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "-1",
        "+1",
        " 1",
        "1 ",
        "1\n",
        "1.0",
        "1e3",
        "1_000",
        "0x1",
        "abc",
        "١٢",
        "²",
        "\x00",
        "\ud800",
        str(MAX_ID + 1),
        "9" * 17,
        "9" * 100_000,
        "0" * 17,
    ],
)
def test_anything_else_is_none(text: str) -> None:
    assert parse_id(text) is None


@given(st.integers(min_value=1, max_value=MAX_ID))
def test_every_id_reads_as_it_is_written(number: int) -> None:
    assert parse_id(str(number)) == number


@given(st.text())
def test_no_text_makes_it_fail(text: str) -> None:
    number = parse_id(text)
    assert number is None or (1 <= number <= MAX_ID and int(text) == number)
