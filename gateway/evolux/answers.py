"""From what came over the wire to an envelope of success, or the domain's error: pure, no I/O."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Never

import msgspec

from gateway.domain.errors import (
    GatewayError,
    OutcomeUnknown,
    UpstreamInvalidResponse,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from gateway.evolux.envelope import Envelope, read_envelope
from gateway.evolux.errors import error_of
from gateway.evolux.faults import Fault
from gateway.evolux.operations import Operation

MAX_RETRY_AFTER_SECONDS = 86_400.0
_SUCCESS = range(200, 300)
_ERROR_STATUS = 400
_GAVE_UP_WAITING = frozenset({408, 504})
"""Somebody between us and Evolux gave up waiting, while Evolux may be about it still."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What one attempt brought: `status` None without a status line, `fault` None where all of it came."""

    status: int | None = None
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    body: bytes = b""
    fault: Fault | None = None


def accepted(answer: Answer, *, operation: Operation, now: datetime) -> Envelope:
    """The envelope of a success; any other answer raises what it means.

    A refusal counts as soon as its status line came, even where its body broke off.
    """
    if answer.status is None or (answer.fault is not None and answer.status < _ERROR_STATUS):
        raise fault_error(answer, operation=operation)
    envelope = read_envelope(answer.body, http_status=answer.status)
    if envelope.status not in _SUCCESS:
        retry_after = retry_after_seconds(answer.headers.get("retry-after"), now=now)
        error = error_of(envelope, operation=operation, retry_after_seconds=retry_after)
        if isinstance(error, OutcomeUnknown):
            error.may_come = envelope.status in _GAVE_UP_WAITING
        raise error
    if operation.answers_data:
        return envelope if envelope.data is not None else _unintelligible(envelope, operation=operation)
    if not (envelope.readable or envelope.empty):
        _unintelligible(envelope, operation=operation)
    return envelope


def fault_error(answer: Answer, *, operation: Operation) -> GatewayError:
    """What a fault on the wire means: for a write, whatever follows the first byte sent is unknown."""
    status = answer.status
    if answer.fault is Fault.NOT_CONNECTED:
        return UpstreamUnavailable("Evolux could not be reached", upstream_status=status)
    if operation.is_write:
        return outcome_unknown(status, may_come=answer.fault is Fault.TIMED_OUT)
    if answer.fault is Fault.TIMED_OUT:
        return UpstreamTimeout("Evolux did not answer in time", upstream_status=status)
    if answer.fault is Fault.TOO_LONG:
        return UpstreamInvalidResponse("Evolux's answer is too long", upstream_status=status)
    return UpstreamUnavailable("the connection to Evolux was lost", upstream_status=status)


def outcome_unknown(upstream_status: int | None, *, may_come: bool = False) -> OutcomeUnknown:
    """The error of a write that was sent and whose answer does not tell what became of it."""
    error = OutcomeUnknown(
        "the request was sent to Evolux and its answer lost: it may or may not have happened",
        upstream_status=upstream_status,
    )
    error.may_come = may_come
    return error


def retry_after_seconds(header: str | None, *, now: datetime) -> float | None:
    """Seconds from now that `Retry-After` asks for, as seconds or as a date; None where it is neither."""
    if header is None:
        return None
    header = header.strip()
    if header.isascii() and header.isdigit():
        return min(float(header[:9]), MAX_RETRY_AFTER_SECONDS)
    try:
        at = parsedate_to_datetime(header)
        aware_at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return min(max(0.0, (aware_at - now).total_seconds()), MAX_RETRY_AFTER_SECONDS)
    except (ValueError, OverflowError):
        return None


def _unintelligible(envelope: Envelope, *, operation: Operation) -> Never:
    if operation.is_write:
        raise outcome_unknown(envelope.http_status)
    raise UpstreamInvalidResponse("Evolux's answer holds no listing", upstream_status=envelope.http_status)
