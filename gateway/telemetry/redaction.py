"""Redaction of log fields: by type, by the field's name, and by what a text looks like."""

import re
from collections.abc import Mapping
from datetime import date
from enum import Enum
from functools import lru_cache
from math import isfinite
from typing import Any, Final

MASK: Final = "***"
_TOO_DEEP: Final = "…"
_TOO_LONG: Final = "… (cut)"
_DEPTH_LIMIT: Final = 8

_SECRET_PARTS: Final = frozenset(
    {"key", "keys", "pin", "pwd", "auth", "jwt", "bearer", "session", "signature"}
)
_SECRET_STEMS: Final = (
    "token",
    "passw",
    "passphrase",
    "senha",
    "authorization",
    "secret",
    "cookie",
    "credential",
)
_SECRET_STEMS_JOINED: Final = ("apikey", "privatekey")
_WORDS: Final = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")

_AFTER_NAME: Final = (
    r"(?P<name>(?:token|passw\w{0,8}|senha|secret|api[_-]?key|authorization|cookie)[\w-]{0,32}[\"']?\s{0,2}[:=]\s{0,2})"
    r"(?:(?:bearer|basic|token)\s+)?(?:\"(?:[^\"\\]|\\.)*\"?|'(?:[^'\\]|\\.)*'?|[^\s,;&})\]\"']+)"
)
_AFTER_SCHEME: Final = r"(?P<scheme>\b(?:bearer|basic)\s+)[\w.~+/=-]+"
_JWT: Final = r"(?<![\w-])eyJ[\w-]{5,}(?:\.[\w-]*){0,2}"
_URL_USER: Final = r"(?P<url>://)[^\s/@]+@"
_SENSITIVE: Final = re.compile(f"{_AFTER_NAME}|{_AFTER_SCHEME}|{_JWT}|{_URL_USER}", re.IGNORECASE)
_TEXT_LIMIT: Final = 16_384


@lru_cache(maxsize=1024)
def is_secret_name(name: str) -> bool:
    """Whether a field of this name may hold a secret, as `api_key`, `X-Auth-Token` or `senhaAtual` do."""
    joined = re.sub(r"[^a-z0-9]", "", name.lower())
    if any(stem in joined for stem in (*_SECRET_STEMS, *_SECRET_STEMS_JOINED)):
        return True
    return any(word.lower() in _SECRET_PARTS for word in _WORDS.findall(name))


def redact_text(text: str) -> str:
    """Mask bearer tokens, JWTs, `password=…` and the user part of addresses; cut what is too long."""
    if len(text) > _TEXT_LIMIT:
        text = f"{text[:_TEXT_LIMIT]}{_TOO_LONG}"
    if ":" in text or "=" in text or " " in text or "eyJ" in text:
        return _SENSITIVE.sub(_mask_match, text)
    return text


def redact(value: object, *, depth: int = 0) -> Any:
    """Give the value as plain JSON types, without any secret that can be told as one."""
    match value:
        case str():
            return redact_text(value)
        case None | int():
            return value
        case float():
            return value if isfinite(value) else repr(value)
        case Mapping() | list() | tuple() | set() | frozenset():
            return _redact_all(value, depth=depth + 1)
        case _:
            return redact_text(_text_of(value))


def redact_fields(fields: Mapping[Any, object], *, depth: int = 0) -> dict[str, Any]:
    """Redact a mapping: a secret's name masks whatever stands under it."""
    kept: dict[str, Any] = {}
    for key, held in fields.items():
        name, is_secret = _judge_name(key if isinstance(key, str) else _text_of(key))
        kept[name] = MASK if is_secret and held is not None else redact(held, depth=depth)
    return kept


def _redact_all(value: Any, *, depth: int) -> Any:
    if depth > _DEPTH_LIMIT:
        return _TOO_DEEP
    if isinstance(value, Mapping):
        return redact_fields(value, depth=depth)
    return _redact_items(tuple(value), depth=depth)


def _redact_items(items: tuple[object, ...], *, depth: int) -> list[Any]:
    """Redact a sequence; a pair that begins with a secret's name is a header and loses its value."""
    match items:
        case (str() | bytes() as name, str() | bytes()) if is_secret_name(_text_of(name)):
            return [redact_text(_text_of(name)), MASK]
        case _:
            return [redact(item, depth=depth) for item in items]


def _text_of(value: object) -> str:
    if _is_secret_type(value):
        return MASK
    match value:
        case str():
            return value
        case bytes():
            return value.decode("utf-8", "replace")
        case date():
            return value.isoformat()
        case Enum():
            return str(value.value)
        case _:
            return repr(value)


@lru_cache(maxsize=1024)
def _judge_name(name: str) -> tuple[str, bool]:
    return redact_text(name), is_secret_name(name)


def _is_secret_type(value: object) -> bool:
    kind = type(value)
    return hasattr(kind, "reveal") or kind.__name__ == "ApiToken"


def _mask_match(found: re.Match[str]) -> str:
    kept = found["name"] or found["scheme"] or found["url"] or ""
    return f"{kept}{MASK}{'@' if found['url'] else ''}"
