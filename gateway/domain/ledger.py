"""What one request's writes came to, all together: whether its answer is to be kept under its key."""

from gateway.domain.errors import NOTHING_WAS_WRITTEN, GatewayError, Refusal


class Ledger:
    """Notes each write of a request, when it begins and how it ended; one that broke off may have written."""

    __slots__ = ("_is_open", "_is_refused", "_under_way", "_wrote")

    def __init__(self) -> None:
        self._under_way = 0
        self._wrote = False
        self._is_refused = False
        self._is_open = False

    @property
    def is_final(self) -> bool:
        """Whether to keep the answer: something was changed or may have been, or all was refused for good.

        What changed nothing and may succeed next time is not kept.
        """
        return self._wrote or self._under_way > 0 or (self._is_refused and not self._is_open)

    def begin(self) -> None:
        """A write begins."""
        self._under_way += 1

    def end(self, *errors: GatewayError | None) -> None:
        """It ended: None for a success; a write to many ends with as many as were sent."""
        self._under_way -= 1
        for error in errors:
            self._note(error)

    def _note(self, error: GatewayError | None) -> None:
        if error is None or not isinstance(error, NOTHING_WAS_WRITTEN):
            self._wrote = True
        elif isinstance(error, Refusal) and not error.retryable:
            self._is_refused = True
        else:
            self._is_open = True
