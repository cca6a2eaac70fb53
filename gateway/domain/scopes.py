"""What callers may do: the scopes, and the one place where a missing one is refused."""

from collections.abc import Collection
from typing import Final

from gateway.domain.errors import Forbidden

AGENTS_READ: Final = "agents:read"
AGENTS_WRITE: Final = "agents:write"


def require_scope(scopes: Collection[str], *, scope: str) -> None:
    """`Forbidden` where the caller was not given the scope."""
    if scope not in scopes:
        raise Forbidden(f"This needs the scope {scope}.")
