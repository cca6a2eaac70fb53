"""Which tokens are believed, of whom they speak, and which are not."""

import base64
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
import structlog
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc.jwk import ECKey, Key, OKPKey

from gateway.domain.errors import CredentialsRejected, ErrorCode
from gateway.domain.ids import TenantId
from gateway.telemetry import events
from gateway.telemetry.incidents import IncidentLog
from gateway.tenancy import tokens_jwt
from gateway.tenancy.callers import ALL_TENANTS, Caller, DocumentMode, Scope
from gateway.tenancy.issuer_keys import IssuerKeys, KeyTimes
from gateway.tenancy.jwks import KeyRing, parse_jwks
from gateway.tenancy.tokens_jwt import TokenCallers, TokenRules
from tests.issuer import (
    AUDIENCE,
    EDWARDS,
    ELLIPTIC,
    ISSUER,
    KEYS,
    OTHER_RSA,
    RSA,
    claims,
    encoded,
    public,
    signed,
)

NOW = time.time()
PEM = RSA.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def callers(
    *,
    shown: list[dict[str, Any]] | None = None,
    now_seconds: Callable[[], float] = lambda: NOW,
    **rules: Any,
) -> TokenCallers:
    listed = shown or [public(key, kid=kid) for kid, key in KEYS.items()]

    async def fetch() -> KeyRing:
        return parse_jwks(json.dumps({"keys": listed}).encode())

    incidents = IncidentLog(structlog.get_logger(), failed=events.KEYS_FAILED, monotonic=time.monotonic)
    keys = IssuerKeys(fetch, times=KeyTimes(), monotonic=time.monotonic, incidents=incidents)
    given = {"issuer": ISSUER, "audience": AUDIENCE, **rules}
    return TokenCallers(TokenRules(**given), keys=keys, now_seconds=now_seconds)


async def refusal(token: str, **options: Any) -> str:
    with pytest.raises(CredentialsRejected) as refused:
        await callers(**options).authenticate(token)
    assert refused.value.code is ErrorCode.UNAUTHENTICATED
    return refused.value.message


@pytest.mark.parametrize("kid", ["rsa-1", "ec-1", "ed-1"])
async def test_a_token_signed_by_a_key_of_the_issuer_names_its_caller(kid: str) -> None:
    assert await callers().authenticate(signed(claims(), kid=kid)) == Caller(
        name="jwt:wallboard", tenants=frozenset({TenantId("acme")}), scopes=frozenset({Scope.READ_AGENTS})
    )


async def test_ed25519_is_the_same_algorithm_under_its_newer_name() -> None:
    caller = await callers().authenticate(signed(claims(), kid="ed-1", alg="Ed25519"))
    assert caller.name == "jwt:wallboard"


@pytest.mark.parametrize("typ", ["JWT", "jwt", "at+jwt", "application/at+jwt", None])
async def test_the_type_of_an_access_token_is_accepted(typ: str | None) -> None:
    caller = await callers().authenticate(signed(claims(), typ=typ))
    assert caller.name == "jwt:wallboard"


