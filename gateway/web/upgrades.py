"""Requests that ask for another protocol (as h2c, which Java's client does by itself): answered in this one.

HTTP lets a server ignore `Upgrade`. The parser cannot: it takes all that stands behind such a head, even the
request's own body, for the other protocol's.
"""

from collections.abc import Iterable, Iterator
from typing import Final

_OF_AN_UPGRADE: Final = frozenset({b"upgrade", b"http2-settings"})


def head_without_upgrade(
    headers: Iterable[tuple[bytes, bytes]], *, method: bytes, url: bytes, version: str
) -> bytes:
    """A request's head as it would be from who asks for no other protocol; headers in lower case."""
    line = b"%b %b HTTP/%b" % (method, url, version.encode())
    return b"\r\n".join((line, *(b"%b: %b" % header for header in _kept(headers)), b"\r\n"))


def _kept(headers: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
    for name, value in headers:
        if name == b"connection":
            options = [option.strip() for option in value.split(b",")]
            kept = [option for option in options if option.lower() not in _OF_AN_UPGRADE]
            if kept:
                yield name, b", ".join(kept)
        elif name not in _OF_AN_UPGRADE:
            yield name, value
