"""What is taken from a key set that may hold anything."""

import json
from typing import Any

import pytest
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from gateway.tenancy.issuer_keys import KeysMissing
from gateway.tenancy.jwks import KeyRing, parse_jwks
from tests.issuer import EDWARDS, ELLIPTIC, RSA, public

GOOD = public(ELLIPTIC, kid="good")


def ring(*keys: Any) -> KeyRing:
    return parse_jwks(json.dumps({"keys": [*keys, GOOD]}).encode())


def test_each_key_is_held_for_the_algorithm_of_its_type_alone() -> None:
    found = ring(public(RSA, kid="r"), public(EDWARDS, kid="e"))
    families = ("RS256", "ES256", "EdDSA")
    held = [(family, kid) for family in families for kid in ("r", "good", "e")]
    assert [one for one in held if found.find(family=one[0], key_id=one[1]) is not None] == [
        ("RS256", "r"),
        ("ES256", "good"),
        ("EdDSA", "e"),
    ]


PASSED_OVER: dict[str, Any] = {
    "a symmetric key": {**OctKey.generate_key(256).as_dict(), "kid": "odd"},
    "a short RSA key": {"kty": "RSA", "kid": "odd", "n": "w" * 171, "e": "AQAB"},
    "a huge RSA key": {"kty": "RSA", "kid": "odd", "n": "w" * 3000, "e": "AQAB"},
    "a huge exponent": {**public(RSA, kid="odd"), "e": "_" * 300},
    "RSA without numbers": {"kty": "RSA", "kid": "odd"},
    "RSA that is not base64": {**public(RSA, kid="odd"), "n": "!" * 342},
    "an even exponent of zero": {**public(RSA, kid="odd"), "e": "AA"},
    "another curve": public(ECKey.generate_key("P-384"), kid="odd"),
    "a point off the curve": {**public(ELLIPTIC, kid="odd"), "x": "A" * 43},
    "another Edwards curve": public(OKPKey.generate_key("Ed448"), kid="odd"),
    "a key agreement key": public(OKPKey.generate_key("X25519"), kid="odd"),
    "a key for encryption": public(RSA, kid="odd", use="enc"),
    "a key that does not verify": public(RSA, kid="odd", key_ops=["encrypt"]),
    "a key of another algorithm": public(RSA, kid="odd", alg="PS256"),
    "a key that claims HS256": public(RSA, kid="odd", alg="HS256"),
    "a kid that is a number": public(RSA, kid="odd") | {"kid": 7},
    "a huge kid": public(RSA, kid="k" * 600),
    "no object": "a key",
    "null": None,
    "nested": {"kty": [[[[]]]]},
}


@pytest.mark.parametrize("name", PASSED_OVER)
def test_a_key_that_cannot_serve_is_passed_over_and_the_others_are_taken(name: str) -> None:
    found = ring(PASSED_OVER[name])
    assert found.find(family="ES256", key_id="good") is not None
    for kid in ("odd", "k" * 600, None):
        assert found.find(family="RS256", key_id=kid) is None
        assert found.find(family="EdDSA", key_id=kid) is None


def test_the_private_part_of_a_key_is_not_taken() -> None:
    private = {**RSAKey.generate_key(2048).as_dict(private=True), "kid": "leaked"}
    key = ring(private).find(family="RS256", key_id="leaked")
    assert key is not None
    assert key.is_private is False


def test_of_two_keys_with_one_id_the_first_stands() -> None:
    second = public(OKPKey.generate_key("Ed25519"), kid="same")
    found = ring(public(EDWARDS, kid="same"), second).find(family="EdDSA", key_id="same")
    assert found is not None
    assert found.as_dict()["x"] == public(EDWARDS)["x"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>",
        b"null",
        b"[]",
        b"{}",
        b'{"keys": {}}',
        b'{"keys": []}',
        b'{"keys": [{"kty": "oct", "k": "AAAA"}]}',
        b'{"keys": "\xff"}',
        b'{"keys": ' + b"[" * 100_000,
        json.dumps({"keys": [GOOD] * 101}).encode(),
    ],
)
def test_a_set_without_a_usable_key_is_a_fault_that_quotes_nothing(content: bytes) -> None:
    with pytest.raises(KeysMissing) as missing:
        parse_jwks(content)
    assert str(missing.value) in {
        "not a JWKS of at most 100 keys",
        "no key in it can verify RS256, ES256 or EdDSA signatures",
    }
