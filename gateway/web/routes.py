"""Route templates: what a path is called in spans, metrics and logs, where it itself would carry ids."""

import re
from collections.abc import Iterator
from typing import Final

from gateway.rest.operations import PREFIX, by_path

STATUS_PATH: Final = "/v1/status"
BOARD_PATH: Final = "/board"
QUIET_PATHS: Final = frozenset({"/livez", "/readyz", "/metrics"})
"""What machines ask again and again: not logged, and answered under any load."""
OTHER_ROUTE: Final = "other"
_EXACT: Final = frozenset({"/graphql", BOARD_PATH, STATUS_PATH, f"{PREFIX}/openapi.json", *QUIET_PATHS})
_DOCUMENT_PREFIX: Final = "/graphql/"
_DOCUMENT_ROUTE: Final = "/graphql/{document_id}"
_LONGEST_PATH: Final = 256


def route_of(path: str) -> str:
    """The template that the path fits, or `other`: callers choose paths freely."""
    if path in _EXACT:
        return path
    if path.startswith(_DOCUMENT_PREFIX):
        return _DOCUMENT_ROUTE
    if path.startswith(PREFIX) and len(path) <= _LONGEST_PATH:
        return next((template for pattern, template in _PATTERNS if pattern.fullmatch(path)), OTHER_ROUTE)
    return OTHER_ROUTE


def _patterns() -> Iterator[tuple[re.Pattern[str], str]]:
    for path in by_path():
        template = PREFIX + path
        parts = re.split(r"\{\w+\}", template)
        yield re.compile("[^/]+".join(map(re.escape, parts))), template


_PATTERNS: Final = tuple(_patterns())
