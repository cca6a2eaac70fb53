"""What happens in Valkey at one stroke: the Lua scripts, and the names of keys and channels.

A tenant's generation of a kind of listing is a random text. Whoever begins a walk and finds none puts one
there; a write deletes it. So a generation that was evicted, expired or flushed away means the same as a
write: what stands there from before is not served, and what is being walked is not stored. Deleting also
works where the memory is full.
"""

from hashlib import blake2b
from typing import Final, NamedTuple
from urllib.parse import quote

from gateway.cache.codec import schema_version
from gateway.cache.store import ListingKey

PREFIX: Final = "evolux-gateway"


class ListingNames(NamedTuple):
    """The keys of one listing."""

    generation: str
    listing: str
    lease: str


def listing_names(key: ListingKey, *, life: str) -> ListingNames:
    """Name a listing's keys, tenant first, for one life of the server.

    The schema of the rows is part of the name: during a rolling deploy the old release and the new share
    their writes, and each its own listings. The credential is digested, whatever it is made of.
    """
    counter = f"{key.tenant_id}/{key.kind.value}"
    credential = blake2b(key.credential.encode(), digest_size=8).hexdigest()
    of = f"{schema_version(key.kind)}/{credential}"
    if key.of_id is not None:
        of = f"{of}/{key.of_id}"
    at = _at(counter, life=life)
    return ListingNames(generation_name(counter, life=life), f"{at}/listing/{of}", f"{at}/lease/{of}")


def generation_name(counter: str, *, life: str) -> str:
    """Name the generation that a counter of tenant and kind stands for."""
    return f"{_at(counter, life=life)}/generation"


def clock_name(*, life: str) -> str:
    """Name how far this server's clock, which was set back, is taken to be ahead of what it shows."""
    return f"{PREFIX}/clock/{life}"


def _at(counter: str, *, life: str) -> str:
    tenant_id, _, kind = counter.rpartition("/")
    return f"{PREFIX}/{quote(tenant_id, safe='')}/{life}/{kind}"


_GET: Final = """
local function get(key)
  local value = redis.pcall('GET', key)
  if type(value) == 'table' then
    redis.call('DEL', key)
    return false
  end
  return value
end
"""
"""A key that holds something else than a text is not ours: it goes."""

_HELD: Final = """
local function held(key, field)
  local value = redis.pcall('HGET', key, field)
  if type(value) == 'table' then
    redis.call('DEL', key)
    return false
  end
  return value
end
"""

_NOW: Final = """
local function now_us(clock_key, least_us, keep_ms)
  local time = redis.call('TIME')
  local shown_us = time[1] * 1000000 + time[2]
  local ahead_us = tonumber(get(clock_key)) or 0
  if shown_us + ahead_us < least_us then
    ahead_us = least_us - shown_us
    redis.call('SET', clock_key, string.format('%.0f', ahead_us))
  end
  if ahead_us > 0 then
    redis.call('PEXPIRE', clock_key, keep_ms)
  end
  return shown_us + ahead_us
end
"""
"""The clock in microseconds; where it was set back below what the asker knows, all go on from there.

A script that has written once is not refused memory any more: so nothing is written where nothing must be."""

LOOK: Final = f"""
{_GET}{_NOW}
return now_us(KEYS[1], tonumber(ARGV[1]), ARGV[2])
"""
"""KEYS the clock; ARGV what it shows at least, how long that is kept. Gives what it shows."""

BEGIN: Final = f"""
{_GET}{_HELD}{_NOW}
local generation_key, listing_key, lease_key = KEYS[1], KEYS[2], KEYS[3]
local fresh_generation, owner, lease_ms = ARGV[1], ARGV[2], ARGV[3]
local max_age_us, keep_ms, max_bytes = tonumber(ARGV[4]), ARGV[5], tonumber(ARGV[6])
local now = now_us(KEYS[4], tonumber(ARGV[7]), keep_ms)
local generation = get(generation_key)
if not generation then
  generation = fresh_generation
  redis.call('SET', generation_key, generation)
end
redis.call('PEXPIRE', generation_key, keep_ms)
if held(listing_key, 'generation') == generation then
  local age = now - (tonumber(held(listing_key, 'began_at')) or 0)
  if age >= 0 and age <= max_age_us and redis.call('HSTRLEN', listing_key, 'rows') <= max_bytes then
    return {{'held', age, held(listing_key, 'rows'), now}}
  end
end
if owner == '' then
  return {{'none'}}
end
local lease = get(lease_key)
if lease and string.sub(lease, 1, #generation + 1) == generation .. '/' then
  local left_ms = redis.call('PTTL', lease_key)
  if left_ms < 0 then
    left_ms = tonumber(lease_ms)
    redis.call('PEXPIRE', lease_key, lease_ms)
  end
  return {{'elsewhere', generation, now, left_ms}}
end
redis.call('SET', lease_key, generation .. '/' .. owner, 'PX', lease_ms)
return {{'lease', generation, now}}
"""
"""KEYS generation, listing, lease, clock; ARGV a new generation, the owner ('': only look), the lease's
milliseconds, the greatest age in microseconds, how long a generation is kept, the greatest size,
what the clock shows at least.

A lease of an older generation is no hindrance: what its owner walks cannot be stored any more."""

PUBLISH: Final = f"""
{_GET}{_HELD}{_NOW}
local generation, began_at, keep_ms, rows, lease = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local stored = 0
local now = now_us(KEYS[4], tonumber(ARGV[8]), ARGV[9])
local other_at = tonumber(held(KEYS[2], 'began_at')) or 0
local newer = held(KEYS[2], 'generation') == generation
  and other_at > tonumber(began_at) and other_at <= now
if get(KEYS[1]) == generation and not newer then
  redis.call('DEL', KEYS[2])
  redis.call('HSET', KEYS[2], 'generation', generation, 'began_at', began_at, 'rows', rows)
  redis.call('PEXPIRE', KEYS[2], keep_ms)
  stored = 1
end
if get(KEYS[3]) == lease then
  redis.call('DEL', KEYS[3])
end
redis.call('PUBLISH', ARGV[6], ARGV[7])
return stored
"""
"""KEYS as above; ARGV the generation and instant of the walk's beginning, how long it is kept, the rows, the
lease as it stands, the channel and the listing's name for those who wait, what the clock shows at least,
how long that is kept."""

EXTEND: Final = f"""
{_GET}
if get(KEYS[1]) ~= ARGV[1] then
  return 0
end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""

RELEASE: Final = f"""
{_GET}
if get(KEYS[1]) == ARGV[1] then
  redis.call('DEL', KEYS[1])
end
return redis.call('PUBLISH', ARGV[2], ARGV[3])
"""

ADVANCE: Final = """
redis.call('DEL', unpack(KEYS))
return redis.call('PUBLISH', ARGV[1], ARGV[2])
"""
"""KEYS the generations; ARGV the channel and what every replica is told. Gives how many are told."""
