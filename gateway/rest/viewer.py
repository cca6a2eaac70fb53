"""The caller, as the gateway knows it."""

from typing import Annotated

from msgspec import Meta

from gateway.rest.context import Answered, Asked, RestContext
from gateway.rest.shapes import Shape


class Viewer(Shape, frozen=True, kw_only=True):
    """Who calls, and what they may do."""

    name: str
    tenant: Annotated[str, Meta(description="The tenant whose call centre this request sees.")]
    scopes: tuple[str, ...]


async def get_viewer(context: RestContext, _asked: Asked) -> Answered:
    """The request's caller."""
    return Answered(
        shape=lambda: Viewer(
            name=context.caller_name, tenant=context.tenant_id, scopes=tuple(sorted(context.scopes))
        )
    )
