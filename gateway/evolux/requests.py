"""What is asked of Evolux, and with which token."""

from typing import Protocol

import msgspec

from gateway.domain.ids import AgentId
from gateway.evolux.operations import Operation

PAGE_LIMIT = 50
"""Rows asked for per page: Evolux's own default and maximum."""


class Revealable(Protocol):
    """A secret that shows itself only when asked."""

    def reveal(self) -> str:
        """The text itself."""
        ...


class TokenSource(Protocol):
    """Where the tenant's API token comes from, asked before every request so that a rotation is followed."""

    def current(self) -> Revealable:
        """The token as last read."""
        ...

    def reread(self) -> bool:
        """Read it anew; say whether it changed."""
        ...


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One request to Evolux. `secrets` are the texts of the body that must not reach a log."""

    operation: Operation
    agent_id: AgentId | None = None
    page: int | None = None
    body: bytes | None = None
    secrets: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Request({self.operation.name}, agent_id={self.agent_id}, page={self.page})"

    @property
    def path_and_query(self) -> str:
        """What stands after the base URL."""
        path = self.operation.path(self.agent_id)
        return path if self.page is None else f"{path}?page={self.page}&limit={PAGE_LIMIT}"

    def on_page(self, page: int) -> "Request":
        """The same request for a page, from 1."""
        return msgspec.structs.replace(self, page=page)

    def headers(self, token: Revealable) -> dict[str, str]:
        """The token in its header, nowhere else; a content type only where there is content."""
        headers = {"token": token.reveal()}
        if self.body is not None:
            headers["Content-Type"] = "application/json"
        return headers
