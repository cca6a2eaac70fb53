"""Scalars: instants on the wire; ids and texts as callers give them."""

from datetime import UTC, datetime
from typing import Final, TypeVar

import strawberry
from strawberry import UNSET
from strawberry.types.scalar import ScalarDefinition

T = TypeVar("T")


def write_instant(instant: datetime) -> str:
    """An instant as ISO 8601 in UTC, such as "2026-11-22T10:01:02Z"."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


DATE_TIME: Final[ScalarDefinition] = strawberry.scalar(
    name="DateTime",
    description='An instant: ISO 8601 in UTC, such as "2026-11-22T10:01:02Z". Only in answers.',
    specified_by_url="https://scalars.graphql.org/andimarek/date-time.html",
    serialize=write_instant,
)


def stated(value: T | None) -> T | None:
    """What a caller said; None where it was left out."""
    return None if value is UNSET else value
