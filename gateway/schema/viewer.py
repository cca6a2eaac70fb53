"""The caller, as the gateway knows it."""

import strawberry

from gateway.schema.context import OperationContext
from gateway.schema.fields import Info, attribute, computed


def scopes(context: OperationContext, _info: Info) -> list[str]:
    """The caller's scopes in the alphabet's order."""
    return sorted(context.scopes)


def find_viewer(_root: object, info: Info) -> OperationContext:
    """The operation's caller."""
    return info.context


@strawberry.type(description="Who calls, and what they may do.")
class Viewer:
    """The caller; made from the `OperationContext`."""

    name: str = attribute(
        of="caller_name", description="The caller's name in the gateway's configuration or token."
    )
    tenant: str = attribute(of="tenant_id", description="The tenant whose call centre this operation sees.")
    scopes: list[str] = computed(scopes, description="What the caller may do, such as `agents:read`.")
