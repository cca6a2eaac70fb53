"""Answers kept under idempotency keys, in this process: bounded in time and in bytes."""

import time
from collections.abc import Callable
from typing import Final

import cachetools

from gateway.domain.idempotency import Claim, KeptAnswer, Standing

KEEP_SECONDS: Final = 24 * 3_600.0
MAX_BYTES: Final = 32 * 2**20
_ENTRY_BYTES: Final = 1_024


class MemoryAnswers:
    """The `AnswerStore` of a lone replica; over `max_bytes` the answer that was used the longest ago goes.

    What is under way is never dropped. A restart forgets everything.
    """

    def __init__(
        self,
        *,
        keep_seconds: float = KEEP_SECONDS,
        max_bytes: int = MAX_BYTES,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._under_way: dict[str, str] = {}
        self._kept: cachetools.TTLCache[str, tuple[str, KeptAnswer]] = cachetools.TTLCache(
            max_bytes, keep_seconds, timer=monotonic, getsizeof=_weigh
        )

    async def claim(self, claim: Claim) -> Standing | KeptAnswer:
        running = self._under_way.get(claim.name)
        if running is not None:
            return Standing.ELSEWHERE if running == claim.fingerprint else Standing.OTHER_INPUT
        kept = self._kept.get(claim.name)
        if kept is None:
            self._under_way[claim.name] = claim.fingerprint
            return Standing.MINE
        fingerprint, answer = kept
        return answer if fingerprint == claim.fingerprint else Standing.OTHER_INPUT

    async def keep(self, claim: Claim, answer: KeptAnswer) -> None:
        self._under_way.pop(claim.name, None)
        if _weigh((claim.fingerprint, answer)) <= self._kept.maxsize:
            self._kept[claim.name] = (claim.fingerprint, answer)

    async def release(self, claim: Claim) -> None:
        self._under_way.pop(claim.name, None)

    async def close(self) -> None:
        """There is nothing to close."""


def _weigh(entry: tuple[str, KeptAnswer]) -> int:
    return _ENTRY_BYTES + len(entry[1].body)
