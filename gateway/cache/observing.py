"""Watching how listings are served."""

from typing import Protocol

from gateway.cache.store import ListingKind
from gateway.domain.listings import ReadSource


class ReadObserver(Protocol):
    """Watches how readings are served."""

    def reading_served(self, kind: ListingKind, source: ReadSource, *, age_seconds: float) -> None:
        """A reader got a listing of this age."""
        ...

    def reading_failed(self, kind: ListingKind) -> None:
        """A reader got an error."""
        ...


class Unobserved:
    """The observer that looks away."""

    def reading_served(self, kind: ListingKind, source: ReadSource, *, age_seconds: float) -> None:
        """Nothing."""

    def reading_failed(self, kind: ListingKind) -> None:
        """Nothing."""
