"""What the adapter tells whoever watches it: attempts, walks and odd rows, without a tenant or a value."""

from typing import Protocol

import msgspec

from gateway.telemetry.labels import WalkOutcome
from gateway.telemetry.spans import UNSAMPLED, OpenSpan


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What Evolux said where the error does not tell it: bounded, and without the request's secrets."""

    texts: tuple[str, ...]
    fault: str | None = None


class AttemptReport(msgspec.Struct, frozen=True, kw_only=True):
    """One request, made or tried: `attempt` from 1, `outcome` "ok", "cancelled" or an error code.

    `said` is for the log alone.
    """

    method: str
    path_template: str
    page: int | None
    attempt: int
    status: int | None
    seconds: float
    outcome: str
    said: Said | None = None


class WalkReport(msgspec.Struct, frozen=True, kw_only=True):
    """One full read of a listing: `pages` counts every page asked, `torn` the walks that had to be redone.

    `code` is what a page could not be read for.
    """

    listing: str
    outcome: WalkOutcome
    code: str | None
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

    def attempt_started(self, method: str, *, path_template: str, page: int | None, attempt: int) -> OpenSpan:
        """A request is about to be sent; it is sent and answered within the span."""
        ...

    def attempt_finished(self, report: AttemptReport) -> None:
        """A request ended, well or not."""
        ...

    def walk_finished(self, report: WalkReport) -> None:
        """A listing was read, or given up."""
        ...


class Unobserved:
    """The observer that looks away."""

    def attempt_started(
        self,
        method: str,  # noqa: ARG002 - the protocol's
        *,
        path_template: str,  # noqa: ARG002 - the same
        page: int | None,  # noqa: ARG002 - the same
        attempt: int,  # noqa: ARG002 - the same
    ) -> OpenSpan:
        """Nothing."""
        return UNSAMPLED

    def attempt_finished(self, report: AttemptReport) -> None:
        """Nothing."""

    def walk_finished(self, report: WalkReport) -> None:
        """Nothing."""


def ignore_odd(_odd: Odd) -> None:
    """Take no note."""
