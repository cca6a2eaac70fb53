"""What the adapter tells whoever watches it: attempts, walks and odd rows, without a tenant or a value."""

from typing import Protocol

import msgspec


class AttemptReport(msgspec.Struct, frozen=True, kw_only=True):
    """One request, made or tried: `attempt` from 1, `outcome` "ok", "cancelled" or an error code."""

    method: str
    path_template: str
    page: int | None
    attempt: int
    status: int | None
    seconds: float
    outcome: str


class WalkReport(msgspec.Struct, frozen=True, kw_only=True):
    """One full read of a listing: `pages` counts every page asked, `torn` the walks that had to be redone."""

    listing: str
    seconds: float
    rows: int
    pages: int
    torn: int


class Odd(msgspec.Struct, frozen=True, kw_only=True):
    """A field that could not be read; `seen` is the JSON type that stood there, never the value."""

    listing: str
    row_id: int | None
    field: str
    seen: str


class UpstreamObserver(Protocol):
    """Watches the traffic to one Evolux. Its methods are called in the event loop and must not wait."""

    def attempt_finished(self, report: AttemptReport) -> None:
        """A request ended, well or not."""
        ...

    def walk_finished(self, report: WalkReport) -> None:
        """A listing was read, or given up."""
        ...


class Unobserved:
    """The observer that looks away."""

    def attempt_finished(self, report: AttemptReport) -> None:
        """Nothing."""

    def walk_finished(self, report: WalkReport) -> None:
        """Nothing."""


def ignore_odd(_odd: Odd) -> None:
    """Take no note."""
