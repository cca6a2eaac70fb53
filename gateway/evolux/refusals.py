"""Evolux's own words, for the log alone: bounded, and without the secrets of the request."""

import structlog

from gateway.domain.errors import AgentNotFound, Failure, GatewayError, UpstreamRefused
from gateway.evolux.answers import Answer
from gateway.evolux.envelope import read_envelope
from gateway.evolux.requests import Request, Revealable

WORDS_EVENT = "evolux_said"
MAX_LOGGED_TEXTS = 5
MAX_LOGGED_CHARACTERS = 200

_log = structlog.get_logger("gateway.evolux")


def log_unknown_words(error: GatewayError, *, answer: Answer, request: Request, token: Revealable) -> None:
    """Log what Evolux said where the error's own message does not tell it; a wordless failure has none."""
    if not isinstance(error, UpstreamRefused | AgentNotFound | Failure):
        return
    texts = spoken(answer, secrets=(*request.secrets, token.reveal()))
    if not texts and isinstance(error, Failure):
        return
    _log.warning(
        WORDS_EVENT,
        operation=request.operation.name,
        code=error.code.value,
        status=answer.status,
        fault=None if answer.fault is None else answer.fault.value,
        texts=texts,
    )


def spoken(answer: Answer, *, secrets: tuple[str, ...]) -> list[str]:
    """What Evolux said, as it may stand in a log."""
    if answer.status is None:
        return []
    texts = read_envelope(answer.body, http_status=answer.status).texts[:MAX_LOGGED_TEXTS]
    return [_redacted(text, secrets=secrets)[:MAX_LOGGED_CHARACTERS] for text, _key in texts]


def _redacted(text: str, *, secrets: tuple[str, ...]) -> str:
    for secret in sorted(filter(str.strip, secrets), key=len, reverse=True):
        text = text.replace(secret, "***")
    return text
