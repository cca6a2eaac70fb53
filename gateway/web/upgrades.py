"""Requests that ask for another protocol (as h2c, which Java's client does by itself): answered in this one.

HTTP lets a server ignore `Upgrade`. The parser cannot: it takes all that stands behind such a head, even the
request's own body, for the other protocol's.
"""

import sys
from collections.abc import Iterable, Iterator
from typing import Any, Final

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_NOTHING: Final = memoryview(b"")
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


class DecliningConnection(HttpToolsProtocol):
    """uvicorn's connection, which reads a request whose upgrade is declined as one that asks for none."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._read = _NOTHING  # what is being parsed
        self._head_anew = b""

    def parse(self, data: bytes) -> None:
        """Parse what came; a request whose upgrade is declined comes once more, as one that asks for none."""
        self._read = memoryview(data)
        super().data_received(data)
        while self._head_anew:
            head, self._head_anew = self._head_anew, b""
            super().data_received(head)
            rest: Any = self._read
            super().data_received(rest)
        self._read = _NOTHING

    @property
    def is_upgrade_declined(self) -> bool:
        """Whether the request asks for a protocol that is not spoken here."""
        parser = self.parser
        return parser.should_upgrade() and parser.get_method() != b"CONNECT" and not self._should_upgrade()

    def _get_upgrade(self) -> bytes | None:
        """The protocol that is asked for; several `Connection` lines are one list."""
        named = [value for name, value in self.headers if name == b"upgrade"]
        options = (
            b",".join(value for name, value in self.headers if name == b"connection").lower().split(b",")
        )
        is_asked = any(option.strip() == b"upgrade" for option in options)
        return named[-1].lower() if named and is_asked else None

    def _unsupported_upgrade_warning(self) -> None:
        """Have a declined request parsed anew, before what stood behind its head; asked in its exception."""
        upgrade, parser = sys.exception(), self.parser
        if not isinstance(upgrade, httptools.HttpParserUpgrade) or not self.is_upgrade_declined:
            super()._unsupported_upgrade_warning()
            return
        self._head_anew = head_without_upgrade(
            self.headers, method=parser.get_method(), url=self.url, version=parser.get_http_version()
        )
        self._read = self._read[upgrade.args[0] :]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