@pytest.mark.parametrize("typ", ["dpop+jwt", "logout+jwt", "secevent+jwt", "JOSE+JSON", ""])
async def test_a_token_made_for_something_else_is_refused(typ: str) -> None:
    if typ:
        assert await refusal(signed(claims(), typ=typ)) == "The token is of a kind that is not accepted."
    else:
        assert (await callers().authenticate(signed(claims(), typ=typ))).name == "jwt:wallboard"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"iss": "https://evil.example.com"}, "The token is of another issuer."),
        ({"iss": ISSUER + "/"}, "The token is of another issuer."),
        ({"iss": [ISSUER]}, "The token is of another issuer."),
        ({"iss": None}, "The token is of another issuer."),
        ({"aud": "another-api"}, "The token is for another audience."),
        ({"aud": ["another-api", 7]}, "The token is for another audience."),
        ({"aud": {"evolux-gateway": True}}, "The token is for another audience."),
        ({"aud": None}, "The token is for another audience."),
        ({"exp": None}, "The token does not say, in seconds, until when it is good."),
        ({"exp": "9999999999"}, "The token does not say, in seconds, until when it is good."),
        ({"exp": True}, "The token does not say, in seconds, until when it is good."),
        ({"exp": 1e300}, "The token does not say, in seconds, until when it is good."),
        ({"exp": 10**400}, "The token does not say, in seconds, until when it is good."),
        ({"exp": NOW - 40}, "The token has expired."),
        ({"nbf": NOW + 90}, "The token is not good yet."),
        ({"nbf": "soon"}, "The token does not say, in seconds, until when it is good."),
        ({"sub": None}, "The token does not say in one word who calls."),
        ({"sub": ""}, "The token does not say in one word who calls."),
        ({"sub": 7}, "The token does not say in one word who calls."),
        ({"sub": "a b"}, "The token does not say in one word who calls."),
        ({"sub": "a\nforged=line"}, "The token does not say in one word who calls."),
        ({"sub": "\x1b[2J"}, "The token does not say in one word who calls."),
        ({"sub": "s" * 201}, "The token does not say in one word who calls."),
    ],
)
async def test_a_claim_that_is_wrong_is_named_and_not_quoted(changes: dict[str, Any], message: str) -> None:
    assert await refusal(signed(claims(**changes))) in {message, "The token's claims cannot be read."}


@pytest.mark.parametrize("changes", [{"exp": NOW - 5}, {"nbf": NOW + 15}])
async def test_clocks_may_differ_by_the_leeway(changes: dict[str, Any]) -> None:
    assert (await callers().authenticate(signed(claims(**changes)))).name == "jwt:wallboard"
    await refusal(signed(claims(**changes)), leeway_seconds=0.0)


def unsigned(alg: str) -> str:
    return f"{encoded({'alg': alg, 'kid': 'rsa-1'})}.{encoded(claims())}."


def forged(secret: bytes, *, alg: str = "HS256") -> str:
    """The attack on verifiers that take the algorithm from the token: the public key as an HMAC secret."""
    text = f"{encoded({'alg': alg, 'kid': 'rsa-1'})}.{encoded(claims())}"
    digest = hmac.digest(secret, text.encode(), {"HS256": "sha256", "HS512": "sha512"}[alg])
    return f"{text}.{encoded(digest)}"


