"""Answers kept under idempotency keys in Valkey, so that any replica knows what another one answered."""

import asyncio
import secrets
from typing import Any, Final

import msgspec
from valkey.asyncio import Valkey

from gateway.cache.answers import KEEP_SECONDS
from gateway.cache.valkey_pool import open_pool
from gateway.domain.errors import Overloaded
from gateway.domain.idempotency import Claim, KeptAnswer, Standing
from gateway.domain.secrets import SecretUrl
from gateway.telemetry.incidents import IncidentLog

CALL_SECONDS: Final = 1.0
LEASE_SECONDS: Final = 15.0
"""A replica that ran a request and has not been heard of for so long has ended."""
_EXTENSIONS_PER_LEASE: Final = 3
_PREFIX: Final = "evolux-gateway/answers/"

CLAIM: Final = """
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local found = redis.call('HMGET', KEYS[1], 'fingerprint', 'leased_until', 'answer')
if not found[1] then
  redis.call('HSET', KEYS[1], 'fingerprint', ARGV[1], 'owner', ARGV[2], 'leased_until', now_ms + ARGV[3])
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
  return {'mine'}
end
if found[1] ~= ARGV[1] then
  return {'other_input'}
end
if found[3] then
  return {'kept', found[3]}
end
if now_ms > tonumber(found[2]) then
  return {'abandoned'}
end
return {'elsewhere'}
"""
"""KEYS the claim; ARGV its fingerprint, the owner, milliseconds of the lease and for which all is kept."""

EXTEND: Final = """
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] then
  return 0
end
local time = redis.call('TIME')
redis.call('HSET', KEYS[1], 'leased_until', time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[2])
return 1
"""

KEEP: Final = """
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[1], 'answer', ARGV[2])
redis.call('HDEL', KEYS[1], 'owner', 'leased_until')
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
"""

RELEASE: Final = """
if redis.call('HGET', KEYS[1], 'owner') == ARGV[1] then
  redis.call('DEL', KEYS[1])
end
return 0
"""


class ValkeyAnswers:
    """The `AnswerStore` of replicas that use one Valkey.

    Where Valkey cannot be asked, a request with a key is turned away unsent: running it would break what the
    key promises.
    """

    def __init__(self, url: SecretUrl, *, incidents: IncidentLog, keep_seconds: float = KEEP_SECONDS) -> None:
        self._client = Valkey(connection_pool=open_pool(url, wait_seconds=CALL_SECONDS))
        self._incidents = incidents
        self._keep_ms = round(keep_seconds * 1000)
        self._owner = secrets.token_hex(8)
        self._extending: dict[str, asyncio.Task[None]] = {}

    async def claim(self, claim: Claim) -> Standing | KeptAnswer:
        found = await self._run(CLAIM, claim, claim.fingerprint, self._owner, _LEASE_MS, self._keep_ms)
        match found:
            case [b"kept", bytes() as packed]:
                return msgspec.msgpack.decode(packed, type=KeptAnswer)
            case [bytes() as standing]:
                stands = Standing(standing.decode())
            case _:
                raise _unasked()
        if stands is Standing.MINE:
            self._extending[claim.name] = asyncio.create_task(self._extend(claim))
        return stands

    async def keep(self, claim: Claim, answer: KeptAnswer) -> None:
        """Keep the answer; where that fails, later requests find the claim abandoned: its outcome unknown."""
        await self._end(claim, KEEP, self._owner, msgspec.msgpack.encode(answer), self._keep_ms)

    async def release(self, claim: Claim) -> None:
        await self._end(claim, RELEASE, self._owner)

    async def close(self) -> None:
        """Close the connections."""
        for task in self._extending.values():
            task.cancel()
        await self._client.aclose(close_connection_pool=True)

    async def _end(self, claim: Claim, script: str, *args: Any) -> None:
        extending = self._extending.pop(claim.name, None)
        if extending is not None:
            extending.cancel()
        try:
            await self._run(script, claim, *args)
        except Overloaded:
            return

    async def _extend(self, claim: Claim) -> None:
        while True:
            await asyncio.sleep(LEASE_SECONDS / _EXTENSIONS_PER_LEASE)
            try:
                await self._run(EXTEND, claim, self._owner, _LEASE_MS)
            except Overloaded:
                continue

    async def _run(self, script: str, claim: Claim, *args: Any) -> Any:
        try:
            async with asyncio.timeout(CALL_SECONDS):
                found = await self._client.register_script(script)(
                    keys=[_PREFIX + claim.name], args=list(args)
                )
        except Exception as error:  # noqa: BLE001 - the client lets out whatever its parser meets in garbage
            self._incidents.fail(reason=type(error).__name__)
            raise _unasked() from None
        self._incidents.recover()
        return found


_LEASE_MS: Final = round(LEASE_SECONDS * 1000)


def _unasked() -> Overloaded:
    return Overloaded(
        "Nothing was done: it cannot be told now whether this idempotency key was used before.",
        retry_after_seconds=1.0,
    )
