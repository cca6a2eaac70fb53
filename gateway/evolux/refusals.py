"""Evolux's own words, for the log alone: bounded, and without the secrets of the request."""

from gateway.domain.errors import AgentNotFound, Failure, GatewayError, UpstreamRefused
from gateway.evolux.answers import Answer
from gateway.evolux.envelope import read_envelope
from gateway.evolux.observing import Said
from gateway.evolux.requests import Request, Revealable

MAX_LOGGED_TEXTS = 5
MAX_LOGGED_CHARACTERS = 200


def unknown_words(error: GatewayError, *, answer: Answer, request: Request, token: Revealable) -> Said | None:
    """What Evolux said where the error's own message does not tell it; a wordless failure has none."""
    if not isinstance(error, UpstreamRefused | AgentNotFound | Failure):
        return None
    texts = spoken(answer, secrets=(*request.secrets, token.reveal()))
    if not texts and isinstance(error, Failure):
        return None
    return Said(texts=texts, fault=None if answer.fault is None else answer.fault.value)


def spoken(answer: Answer, *, secrets: tuple[str, ...]) -> tuple[str, ...]:
    """What Evolux said, as it may stand in a log."""
    if answer.status is None:
        return ()
    texts = read_envelope(answer.body, http_status=answer.status).texts[:MAX_LOGGED_TEXTS]
    return tuple(_redacted(text, secrets=secrets)[:MAX_LOGGED_CHARACTERS] for text, _key in texts)


def _redacted(text: str, *, secrets: tuple[str, ...]) -> str:
    for secret in sorted(filter(str.strip, secrets), key=len, reverse=True):
        text = text.replace(secret, "***")
    return text
