"""Secret values: they compare in constant time and never print, copy, pickle or encode themselves."""

import hashlib
import hmac
import re
from typing import ClassVar, Never, Self, final


class Secret:
    """A text that only `reveal` gives back; `ValueError`, without the text, where it is not well formed."""

    __slots__ = ("__text",)
    expected: ClassVar[str]
    pattern: ClassVar[re.Pattern[str]]
    __text: str

    def __init__(self, text: str) -> None:
        if self.pattern.fullmatch(text) is None:
            raise ValueError(f"expected {self.expected}")
        object.__setattr__(self, "_Secret__text", text)

    def reveal(self) -> str:
        """The text itself, for the one place that must send or compare it."""
        return self.__text

    @property
    def digest(self) -> str:
        """Hex sha256 of the text: tells two secrets apart without showing either."""
        return hashlib.sha256(self.__text.encode()).hexdigest()

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return hmac.compare_digest(self.digest, other.digest)

    def __hash__(self) -> int:
        return hash((type(self), self.digest))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(***)"

    def __format__(self, format_spec: str, /) -> str:
        return format(repr(self), format_spec)

    def __setattr__(self, name: str, value: object) -> Never:
        raise AttributeError(f"{type(self).__name__} cannot be changed")

    def __delattr__(self, name: str) -> Never:
        raise AttributeError(f"{type(self).__name__} cannot be changed")

    def __reduce_ex__(self, protocol: object) -> Never:
        raise TypeError(f"{type(self).__name__} cannot be copied or pickled")


@final
class ApiToken(Secret):
    """A tenant's Evolux token: visible ASCII, so that it can stand in a header as it is."""

    __slots__ = ()
    expected = "a token: visible ASCII characters without spaces"
    pattern = re.compile(r"[\x21-\x7e]+")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a token as files hold it, with or without a line end after it."""
        return cls(text.rstrip("\r\n"))


@final
class KeyDigest(Secret):
    """The sha256 of a caller's API key, in hex; the key itself is kept nowhere."""

    __slots__ = ()
    expected = "64 hexadecimal digits: the sha256 of the key"
    pattern = re.compile(r"[0-9a-f]{64}")

    def __init__(self, text: str) -> None:
        super().__init__(text.lower())

    @classmethod
    def of(cls, key: str) -> Self:
        """The digest of a key as a caller sends it."""
        return cls(hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest())

    def matches(self, other: Self) -> bool:
        """Whether both are of the same key, in a time that does not tell where they differ."""
        return hmac.compare_digest(self.reveal(), other.reveal())


@final
class SecretUrl(Secret):
    """The address of a Valkey, which may carry a password."""

    __slots__ = ()
    expected = "a URL such as valkeys://host:6379/0 (schemes valkey, valkeys, redis, rediss)"
    pattern = re.compile(r"(?:valkey|redis)s?://[\x21-\x7e]*[^\s/@:?#][\x21-\x7e]*")
