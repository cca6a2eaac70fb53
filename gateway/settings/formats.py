"""What a text must look like: each format says what it expects and judges a text without side effects."""

import ipaddress
import re
from collections.abc import Callable
from typing import Annotated, Final
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

TENANT_ID: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
CALLER_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_URL_CHARACTERS: Final = re.compile(r"[\x21-\x7e]+")


class Format(msgspec.Struct, frozen=True, kw_only=True):
    """A rule for one text: how the documentation and a refusal word it, and the test itself."""

    expected: str
    accepts: Callable[[str], bool]


def is_time_zone(name: str) -> bool:
    """Whether the IANA database has this zone."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # no such zone, no such path, a folder of zones
        return False
    return True


def is_network(text: str) -> bool:
    """Whether this is an address or a network without host bits."""
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether a host in a URL can only be this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def split_http_url(text: str) -> SplitResult | None:
    """The parts of an http(s) URL with a host and without credentials, query or fragment; else None."""
    if not _URL_CHARACTERS.fullmatch(text) or set(text) & set("?#@\\"):
        return None
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:  # a broken IPv6 host or a port out of range
        return None
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        return None
    return parts


def is_http_url(text: str) -> bool:
    """Whether `split_http_url` can read it."""
    return split_http_url(text) is not None


def is_private_url(text: str) -> bool:
    """Whether what is read from there cannot be changed on the way: https, or this machine."""
    parts = split_http_url(text)
    return parts is not None and (parts.scheme == "https" or is_loopback(parts.hostname or ""))


def is_origin(text: str) -> bool:
    """Whether this is what a browser sends as `Origin`: scheme, host and port alone."""
    parts = split_http_url(text)
    return parts is not None and text == f"{parts.scheme}://{parts.netloc}" == text.lower()


def _words(text: str) -> bool:
    return bool(text.strip()) and text.isprintable()


def _formatted(expected: str, accepts: Callable[[str], bool]) -> Meta:
    return Meta(extra={"format": Format(expected=expected, accepts=accepts)})


_URL_RULE = "without credentials, query or fragment"
Text = Annotated[str, _formatted("a text that is not empty", _words)]
TimeZone = Annotated[str, _formatted('an IANA time zone such as "America/Sao_Paulo"', is_time_zone)]
Network = Annotated[str, _formatted('an address or network such as "10.0.0.0/8"', is_network)]
HttpUrl = Annotated[str, _formatted(f"an http:// or https:// URL {_URL_RULE}", is_http_url)]
PrivateUrl = Annotated[str, _formatted(f"an https:// URL (http:// for loopback) {_URL_RULE}", is_private_url)]
Origin = Annotated[str, _formatted('an origin such as "https://board.example.com"', is_origin)]
