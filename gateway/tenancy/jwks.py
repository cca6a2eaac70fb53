"""An issuer's public keys, read from a JSON Web Key Set that may hold anything."""

import base64
from collections.abc import Iterator
from typing import Annotated, ClassVar, Final

import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from msgspec import Meta

from gateway.tenancy.issuer_keys import KeysMissing

MAX_KEYS: Final = 100
MIN_RSA_BITS: Final = 2048
MAX_RSA_BITS: Final = 8192

KeyId = Annotated[str, Meta(max_length=512)]
_Number = Annotated[str, Meta(max_length=(MAX_RSA_BITS + 5) // 6, pattern=r"^[A-Za-z0-9_-]+$")]
_Exponent = Annotated[str, Meta(max_length=8, pattern=r"^[A-Za-z0-9_-]+$")]


class KeyRing:
    """Public keys, each for the one algorithm that its type allows; a `kid` is looked up and nothing else."""

    def __init__(self, keys: list[tuple[str, str | None, Key]]) -> None:
        self._by_id: dict[tuple[str, str | None], Key] = {}
        self._by_family: dict[str, list[Key]] = {}
        for family, key_id, key in keys:
            self._by_id.setdefault((family, key_id), key)
            self._by_family.setdefault(family, []).append(key)

    def find(self, *, family: str, key_id: str | None) -> Key | None:
        """The key of this id; without an id the family's only key, for several could not be told apart."""
        if key_id is not None:
            return self._by_id.get((family, key_id))
        keys = self._by_family.get(family, [])
        return keys[0] if len(keys) == 1 else None


class _Listed(msgspec.Struct, frozen=True, kw_only=True):
    """What every key may say of itself."""

    family: ClassVar[str]
    algorithms: ClassVar[frozenset[str]]
    kid: KeyId | None = None
    use: str = "sig"
    alg: str | None = None
    key_ops: tuple[str, ...] = ("verify",)

    @property
    def is_for_signatures(self) -> bool:
        """Whether the set offers it for what we need, with an algorithm of its own family."""
        allowed = self.alg is None or self.alg in self.algorithms
        return self.use == "sig" and "verify" in self.key_ops and allowed


class _Rsa(_Listed, frozen=True, kw_only=True, tag="RSA", tag_field="kty"):
    family: ClassVar = "RS256"
    algorithms: ClassVar = frozenset({"RS256"})
    n: _Number
    e: _Exponent

    def key(self) -> Key:
        """A public key; ValueError for one that is too short, or so long that it costs."""
        if not MIN_RSA_BITS <= _bits_of(self.n) <= MAX_RSA_BITS:
            raise ValueError
        return RSAKey.import_key({"kty": "RSA", "n": self.n, "e": self.e})


class _Elliptic(_Listed, frozen=True, kw_only=True, tag="EC", tag_field="kty"):
    family: ClassVar = "ES256"
    algorithms: ClassVar = frozenset({"ES256"})
    crv: str
    x: _Number
    y: _Number

    def key(self) -> Key:
        """A public key on P-256, or ValueError."""
        if self.crv != "P-256":
            raise ValueError
        return ECKey.import_key({"kty": "EC", "crv": self.crv, "x": self.x, "y": self.y})


class _Edwards(_Listed, frozen=True, kw_only=True, tag="OKP", tag_field="kty"):
    family: ClassVar = "EdDSA"
    algorithms: ClassVar = frozenset({"EdDSA", "Ed25519"})
    crv: str
    x: _Number

    def key(self) -> Key:
        """A public key on Ed25519, or ValueError."""
        if self.crv != "Ed25519":
            raise ValueError
        return OKPKey.import_key({"kty": "OKP", "crv": self.crv, "x": self.x})


class _KeySet(msgspec.Struct, frozen=True):
    keys: Annotated[list[msgspec.Raw], Meta(max_length=MAX_KEYS)]


_SET: Final = msgspec.json.Decoder(_KeySet)
_LISTED: Final = msgspec.json.Decoder(_Rsa | _Elliptic | _Edwards)


def parse_jwks(content: bytes) -> KeyRing:
    """Read a key set. A key of another kind, size or use is passed over; `KeysMissing` where none is left.

    Only the public numbers are taken: a private part, a certificate or an address in a key goes nowhere.
    """
    try:
        listed = _SET.decode(content).keys
    except (ValueError, RecursionError):
        raise KeysMissing(f"not a JWKS of at most {MAX_KEYS} keys") from None
    keys = [found for one in listed for found in _read(one)]
    if not keys:
        raise KeysMissing("no key in it can verify RS256, ES256 or EdDSA signatures")
    return KeyRing(keys)


def _read(raw: msgspec.Raw) -> Iterator[tuple[str, str | None, Key]]:
    try:
        listed = _LISTED.decode(raw)
        if listed.is_for_signatures:
            yield listed.family, listed.kid, listed.key()
    except (ValueError, RecursionError, JoseError):
        return


def _bits_of(number: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(number + "==")).bit_length()
