"""Callers with a JWT: what a token must be to be believed, and who it says is calling."""

import base64
import hashlib
import re
from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Any, Final

import cachetools
import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import Key
from joserfc.jws import JWSRegistry, deserialize_compact
from msgspec import Meta

from gateway.domain.errors import CredentialsRejected
from gateway.domain.ids import TenantId
from gateway.tenancy.callers import ALL_TENANTS, Caller, DocumentMode, Scope
from gateway.tenancy.directory import TokenUnfit
from gateway.tenancy.issuer_keys import IssuerKeys
from gateway.tenancy.jwks import KeyId

FAMILIES: Final[Mapping[str, str]] = {
    "RS256": "RS256",
    "ES256": "ES256",
    "EdDSA": "EdDSA",
    "Ed25519": "EdDSA",
}
"""The algorithms that are known, and for whose keys; `Ed25519` is RFC 9864's name for EdDSA on that curve."""
CALLER_PREFIX: Final = "jwt:"
"""No caller with an API key has a colon in its name, so that neither can pass for the other in a log."""

MAX_VERIFIED: Final = 1000
"""Tokens whose signature need not be verified again; told apart by digest, none is kept."""

MAX_REFUSED: Final = 1000
"""Tokens whose signature is known to be bad: a client that is stuck with one costs a lookup."""

_BAD_SIGNATURE: Final = "The token's signature is not the issuer's."
_TYPES: Final = frozenset({"jwt", "at+jwt", "application/jwt", "application/at+jwt"})
_SHAPE: Final = re.compile(r"[A-Za-z0-9_-]{2,4096}\.[A-Za-z0-9_-]{2,8192}\.[A-Za-z0-9_-]{1,2048}")
_MAX_HEADER_BYTES: Final = 4096


