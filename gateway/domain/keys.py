"""Ids of what Evolux may have given no number: made of its content, so that equal ids are equal values."""

from datetime import UTC, datetime

from gateway.domain.agents import AgentLogin
from gateway.domain.pauses import AgentPause


def login_key(login: AgentLogin) -> str:
    """Evolux's number; where it gave none, a text that is equal only for equal logins."""
    if login.id is not None:
        return str(login.id)
    return _unnumbered(login.extension or "", started_at=login.started_at, ended_at=login.ended_at)


def pause_key(taken: AgentPause) -> str:
    """Evolux's number; where it gave none, a text that is equal only for equal pauses."""
    if taken.id is not None:
        return str(taken.id)
    return _unnumbered(str(taken.pause_id or 0), started_at=taken.started_at, ended_at=taken.ended_at)


def _unnumbered(of: str, *, started_at: datetime, ended_at: datetime | None) -> str:
    stamps = (
        "open" if each is None else f"{each.astimezone(UTC):%Y%m%dT%H%M%S%f}"
        for each in (started_at, ended_at)
    )
    return "-".join(("unnumbered", of, *stamps))
