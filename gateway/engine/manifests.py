"""Manifests of persisted documents, as the compilers of Apollo and Relay write them."""

from typing import Any, Final

import msgspec

APOLLO_FORMAT: Final = "apollo-persisted-query-manifest"
MAX_ID_CHARS: Final = 256


class ManifestError(ValueError):
    """A file that is no manifest; its text says what was expected and quotes nothing."""


def parse_manifest(content: bytes) -> dict[str, str]:
    """The documents of a manifest by their ids; `ManifestError` says what is not as it should be.

    Apollo: `{"format": "apollo-persisted-query-manifest", "version": 1, "operations": [{"id", "body", …}]}`.
    Relay, and most others: `{"<id>": "<text>"}`.
    """
    try:
        found = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError):
        raise ManifestError("JSON in UTF-8") from None
    if not isinstance(found, dict):
        raise ManifestError("a JSON object")
    pairs = _apollo(found) if "format" in found else list(found.items())
    for identifier, text in pairs:
        if not (
            isinstance(identifier, str) and isinstance(text, str) and 0 < len(identifier) <= MAX_ID_CHARS
        ):
            raise ManifestError("texts by ids, each id of 1 to 256 characters")
    return dict(pairs)


def _apollo(found: dict[str, Any]) -> list[tuple[Any, Any]]:
    if found["format"] != APOLLO_FORMAT or found.get("version") != 1:
        raise ManifestError(f"the format {APOLLO_FORMAT} in version 1")
    operations = found.get("operations")
    if not isinstance(operations, list) or not all(isinstance(one, dict) for one in operations):
        raise ManifestError("operations, a list of objects")
    return [(one.get("id"), one.get("body")) for one in operations]
