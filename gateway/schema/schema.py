"""The schema as a whole."""

from datetime import datetime

import strawberry
from strawberry.schema.config import StrawberryConfig

from gateway.schema.fields import bind_resolvers
from gateway.schema.mutations import Mutation
from gateway.schema.queries import Query
from gateway.schema.scalars import DATE_TIME
from gateway.schema.subscriptions import Subscription


def build_schema() -> strawberry.Schema:
    """Build the schema. Its inner GraphQLSchema is what graphql-core executes, with an `OperationContext`.

    Whether introspection is answered and names are suggested is for whoever validates and executes to say.
    """
    schema = strawberry.Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        config=StrawberryConfig(scalar_map={datetime: DATE_TIME}),
    )
    bind_resolvers(schema)
    return schema


def print_sdl() -> str:
    """The schema in the schema definition language, as schema.graphql holds it."""
    return f"{build_schema().as_str()}\n"
