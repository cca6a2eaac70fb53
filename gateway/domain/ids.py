"""Ids have types: Evolux numbers its agents, queues and pauses apart, and so do we."""

from typing import Final, NewType

TenantId = NewType("TenantId", str)
AgentId = NewType("AgentId", int)
QueueId = NewType("QueueId", int)
PauseId = NewType("PauseId", int)

MAX_ID = 2**53 - 1
"""The largest id accepted from callers: beyond it JSON numbers lose digits in a browser."""

_MAX_DIGITS: Final = len(str(MAX_ID))


def parse_id(text: str) -> int | None:
    """Read an id as callers write it: plain decimal digits, 1 to `MAX_ID`; anything else is None."""
    if not (text.isascii() and text.isdigit()) or len(text) > _MAX_DIGITS:
        return None
    number = int(text)
    return number if 1 <= number <= MAX_ID else None
