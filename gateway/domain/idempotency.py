"""Idempotency keys: the first request with a key is run, and its answer given to all that repeat it.

The semantics are those of the IETF draft "The Idempotency-Key HTTP Header Field"; keys belong to one caller
at one tenant.
"""

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping
from enum import Enum
from typing import Final, NamedTuple, Protocol

import msgspec

from gateway.domain.deadlines import by_deadline
from gateway.domain.errors import (
    BadRequest,
    IdempotencyKeyReused,
    OutcomeUnknown,
    Overloaded,
    UpstreamTimeout,
)
from gateway.domain.ids import TenantId

KEY_HEADER: Final = "Idempotency-Key"
REPLAYED_HEADER: Final = "Idempotency-Replayed"
MAX_KEPT_BYTES: Final = 2_000_000
"""The longest answer that is kept; a longer one is only known to have been given."""

_KEY = re.compile(r'"([\x20\x21\x23-\x5b\x5d-\x7e]{1,255})"|([\x21\x23-\x7e]{1,255})')
_FIRST_WAIT_SECONDS: Final = 0.01
_LONGEST_WAIT_SECONDS: Final = 0.2


class KeptAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer as it was given. `is_whole` is False where it was too long to keep."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_whole: bool = True

    @property
    def kept(self) -> "KeptAnswer":
        """What is kept of it."""
        if len(self.body) <= MAX_KEPT_BYTES:
            return self
        return KeptAnswer(status=self.status, headers={}, body=b"", is_whole=False)


class Claim(NamedTuple):
    """A caller's key and what was asked under it, both as hashes that show neither.

    `name` is where the answer is kept. `fingerprint` is of the request, under a key that follows from the
    caller's own: whoever reads what is kept cannot try out what a password may have been.
    """

    name: str
    fingerprint: str


class Standing(Enum):
    """How a claim stands."""

    MINE = "mine"
    """Nobody had it: run the request."""
    ELSEWHERE = "elsewhere"
    """The first request with this key is under way."""
    ABANDONED = "abandoned"
    """The process that ran it ended without an answer."""
    OTHER_INPUT = "other_input"
    """The key was used for another request."""


class AnswerStore(Protocol):
    """Where answers are kept, each under its claim, for a time of its own."""

    async def claim(self, claim: Claim) -> Standing | KeptAnswer:
        """Take the claim if nobody has it; `Overloaded` where the store cannot be asked."""
        ...

    async def keep(self, claim: Claim, answer: KeptAnswer) -> None:
        """Keep the answer of a claim that is mine; raises nothing."""
        ...

    async def release(self, claim: Claim) -> None:
        """Give a claim that is mine up, so that the next request with its key is run; raises nothing."""
        ...


class Finished(NamedTuple):
    """An answer, and whether it is final: one that is not is for this caller alone and not kept."""

    answer: KeptAnswer
    is_final: bool


def read_key(header: str) -> str:
    """The key in the header's value, in quotes as the draft has it, or bare; `BadRequest` otherwise."""
    match = _KEY.fullmatch(header.strip())
    if match is None:
        raise BadRequest(f"{KEY_HEADER} takes 1 to 255 visible ASCII characters, best a UUID in quotes.")
    return match[1] or match[2]


def claim_of(key: str, *, tenant_id: TenantId, caller_name: str, request: bytes) -> Claim:
    """The claim of one request under a key of this caller at this tenant."""
    scope = msgspec.json.encode((tenant_id, caller_name, key))
    name = hashlib.blake2b(scope, digest_size=24, person=b"gateway-name").hexdigest()
    secret = hashlib.blake2b(scope, digest_size=32, person=b"gateway-secret").digest()
    fingerprint = hashlib.blake2b(request, digest_size=24, key=secret).hexdigest()
    return Claim(name, fingerprint)


class OnceOnly:
    """Runs a request once for each claim. A run goes on to its end though its caller hangs up."""

    def __init__(self, store: AnswerStore) -> None:
        self._store = store
        self._runs: set[asyncio.Task[Finished]] = set()

    async def answer(self, claim: Claim, run: Callable[[], Awaitable[Finished]]) -> tuple[KeptAnswer, bool]:
        """Give the answer and whether it is a replay; waits for a first request that is under way.

        IdempotencyKeyReused: the key was used for another request. OutcomeUnknown: the first one's answer is
        lost. Overloaded: it is still under way when this one's time is over, or the store cannot be asked.
        """
        standing = await self._standing(claim)
        if isinstance(standing, KeptAnswer):
            if not standing.is_whole:
                raise OutcomeUnknown(
                    "This key's request was answered, too long to be kept: look at the agents."
                )
            return standing, True
        if standing is Standing.OTHER_INPUT:
            raise IdempotencyKeyReused("This idempotency key was used before for another request.")
        if standing is Standing.ABANDONED:
            raise OutcomeUnknown("The process that ran this key's request ended before it had an answer.")
        task = asyncio.ensure_future(self._run(claim, run))
        self._runs.add(task)
        task.add_done_callback(self._forget)
        return (await asyncio.shield(task)).answer, False

    async def close(self) -> None:
        """Let what is run end, so that its answer is kept."""
        if self._runs:
            await asyncio.wait(self._runs)

    async def _standing(self, claim: Claim) -> Standing | KeptAnswer:
        """The claim's standing once no other request is under way with it."""
        seconds = _FIRST_WAIT_SECONDS
        try:
            while (standing := await by_deadline(self._store.claim(claim))) is Standing.ELSEWHERE:
                await by_deadline(asyncio.sleep(seconds))
                seconds = min(seconds * 2, _LONGEST_WAIT_SECONDS)
        except UpstreamTimeout:
            raise Overloaded(
                "The first request with this key is still under way.", retry_after_seconds=1.0
            ) from None
        return standing

    async def _run(self, claim: Claim, run: Callable[[], Awaitable[Finished]]) -> Finished:
        try:
            finished = await run()
        except BaseException:
            await self._store.release(claim)
            raise
        if finished.is_final:
            await self._store.keep(claim, finished.answer.kept)
        else:
            await self._store.release(claim)
        return finished

    def _forget(self, task: "asyncio.Task[Finished]") -> None:
        self._runs.discard(task)
        if not task.cancelled():
            task.exception()
