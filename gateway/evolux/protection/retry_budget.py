"""How many retries Evolux may get, so that a failing one is not asked three times as often as a sound one."""

from gateway.evolux.protection.recent import RecentCount


class RetryBudget:
    """Over a window, retries are at most `floor` and `share` of the requests that were no retries."""

    def __init__(self, *, share: float = 0.2, floor: int = 10, window_seconds: float = 10.0) -> None:
        self._share = share
        self._floor = floor
        self._requests = RecentCount(window_seconds)
        self._retries = RecentCount(window_seconds)

    def asked(self, *, now: float) -> None:
        """Count a request, a retry or not."""
        self._requests.add(now=now)

    def left(self, *, now: float) -> int:
        """Retries that may be made now."""
        retries = self._retries.total(now=now)
        firsts = max(0, self._requests.total(now=now) - retries)
        return max(0, self._floor + int(firsts * self._share) - retries)

    def take(self, *, now: float) -> bool:
        """Take one retry out; False where none is left."""
        if self.left(now=now) < 1:
            return False
        self._retries.add(now=now)
        return True
