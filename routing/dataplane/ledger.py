"""The counter of limits that all processes share: a script in Redis, and the questions and answers of one exchange.

A process holds slots (calls in flight) under an id of its own. An exchange says how many it holds, never by how many
that changed, so that one whose answer was lost is mended by the next. Ids that have been silent for `ALIVE_SECONDS`
count no longer, nor do their slots. The clock is that of Redis.
"""

import secrets
from collections.abc import Awaitable, Callable, Sequence

from msgspec import Struct

from controlplane.base import redis_names

ALIVE_SECONDS = 3.0
KEPT_SECONDS = 300
"""Redis forgets what processes hold of a key after so long without a word of it."""
WINDOW_SECONDS = 60.0
UNLIMITED = -1
ASK_FIELDS = 9

SCRIPT = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6
local prefix, me, number, alive, kept, window = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5], ARGV[6]
local found, lives, live, lapsed = redis.call('HGETALL', KEYS[1]), {}, 1, 1
for i = 1, #found, 2 do
  local last, till = string.match(found[i + 1], '^(%d+) (.+)$')
  if found[i] == me then
    if number <= tonumber(last) then return {0, 0} end
    if tonumber(till) >= now then lapsed = 0 end
  elseif tonumber(till) >= now then
    lives[found[i]] = true
    live = live + 1
  else
    redis.call('HDEL', KEYS[1], found[i])
  end
end
redis.call('HSET', KEYS[1], me, string.format('%d %.6f', number, now + alive))
redis.call('EXPIRE', KEYS[1], kept)
local answer = {live, lapsed}
for i = 7, #ARGV, 9 do
  local id, most, held, spare = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3])
  local rate, tokens, back = tonumber(ARGV[i + 4]), tonumber(ARGV[i + 5]), tonumber(ARGV[i + 6])
  local owed, wanted = tonumber(ARGV[i + 7]), tonumber(ARGV[i + 8])
  local slots_key, rate_key = prefix .. id .. ':calls', prefix .. id .. ':rate'
  local running, slots, room = held, wanted, wanted
  if most >= 0 then
    local holders = redis.call('HGETALL', slots_key)
    for j = 1, #holders, 2 do
      if lives[holders[j]] then
        running = running + holders[j + 1]
      elseif holders[j] ~= me then
        redis.call('HDEL', slots_key, holders[j])
      end
    end
    slots = spare + math.max(0, most - running)
  end
  local step, full, chunk = 0, now, 0
  if rate > 0 then
    step = window / rate
    full = math.max(now, tonumber(redis.call('GET', rate_key) or now))
    full = math.max(now, math.min(full + owed, now + window) - back * step)
    room = tokens + math.floor((now + window - full) / step + 1e-6)
    chunk = math.floor(rate / 60)
  end
  local admitted = math.min(wanted, slots, room)
  local new_slots, new_tokens, wait = 0, 0, 0
  if most >= 0 then
    new_slots = math.max(0, admitted - spare)
    if held + new_slots > 0 then
      redis.call('HSET', slots_key, me, held + new_slots)
      redis.call('EXPIRE', slots_key, kept)
    else
      redis.call('HDEL', slots_key, me)
    end
  end
  if rate > 0 then
    new_tokens = math.max(0, admitted - tokens)
    if wanted > 0 and admitted == wanted then
      new_tokens = math.min(room - tokens, new_tokens + chunk)
    end
    full = full + new_tokens * step
    if full > now then
      redis.call('SET', rate_key, string.format('%.6f', full), 'PX', math.ceil((full - now) * 1000))
    else
      redis.call('DEL', rate_key)
    end
    wait = math.max(0, full + step - now - window)
  end
  if slots <= room then wait = -1 end
  table.insert(answer, new_slots)
  table.insert(answer, new_tokens)
  table.insert(answer, running - spare)
  table.insert(answer, math.ceil(wait * 1e6))
end
return answer
"""
GRANT_FIELDS = 4


class LedgerAway(Exception):
    """Redis did not answer in time, or not as expected."""


class Ask(Struct, frozen=True, gc=False):
    """What a process says of one key, and wants for it.

    `most` and `per_minute` are its limits (UNLIMITED if it has none), `held` the slots in hand, of which `spare` are
    not in use, `tokens` the calls of this minute in hand, `back` those given back, `owed` the seconds of the limit
    that were used without asking, `wanted` the calls that wait.
    """

    key_id: int
    most: int = UNLIMITED
    held: int = 0
    spare: int = 0
    per_minute: int = UNLIMITED
    tokens: int = 0
    back: int = 0
    owed: float = 0.0
    wanted: int = 0


class Grant(Struct, frozen=True, gc=False):
    """What a process gets for one key: slots and tokens more than it had.

    `running` is how many calls of the key are in flight in all processes; `wait` the seconds until a next token, None
    if slots are what lacks.
    """

    slots: int
    tokens: int
    running: int
    wait: float | None


class LedgerAnswer(Struct, frozen=True, gc=False):
    """One exchange's answer: how many processes live, whether this one had been given up, a grant for each ask."""

    live: int
    lapsed: bool
    grants: list[Grant]


Evaluate = Callable[[str, Sequence[str], Sequence[object], float], Awaitable[list[int]]]
"""Runs a script in Redis (script, its keys, its arguments, the most seconds). Raises LedgerAway."""


class Ledger:
    """The shared counter as one process sees it. One exchange at a time."""

    def __init__(self, evaluate: Evaluate) -> None:
        """`evaluate` reaches Redis."""
        self._evaluate = evaluate
        self._me, self._number = secrets.token_hex(8), 0

    async def exchange(self, asks: Sequence[Ask], seconds: float) -> LedgerAnswer:
        """Tell and ask, waiting at most `seconds`. Raises LedgerAway; then what was told may have arrived or not."""
        return await self._exchange(asks, seconds, ALIVE_SECONDS)

    async def leave(self, asks: Sequence[Ask], seconds: float) -> None:
        """Tell for the last time; this process counts no longer. Raises LedgerAway."""
        await self._exchange(asks, seconds, -1.0)

    async def _exchange(self, asks: Sequence[Ask], seconds: float, alive: float) -> LedgerAnswer:
        self._number += 1
        told: list[object] = [redis_names.LIMIT_PREFIX, self._me, self._number, alive, KEPT_SECONDS, WINDOW_SECONDS]
        for ask in asks:
            told += (ask.key_id, ask.most, ask.held, ask.spare, ask.per_minute)
            told += (ask.tokens, ask.back, ask.owed, ask.wanted)
        found = await self._evaluate(SCRIPT, (redis_names.GATEWAYS,), told, seconds)
        if len(found) != 2 + GRANT_FIELDS * len(asks):
            raise LedgerAway("an exchange was overtaken by a later one")
        return LedgerAnswer(found[0], bool(found[1]), [_grant(found, at) for at in range(2, len(found), GRANT_FIELDS)])


def _grant(found: list[int], at: int) -> Grant:
    slots, tokens, running, wait = found[at : at + GRANT_FIELDS]
    return Grant(slots, tokens, running, wait / 1e6 if wait >= 0 else None)
