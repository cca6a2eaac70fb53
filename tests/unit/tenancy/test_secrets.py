"""A secret gives itself away only where it is asked to."""

import copy
import hashlib
import json
import logging
import pickle
from collections.abc import Callable

import msgspec
import pytest
import structlog

from gateway.domain.secrets import ApiToken, KeyDigest, SecretUrl

PLANTED = "pl4nted-s3cret"


@pytest.mark.parametrize("show", [str, repr, "{}".format, "{!r}".format, "{:>30}".format, "%s".__mod__])
def test_a_token_prints_as_stars(show: Callable[[object], str]) -> None:
    assert show(ApiToken(PLANTED)).strip() == "ApiToken(***)"


def test_a_token_within_other_values_prints_as_stars(caplog: pytest.LogCaptureFixture) -> None:
    token = ApiToken(PLANTED)
    logging.getLogger("test").error("token %s in %s", token, {"a": [token]})
    line = structlog.processors.KeyValueRenderer()(None, "info", {"event": "x", "token": token})
    assert PLANTED not in caplog.text + str(line)
    assert caplog.text.count("ApiToken(***)") == 2


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps, json.dumps, msgspec.json.encode])
def test_a_token_is_not_copied_pickled_or_encoded(copied: Callable[[object], object]) -> None:
    with pytest.raises(TypeError) as caught:
        copied(ApiToken(PLANTED))
    assert PLANTED not in str(caught.value)


def test_a_token_cannot_be_changed() -> None:
    token = ApiToken(PLANTED)
    with pytest.raises(AttributeError, match="cannot be changed"):
        token.x = 1
    with pytest.raises(AttributeError, match="cannot be changed"):
        del token.digest
    assert not hasattr(token, "__dict__")
    assert token.reveal() == PLANTED


def test_tokens_are_equal_by_text_and_only_to_tokens() -> None:
    assert ApiToken(PLANTED) == ApiToken(PLANTED)
    assert ApiToken(PLANTED) != ApiToken(PLANTED + "x")
    assert {ApiToken(PLANTED), ApiToken(PLANTED)} == {ApiToken(PLANTED)}
    assert ApiToken(PLANTED).__eq__(PLANTED) is NotImplemented
    assert ApiToken("a" * 64).__eq__(KeyDigest("a" * 64)) is NotImplemented


def test_a_digest_tells_tokens_apart_without_showing_them() -> None:
    assert ApiToken(PLANTED).digest == hashlib.sha256(PLANTED.encode()).hexdigest()


@pytest.mark.parametrize(
    "text", ["", " ", f"{PLANTED}\n", f"{PLANTED}\r\nHost: x", f"é{PLANTED}", f"{PLANTED}\0"]
)
def test_a_text_that_no_header_can_carry_is_no_token(text: str) -> None:
    with pytest.raises(ValueError, match="visible ASCII") as caught:
        ApiToken(text)
    assert PLANTED not in str(caught.value)


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n"])
def test_a_token_is_read_without_the_line_end_of_its_file(end: str) -> None:
    assert ApiToken.parse(PLANTED + end) == ApiToken(PLANTED)


def test_a_key_digest_is_64_hex_in_either_case() -> None:
    digest = hashlib.sha256(b"hello").hexdigest()
    assert KeyDigest(digest.upper()) == KeyDigest(digest) == KeyDigest.of("hello")
    assert KeyDigest(digest).matches(KeyDigest.of("hello"))
    assert not KeyDigest(digest).matches(KeyDigest.of("hell0"))
    assert repr(KeyDigest(digest)) == "KeyDigest(***)"


@pytest.mark.parametrize("text", ["", "0" * 63, "0" * 65, "g" * 64, "0" * 64 + "\n"])
def test_a_key_digest_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="64 hexadecimal digits"):
        KeyDigest(text)


@pytest.mark.parametrize(
    "url", ["redis://valkey", "rediss://:pl4nted-s3cret@valkey:6379/0", "valkey://[::1]:1"]
)
def test_a_valkey_url_is_a_secret_too(url: str) -> None:
    assert (repr(SecretUrl(url)), SecretUrl(url).reveal()) == ("SecretUrl(***)", url)


@pytest.mark.parametrize("url", ["", "valkey", "https://valkey", "valkey://", "redis://a b"])
def test_another_address_is_no_valkey_url(url: str) -> None:
    with pytest.raises(ValueError, match="schemes valkey"):
        SecretUrl(url)
