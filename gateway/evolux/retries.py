"""When a read is tried again, and after how long. Writes are never tried again."""

from collections.abc import Callable

import msgspec

from gateway.domain.errors import GatewayError


class Retries(msgspec.Struct, frozen=True, kw_only=True):
    """Up to `attempts`; the wait doubles from `wait_seconds` to `max_wait_seconds`, with full jitter."""

    attempts: int = 3
    wait_seconds: float = 0.1
    max_wait_seconds: float = 2.0

    def wait_before(
        self, attempt: int, *, error: GatewayError, left_seconds: float, random: Callable[[], float]
    ) -> float | None:
        """Seconds to wait before attempt number `attempt` (from 2), None where it must not be made.

        Evolux's own `Retry-After` is obeyed; where it lies beyond the deadline there is no point in waiting.
        """
        status = error.upstream_status
        was_refused = status is not None and 300 <= status < 500 and status not in (408, 429)  # noqa: PLR2004 - HTTP's
        if attempt > self.attempts or not error.retryable or was_refused:
            return None
        ceiling = min(self.max_wait_seconds, self.wait_seconds * 2 ** (attempt - 2))
        seconds = max(ceiling * random(), error.retry_after_seconds or 0.0)
        return seconds if seconds < left_seconds else None