HOSTILE = {
    "none": unsigned("none"),
    "none in other cases": unsigned("nOnE"),
    "none with a signature": f"{unsigned('none')}AAAA",
    "HS256 with the public key as PEM": forged(PEM),
    "HS256 with the public key as JSON": forged(json.dumps(public(RSA, kid="rsa-1")).encode()),
    "HS256 with the modulus": forged(base64.urlsafe_b64decode(public(RSA)["n"] + "==")),
    "HS512 with the public key": forged(PEM, alg="HS512"),
    "RS512": signed(claims(), alg="RS512"),
    "PS256": signed(claims(), alg="PS256"),
    "another issuer's key under a known id": signed(claims(), key=OTHER_RSA),
    "the id of a key of another type": signed(claims(), kid="ec-1", key=RSA, alg="RS256"),
    "ES256 under the id of an RSA key": signed(claims(), kid="rsa-1", key=ELLIPTIC, alg="ES256"),
    "EdDSA under the id of an RSA key": signed(claims(), kid="rsa-1", key=EDWARDS, alg="EdDSA"),
    "its own key in the header": signed(claims(), kid=None, key=OTHER_RSA, jwk=public(OTHER_RSA)),
    "an address of keys in the header": signed(claims(), key=OTHER_RSA, jku="http://127.0.0.1:1/keys"),
    "a certificate in the header": signed(claims(), key=OTHER_RSA, x5c=["MIIB"], x5u="http://127.0.0.1:1/"),
    "a path as kid": signed(claims(), kid="../../../../etc/passwd", key=RSA, alg="RS256"),
    "an address as kid": signed(claims(), kid="http://127.0.0.1:1/key", key=RSA, alg="RS256"),
    "SQL as kid": signed(claims(), kid="' UNION SELECT 'k", key=RSA, alg="RS256"),
    "NUL as kid": signed(claims(), kid="rsa-1\x00", key=RSA, alg="RS256"),
    "an empty kid": signed(claims(), kid="", key=RSA, alg="RS256"),
    "a huge kid": signed(claims(), kid="k" * 2000, key=RSA, alg="RS256"),
    "crit": signed(claims(), crit=["exp"]),
    "crit that is empty": signed(claims(), crit=[]),
    "an unencoded payload": signed(claims(), b64=False, crit=["b64"]),
    "a token within a token": signed(signed(claims()).encode(), cty="JWT"),
    "a token within a token, undeclared": signed(signed(claims()).encode()),
    "a list for claims": signed(b"[1, 2]"),
    "text for claims": signed(b'"claims"'),
    "claims that are not JSON": signed(b"{iss: me}"),
    "claims that are not UTF-8": signed(b'{"iss": "\xff"}'),
    "deeply nested claims": signed(b'{"a":' + b"[" * 2500 + b"]" * 2500 + b"}"),
    "NaN as exp": signed(json.dumps(claims(exp=float("nan"))).encode()),
    "infinity as exp": signed(json.dumps(claims(exp=float("inf"))).encode()),
    "a deeply nested header": f"{encoded(b'[' * 2000)}.{encoded(claims())}.AAAA",
    "a header that is a list": f"{encoded([])}.{encoded(claims())}.AAAA",
    "a header without alg": f"{encoded({'kid': 'rsa-1'})}.{encoded(claims())}.AAAA",
    "alg as a list": f"{encoded({'alg': ['RS256']})}.{encoded(claims())}.AAAA",
    "kid as an object": f"{encoded({'alg': 'RS256', 'kid': {'a': 1}})}.{encoded(claims())}.AAAA",
    "a header that is not base64": f"e30*.{encoded(claims())}.AAAA",
    "no dots": "eyJhbGciOiJSUzI1NiJ9",
    "an encrypted token": "a.b.c.d.e",
    "empty parts": "..",
    "a signature that is cut": signed(claims())[:-20],
    "a signature of nothing but zeroes": signed(claims(), kid="ec-1").rpartition(".")[0] + "." + "A" * 86,
    "a signature that is one byte": signed(claims()).rpartition(".")[0] + ".AA",
    "another payload under the signature": ".".join(
        [(whole := signed(claims()).split("."))[0], encoded(claims(tenants=["*"])), whole[2]]
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_token_names_nobody(name: str) -> None:
    message = await refusal(HOSTILE[name])
    assert HOSTILE[name] not in message
    assert "passwd" not in message


async def test_an_algorithm_that_is_not_allowed_is_refused_with_a_good_signature() -> None:
    allowed = frozenset({"ES256"})
    assert await refusal(signed(claims()), algorithms=allowed) == "The token's algorithm is not accepted."
    caller = await callers(algorithms=allowed).authenticate(signed(claims(), kid="ec-1"))
    assert caller.name == "jwt:wallboard"


async def test_without_a_kid_the_only_key_of_the_kind_is_meant() -> None:
    shown = [public(RSA), public(ELLIPTIC, kid="ec-1")]
    caller = await callers(shown=shown).authenticate(signed(claims(), kid=None))
    assert caller.name == "jwt:wallboard"
    two = [public(RSA, kid="a"), public(OTHER_RSA, kid="b")]
    assert await refusal(signed(claims(), kid=None), shown=two) == "The issuer has no such key."


@pytest.mark.parametrize(
    ("given", "tenants"),
    [
        ("acme", {"acme"}),
        ("acme beta", {"acme", "beta"}),
        (["acme", "beta", 7, None], {"acme", "beta"}),
        ([], set()),
        (None, set()),
        ({"acme": True}, set()),
        (True, set()),
        ("*", set()),
        (["*", "acme"], {"acme"}),
    ],
)
async def test_tenants_are_those_of_the_claim_and_a_star_grants_none(given: Any, tenants: set[str]) -> None:
    caller = await callers().authenticate(signed(claims(tenants=given)))
    assert caller.tenants == frozenset(map(TenantId, tenants))


async def test_a_star_grants_all_tenants_only_where_the_settings_say_so() -> None:
    token = signed(claims(tenants=["*"]))
    assert (await callers(may_claim_all_tenants=True).authenticate(token)).tenants == ALL_TENANTS
    assert (await callers().authenticate(token)).tenants == frozenset()
    named = await callers(may_claim_all_tenants=True).authenticate(signed(claims()))
    assert named.tenants == frozenset({TenantId("acme")})


@pytest.mark.parametrize(
    ("given", "scopes"),
    [
        ("agents:read agents:write gateway:status", set(Scope)),
        (["agents:write"], {Scope.WRITE_AGENTS}),
        ("openid profile agents:readwrite AGENTS:READ", set()),
        (None, set()),
        (7, set()),
    ],
)
async def test_scopes_are_the_known_ones_of_the_claim(given: Any, scopes: set[Scope]) -> None:
    caller = await callers().authenticate(signed(claims(scope=given)))
    assert caller.scopes == scopes


async def test_the_settings_name_the_claims_and_what_callers_may_do() -> None:
    rules: dict[str, Any] = {
        "name_claim": "client_id",
        "tenants_claim": "https://example.com/tenants",
        "scopes_claim": "scp",
        "documents": DocumentMode.REQUIRE,
        "may_introspect": False,
    }
    token = signed(
        claims(client_id="batch", scp=["agents:write"]) | {"https://example.com/tenants": ["beta"]}
    )
    assert await callers(**rules).authenticate(token) == Caller(
        name="jwt:batch",
        tenants=frozenset({TenantId("beta")}),
        scopes=frozenset({Scope.WRITE_AGENTS}),
        documents=DocumentMode.REQUIRE,
        may_introspect=False,
    )


async def test_a_signature_is_verified_once_and_everything_else_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [time.time()]
    known = callers(now_seconds=lambda: now[0])
    token = signed(claims(exp=now[0] + 60))
    assert (await known.authenticate(token)).name == "jwt:wallboard"
    monkeypatch.setattr(tokens_jwt, "deserialize_compact", None)
    assert (await known.authenticate(token)).name == "jwt:wallboard"
    now[0] += 91
    with pytest.raises(CredentialsRejected, match="expired"):
        await known.authenticate(token)


async def test_a_bad_signature_is_looked_at_once_for_as_long_as_the_key_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown = [public(RSA, kid="rsa-1")]
    known = callers(shown=shown)
    token = signed(claims(), key=OTHER_RSA)
    with pytest.raises(CredentialsRejected, match="signature"):
        await known.authenticate(token)
    with monkeypatch.context() as patched:
        patched.setattr(tokens_jwt, "deserialize_compact", None)
        with pytest.raises(CredentialsRejected, match="signature"):
            await known.authenticate(token)
    shown[0] = public(OTHER_RSA, kid="rsa-1")
    await known._keys._join()
    assert (await known.authenticate(token)).name == "jwt:wallboard"


async def test_a_token_that_was_verified_is_refused_once_its_key_is_another() -> None:
    shown = [public(RSA, kid="rsa-1")]
    known = callers(shown=shown)
    token = signed(claims())
    assert (await known.authenticate(token)).name == "jwt:wallboard"
    shown[0] = public(OTHER_RSA, kid="rsa-1")
    await known._keys._join()
    with pytest.raises(CredentialsRejected, match="signature"):
        await known.authenticate(token)


@pytest.mark.parametrize(
    ("key", "alg"),
    [
        (OTHER_RSA, "RS256"),
        (ECKey.generate_key("P-256"), "ES256"),
        (OKPKey.generate_key("Ed25519"), "EdDSA"),
    ],
)
async def test_two_issuers_never_share_keys(key: Key, alg: str) -> None:
    theirs = callers(shown=[public(key, kid="one")])
    token = signed(claims(), kid="one", key=key, alg=alg)
    assert (await theirs.authenticate(token)).name == "jwt:wallboard"
    await refusal(token)
