"""Changes that replicas tell each other through Valkey, so that a reader may come back to any of them."""

import asyncio
import time
import zlib
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from valkey.asyncio import Valkey

from gateway.cache.codec import schema_version
from gateway.cache.store import ListingKind
from gateway.cache.valkey_pool import open_pool
from gateway.domain.agents import Agent
from gateway.domain.changes import Changed, Link
from gateway.domain.ids import AgentId, TenantId
from gateway.domain.secrets import SecretUrl
from gateway.telemetry.incidents import IncidentLog

CALL_SECONDS: Final = 1.0
MAX_LINKS: Final = 300
MAX_PACKED_BYTES: Final = 256 * 2**10
"""A link that packs larger is not told: some thousand agents at once are a new beginning to any reader."""
_MAX_ROWS_BYTES: Final = 8 * 2**20
_CONNECTIONS: Final = 4
_PREFIX: Final = "evolux-gateway/changes/"
_COMPRESSION_LEVEL: Final = 1

TELL: Final = """
local time = redis.call('TIME')
local oldest_ms = time[1] * 1000 - ARGV[2]
if redis.call('SET', KEYS[2], '1', 'NX', 'PX', ARGV[2]) then
  redis.call('XADD', KEYS[1], 'MAXLEN', ARGV[3], '*', 'link', ARGV[1])
end
redis.call('XTRIM', KEYS[1], 'MINID', string.format('%.0f', oldest_ms))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 0
"""
"""KEYS the tenant's links and the mark of this one, which several replicas may see; ARGV the packed link, for
how many milliseconds it is kept, and how many are."""

LINKS: Final = "return redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', ARGV[1])"


class _Packed(msgspec.Struct, array_like=True, frozen=True):
    schema: str
    before: str
    after: str
    rows: bytes


_ROWS: Final = msgspec.msgpack.Decoder(list[tuple[Agent | None, Agent | None]])
_LINK: Final = msgspec.msgpack.Decoder(_Packed)
_UNREADABLE: Final = (msgspec.MsgspecError, zlib.error, ValueError, RecursionError)


class ValkeyChanges:
    """The `SharedChanges` of replicas that use one Valkey; where it fails they share none, and it is told."""

    def __init__(
        self,
        url: SecretUrl,
        *,
        keep_seconds: float,
        incidents: IncidentLog,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = Valkey(
            connection_pool=open_pool(url, wait_seconds=CALL_SECONDS, connections=_CONNECTIONS)
        )
        self._keep_ms = round(keep_seconds * 1000)
        self._incidents = incidents
        self._monotonic = monotonic

    async def tell(self, tenant_id: TenantId, link: Link) -> None:
        """Let the other replicas know, while changes are to be remembered at all."""
        packed = pack_link(link)
        if packed is None or not self._keep_ms:
            return
        name = _PREFIX + tenant_id
        await self._run(
            TELL, [name, f"{name}/{link.before}-{link.after}"], [packed, self._keep_ms, MAX_LINKS]
        )

    async def links(self, tenant_id: TenantId) -> Sequence[Link]:
        """What is known; what cannot be read is passed over."""
        found = await self._run(LINKS, [_PREFIX + tenant_id], [MAX_LINKS])
        links: list[Link] = []
        for entry in found if isinstance(found, list) else ():
            link = unpack_link(entry)
            if link is not None:
                links.append(link)
            await asyncio.sleep(0)
        return links

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose(close_connection_pool=True)

    async def _run(self, script: str, keys: list[str], args: list[Any]) -> Any:
        try:
            async with asyncio.timeout(CALL_SECONDS):
                found = await self._client.register_script(script)(keys=keys, args=args)
        except Exception as error:  # noqa: BLE001 - the client lets out whatever its parser meets in garbage
            self._incidents.fail(reason=type(error).__name__)
            return None
        self._incidents.recover()
        return found


def pack_link(link: Link) -> bytes | None:
    """A link as bytes; None where they would be too many."""
    rows = msgspec.msgpack.encode([tuple(changed) for changed in link.changes.values()])
    packed = msgspec.msgpack.encode(
        _Packed(
            schema_version(ListingKind.AGENTS),
            link.before,
            link.after,
            zlib.compress(rows, _COMPRESSION_LEVEL),
        )
    )
    return packed if len(packed) <= MAX_PACKED_BYTES else None


def unpack_link(entry: Any) -> Link | None:
    """The link in an entry of the stream; None where that is anything else, or has rows of another schema."""
    try:
        _, (_, packed) = entry
        found = _LINK.decode(packed)
        if found.schema != schema_version(ListingKind.AGENTS):
            return None
        inflating = zlib.decompressobj()
        rows = _ROWS.decode(inflating.decompress(found.rows, _MAX_ROWS_BYTES))
    except (TypeError, *_UNREADABLE):
        return None
    changes = {_id_of(before, after): Changed(before, after) for before, after in rows}
    changes.pop(None, None)
    return Link(found.before, found.after, changes)  # type: ignore[arg-type]  # None was taken out


def _id_of(before: Agent | None, after: Agent | None) -> AgentId | None:
    row = before or after
    return None if row is None else row.id
