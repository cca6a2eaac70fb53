"""Freshness on the wire: `Cache-Control` on a request, `Age` and `Cache-Status` (RFC 9211) on an answer."""

from collections.abc import Iterable, Iterator
from typing import Any

from gateway.domain.listings import ANY_AGE, FreshnessBound, Reading, ReadSource

_MAX_SECONDS = 2**31
_CACHE_NAME = "evolux-gateway"

_STATUS = {
    ReadSource.FRESH: "hit",
    ReadSource.STALE: "hit; detail=stale-while-revalidate",
    ReadSource.STALE_IF_ERROR: "hit; detail=stale-if-error",
    ReadSource.WALKED: "fwd=miss; stored",
    ReadSource.COALESCED: "fwd=miss; collapsed",
}


_CACHE_STATUS = {source: f"{_CACHE_NAME}; {told}".encode() for source, told in _STATUS.items()}


def bound_of(cache_control: str | None) -> FreshnessBound:
    """Read the directives that bound a served listing's age; what cannot be read is no bound."""
    if not cache_control:
        return ANY_AGE
    directives = dict(_directives(cache_control))
    max_age = 0.0 if "no-cache" in directives else _seconds(directives.get("max-age"))
    only_if_cached = "only-if-cached" in directives
    if max_age is None and not only_if_cached:
        return ANY_AGE
    return FreshnessBound(max_age_seconds=max_age, only_if_cached=only_if_cached)


def freshness_headers(readings: Iterable[Reading[Any]]) -> dict[str, str]:
    """Tell of the oldest listing that an answer was made from; nothing where it used none."""
    return {name.decode().title(): value.decode() for name, value in raw_freshness_headers(readings)}


def raw_freshness_headers(readings: Iterable[Reading[Any]]) -> tuple[tuple[bytes, bytes], ...]:
    """The same, as ASGI sends them."""
    oldest: Reading[Any] | None = None
    for reading in readings:
        if oldest is None or reading.age_seconds > oldest.age_seconds:
            oldest = reading
    if oldest is None:
        return ()
    return (b"age", b"%d" % oldest.age_seconds), (b"cache-status", _CACHE_STATUS[oldest.source])


def _directives(header: str) -> Iterator[tuple[str, str]]:
    for part in header.split(","):
        name, _, value = part.partition("=")
        yield name.strip().lower(), value.strip().strip('"')


def _seconds(text: str | None) -> float | None:
    if text is None or not (text.isascii() and text.isdigit()):
        return None
    return float(min(int(text[:12]), _MAX_SECONDS))
