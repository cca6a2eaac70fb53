"""What callers may do: the scopes, and the one place where a missing one is refused."""

from collections.abc import Collection
from typing import Final

from gateway.domain.errors import Forbidden

AGENTS_READ: Final = "agents:read"
AGENTS_WRITE: Final = "agents:write"


class MissingScope(Forbidden):
    """The caller was not given the `scope` that this needs; RFC 6750 calls it `insufficient_scope`."""

    def __init__(self, scope: str) -> None:
        super().__init__(f"This needs the scope {scope}.")
        self.scope = scope


def require_scope(scopes: Collection[str], *, scope: str) -> None:
    """`MissingScope` where the caller was not given the scope."""
    if scope not in scopes:
        raise MissingScope(scope)
