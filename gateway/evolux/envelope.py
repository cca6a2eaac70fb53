"""Evolux's envelope `{meta, data, pagination, errors}`, read from any body without ever losing the status."""

import re
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

MAX_TEXTS = 20
MAX_TEXT_CHARACTERS = 500
_SCANNED_CHARACTERS = 8_192
_ERROR_STATUS = 400
_MAX_WHOLE = 2**63 - 1
_BOM = b"\xef\xbb\xbf"
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"(\s*:)?')
"""A quoted string, and the colon that makes it a key."""

Undecodable = (msgspec.MsgspecError, RecursionError, UnicodeError, OverflowError, ValueError)
"""What decoding a hostile body can raise."""


class Text(NamedTuple):
    """Something Evolux said; `key` is the field it said it of, where the text stood in an object."""

    text: str
    key: str | None = None


class Pagination(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers of a page; None where one is missing or no number. Its URLs are never followed."""

    limit: int | None = None
    total: int | None = None
    items: int | None = None
    is_last: bool = False
    """`next_url` is there and null."""


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """One answer. `status` is HTTP's, or meta's where HTTP says success and meta does not."""

    status: int
    http_status: int
    readable: bool
    """The body is a JSON object."""
    empty: bool
    texts: tuple[Text, ...] = ()
    data: msgspec.Raw | None = None
    """None where `data` is missing or null."""
    pagination: Pagination | None = None


class _Parts(msgspec.Struct):
    meta: msgspec.Raw = msgspec.Raw(b"null")
    data: msgspec.Raw = msgspec.Raw(b"null")
    pagination: msgspec.Raw = msgspec.Raw(b"null")
    errors: msgspec.Raw = msgspec.Raw(b"null")


_parts = msgspec.json.Decoder(_Parts)


def read_envelope(body: bytes, *, http_status: int) -> Envelope:
    """Read a body; whatever it holds, the answer has at least its HTTP status."""
    body = body.removeprefix(_BOM)
    try:
        parts = _parts.decode(body)
    except Undecodable:
        return _unreadable(body, http_status=http_status)
    meta = _loose(parts.meta)
    return Envelope(
        status=_status(meta, http_status=http_status),
        http_status=http_status,
        readable=True,
        empty=False,
        texts=_texts(meta, _loose(parts.errors)),
        data=None if bytes(parts.data) == b"null" else parts.data,
        pagination=_pagination(_loose(parts.pagination)),
    )


def as_whole(value: object) -> int | None:
    """A whole number of 64 bits from a JSON number or a numeric string; None for anything else."""
    number = _as_number(value)
    return number if number is not None and abs(number) <= _MAX_WHOLE else None


def _as_number(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if isinstance(value, str) and len(value) <= len(str(-_MAX_WHOLE)) and re.fullmatch(r"-?[0-9]+", value):
        return int(value)
    return None


def _unreadable(body: bytes, *, http_status: int) -> Envelope:
    """The page's own 400 is not JSON: its quoted strings still tell what was wrong."""
    texts: tuple[Text, ...] = ()
    if http_status >= _ERROR_STATUS and body.lstrip()[:1] in {b"{", b"["}:
        texts = _page_form_texts(body)
    return Envelope(
        status=http_status, http_status=http_status, readable=False, empty=not body.strip(), texts=texts
    )


def _page_form_texts(body: bytes) -> tuple[Text, ...]:
    scanned = body[:_SCANNED_CHARACTERS].decode(errors="replace")
    found: list[Text] = []
    key: str | None = None
    for quoted, colon in _QUOTED.findall(scanned):
        if colon:
            key = None if quoted in {"message", "errors"} else quoted
        else:
            found.append(Text(_unescaped(quoted), key))
    return _bounded(found)


def _unescaped(literal: str) -> str:
    try:
        return msgspec.json.decode(f'"{literal}"', type=str)
    except Undecodable:
        return literal


def _loose(raw: msgspec.Raw) -> object:
    try:
        return msgspec.json.decode(raw)
    except Undecodable:
        return None


def _status(meta: object, *, http_status: int) -> int:
    said = as_whole(meta.get("status")) if isinstance(meta, dict) else None
    is_success = 200 <= http_status < 300  # noqa: PLR2004 - HTTP's own numbers
    return said if is_success and said is not None and _ERROR_STATUS <= said <= 599 else http_status  # noqa: PLR2004 - as above


def _texts(meta: object, errors: object) -> tuple[Text, ...]:
    message = meta.get("message") if isinstance(meta, dict) else None
    return _bounded([*_said(message), *_said(errors)])


def _said(value: object, key: str | None = None, depth: int = 0) -> Iterator[Text]:
    if isinstance(value, str):
        yield Text(value, key)
    elif depth > 3:  # noqa: PLR2004 - a list of objects of lists is the deepest form worth reading
        return
    elif isinstance(value, list):
        for item in value[:MAX_TEXTS]:
            yield from _said(item, key, depth + 1)
    elif isinstance(value, dict):
        for name, item in list(value.items())[:MAX_TEXTS]:
            yield from _said(item, name, depth + 1)


def _bounded(texts: list[Text]) -> tuple[Text, ...]:
    kept = dict.fromkeys(Text(text[:MAX_TEXT_CHARACTERS], key) for text, key in texts if text.strip())
    return tuple(kept)[:MAX_TEXTS]


def _pagination(value: object) -> Pagination | None:
    if not isinstance(value, dict):
        return None
    return Pagination(
        limit=as_whole(value.get("limit")),
        total=as_whole(value.get("total")),
        items=as_whole(value.get("items")),
        is_last="next_url" in value and value["next_url"] is None,
    )