class TokenRules(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a token, and which of its claims say who calls."""

    issuer: str
    audience: str
    algorithms: frozenset[str] = frozenset({"RS256", "ES256", "EdDSA"})
    leeway_seconds: float = 30.0
    name_claim: str = "sub"
    tenants_claim: str = "tenants"
    scopes_claim: str = "scope"
    may_claim_all_tenants: bool = False
    documents: DocumentMode = DocumentMode.ALLOW
    may_introspect: bool = True


class _Header(msgspec.Struct, frozen=True):
    alg: str
    kid: KeyId | None = None
    typ: str | None = None
    cty: str | None = None
    crit: Any = msgspec.UNSET


class _Times(msgspec.Struct, frozen=True):
    """Instants as seconds since 1970; the bound keeps arithmetic with them finite."""

    exp: Annotated[float, Meta(ge=0, le=1e12)]
    nbf: Annotated[float, Meta(ge=0, le=1e12)] | None = None


_HEADER: Final = msgspec.json.Decoder(_Header)
_CLAIMS: Final = msgspec.json.Decoder(dict[str, Any])
_UNREADABLE: Final = (ValueError, RecursionError)
"""Not base64, UTF-8, JSON or such an object; nested without end."""
_NAME: Final = re.compile(r"\S{1,200}")


class TokenCallers:
    """Says who calls with a JWT of one issuer."""

    def __init__(self, rules: TokenRules, *, keys: IssuerKeys, now_seconds: Callable[[], float]) -> None:
        self._rules = rules
        self._keys = keys
        self._now_seconds = now_seconds
        self._verified: cachetools.LRUCache[bytes, tuple[Key, dict[str, Any]]] = cachetools.LRUCache(
            maxsize=MAX_VERIFIED
        )
        self._refused: cachetools.LRUCache[bytes, Key] = cachetools.LRUCache(maxsize=MAX_REFUSED)

    async def authenticate(self, token: str) -> Caller:
        """The caller; `CredentialsRejected` with a reason that quotes nothing, or `UpstreamUnavailable`.

        Nothing of the claims is looked at, or told, before the signature is known to be the issuer's.
        """
        if _SHAPE.fullmatch(token) is None:
            raise CredentialsRejected("The key is not known, and it is no signed JWT.")
        header = _read_header(token)
        family = FAMILIES.get(header.alg)
        if family is None or family not in self._rules.algorithms:
            raise CredentialsRejected("The token's algorithm is not accepted.")
        key = await self._keys.find(family=family, key_id=header.kid)
        if key is None:
            raise CredentialsRejected("The issuer has no such key.")
        claims = self._claims(token, key=key)
        self._check(claims)
        return self._caller(claims)

    def _claims(self, token: str, *, key: Key) -> dict[str, Any]:
        """The claims under a good signature; one is verified once for as long as its key is shown."""
        digest = hashlib.sha256(token.encode()).digest()
        known = self._verified.get(digest)
        if known is not None and known[0] is key:
            return known[1]
        if self._refused.get(digest) is key:
            raise CredentialsRejected(_BAD_SIGNATURE)
        payload = _verified(token, key=key)
        if payload is None:
            self._refused[digest] = key
            raise CredentialsRejected(_BAD_SIGNATURE)
        claims = _read_claims(payload)
        self._verified[digest] = key, claims
        return claims

    def _check(self, claims: Mapping[str, Any]) -> None:
        rules, now = self._rules, self._now_seconds()
        if claims.get("iss") != rules.issuer:
            raise TokenUnfit("The token is of another issuer.")
        if rules.audience not in _listed(claims.get("aud")):
            raise TokenUnfit("The token is for another audience.")
        try:
            times = msgspec.convert(claims, _Times)
        except msgspec.ValidationError:
            raise TokenUnfit("The token does not say, in seconds, until when it is good.") from None
        if times.exp <= now - rules.leeway_seconds:
            raise TokenUnfit("The token has expired.")
        if times.nbf is not None and times.nbf > now + rules.leeway_seconds:
            raise TokenUnfit("The token is not good yet.")

    def _caller(self, claims: Mapping[str, Any]) -> Caller:
        rules = self._rules
        name = claims.get(rules.name_claim)
        if not isinstance(name, str) or not name.isprintable() or not _NAME.fullmatch(name):
            raise TokenUnfit("The token does not say in one word who calls.")
        tenants = _words(claims.get(rules.tenants_claim))
        scopes = _words(claims.get(rules.scopes_claim))
        claims_all = ALL_TENANTS in tenants and rules.may_claim_all_tenants
        return Caller(
            name=CALLER_PREFIX + name,
            tenants=ALL_TENANTS
            if claims_all
            else frozenset(TenantId(one) for one in tenants if one != ALL_TENANTS),
            scopes=frozenset(scope for scope in Scope if scope.value in scopes),
            documents=rules.documents,
            may_introspect=rules.may_introspect,
        )


def _read_header(token: str) -> _Header:
    """The part that chooses the key; nothing in it is an instruction (`jku`, `jwk`, `x5u` are not read)."""
    try:
        header = _HEADER.decode(_decode(token.partition(".")[0]))
    except _UNREADABLE:
        raise CredentialsRejected("The token's header cannot be read.") from None
    is_plain = header.crit is msgspec.UNSET and header.cty is None
    if not is_plain or (header.typ or "JWT").lower() not in _TYPES:
        raise CredentialsRejected("The token is of a kind that is not accepted.")
    return header


def _verified(token: str, *, key: Key) -> bytes | None:
    """The payload under a good signature; None under another."""
    try:
        return deserialize_compact(token, key, registry=_REGISTRY).payload
    except (JoseError, ValueError, TypeError, RecursionError):
        return None


def _read_claims(payload: bytes) -> dict[str, Any]:
    try:
        return _CLAIMS.decode(payload)
    except _UNREADABLE:
        raise CredentialsRejected("The token's claims cannot be read.") from None


def _decode(segment: str) -> bytes:
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


def _listed(claim: object) -> Collection[object]:
    return claim if isinstance(claim, list) else (claim,)


def _words(claim: object) -> frozenset[str]:
    """A claim's words: a text with spaces, or a list of texts; none in anything else."""
    if isinstance(claim, str):
        return frozenset(claim.split())
    return frozenset(one for one in claim if isinstance(one, str)) if isinstance(claim, list) else frozenset()


class _Registry(JWSRegistry):
    """The four names and no other; that RFC 9864 renames EdDSA is no reason to warn at every request."""

    max_header_length = _MAX_HEADER_BYTES

    def get_alg(self, name: str) -> Any:
        """The algorithm, as its key was chosen for it."""
        return self.algorithms["Ed25519" if name == "EdDSA" else name]


_REGISTRY: Final = _Registry(strict_check_header=False)
