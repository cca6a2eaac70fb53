"""What the engine has to know of this schema besides its fields' resolvers."""

from datetime import UTC, datetime
from typing import Any, Final

from graphql import GraphQLSchema

from gateway.engine.executor import Executor
from gateway.engine.leaves import Native
from gateway.schema.errors import shape_ahead

NATIVES: Final = {"DateTime": Native(type=datetime, attribute="tzinfo", is_=UTC)}
"""Instants in UTC: msgspec writes them as `write_instant` does."""
KEPT_TYPES: Final = frozenset({"Agent"})
"""Types whose rows are those of a listing, equal where nothing changed: their bytes are worth keeping."""

SHARED_TYPES: Final = frozenset({"Queue"})
"""Types of which one object stands below many rows: within one answer its bytes are made once."""


def build_executor(schema: GraphQLSchema, **options: Any) -> Executor:
    """Build the executor of this schema."""
    return Executor(
        schema,
        natives=NATIVES,
        kept_types=KEPT_TYPES,
        shared_types=SHARED_TYPES,
        finish=shape_ahead,
        **options,
    )
