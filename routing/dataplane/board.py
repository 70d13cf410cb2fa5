"""What processes tell each other of replicas: circuits that are open, retries that were spent. No call waits for it.

What opens or closes is told at once and announced, so that others know it within a fraction of a second. While Redis
is away each process goes by what it knows and by its own part of the retries.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from controlplane.base import redis_names
from routing.dataplane.breaker import Breakers
from routing.dataplane.retries import RETRY_RESERVE, RetryBudgets

APART_SECONDS = 0.05
UNREST_SECONDS = 0.5
"""Between two looks while a circuit is open or retries are short; the budget that others earn is seen by that."""
REST_SECONDS = 5.0
AWAY_SECONDS = 0.5
KEPT_SECONDS = 600
"""A circuit that nobody has tried for so long after its time, and retries that nobody uses, are forgotten."""

SCRIPT = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6
local kept, reserve, opened, closed = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local at, moved = 5, 0
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - kept)
for _ = 1, opened do
  moved = moved + redis.call('ZADD', KEYS[1], 'GT', 'CH', now + ARGV[at + 1], ARGV[at])
  at = at + 2
end
for _ = 1, closed do
  moved = moved + redis.call('ZREM', KEYS[1], ARGV[at])
  at = at + 1
end
for i = at, #ARGV, 2 do
  local left = (redis.call('HGET', KEYS[2], ARGV[i]) or reserve) + ARGV[i + 1]
  if left >= reserve then
    redis.call('HDEL', KEYS[2], ARGV[i])
  else
    redis.call('HSET', KEYS[2], ARGV[i], left)
  end
end
redis.call('EXPIRE', KEYS[1], kept * 2)
if at <= #ARGV then redis.call('EXPIRE', KEYS[2], kept) end
if moved > 0 then redis.call('PUBLISH', KEYS[3], moved) end
local circuits, answer = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES'), {}
for i = 1, #circuits, 2 do
  table.insert(answer, circuits[i])
  table.insert(answer, tostring(circuits[i + 1] - now))
end
return {answer, redis.call('HGETALL', KEYS[2])}
"""
KEYS = (redis_names.CIRCUITS, redis_names.RETRIES, redis_names.CIRCUITS_MOVED)

Exchange = Callable[[str, Sequence[str], Sequence[str | float]], Awaitable[list[Any]]]
"""Runs a script in Redis (script, its keys, its arguments). Raises BoardAway."""


class BoardAway(Exception):
    """Redis did not answer in time, or not as expected."""


class Board:
    """Keeps one process's circuits and budgets of retries in step with those of the others. `run` it beside calls."""

    def __init__(
        self, exchange: Exchange, breakers: Breakers, retries: RetryBudgets, processes: Callable[[], int]
    ) -> None:
        """`exchange` reaches Redis; `processes` tells how many share the budgets."""
        self._exchange, self._breakers, self._retries, self._processes = exchange, breakers, retries, processes
        self._moved = asyncio.Event()
        self._away = False
        breakers.on_news = retries.on_news = self.notice

    def notice(self) -> None:
        """Something is to be told, or to be looked at."""
        self._moved.set()

    async def run(self) -> None:
        """Tell and learn for ever; cancel to stop."""
        while True:
            await self.look()
            await asyncio.sleep(AWAY_SECONDS if self._away else APART_SECONDS)
            await self._until_due()

    async def look(self) -> None:
        """Tell what is new here and learn what is known elsewhere, now."""
        opened, closed = self._breakers.news()
        spent = self._retries.news()
        told: list[str | float] = [KEPT_SECONDS, RETRY_RESERVE, len(opened), len(closed)]
        for pairs in (opened.items(), ((key,) for key in closed), spent.items()):
            told += [value for pair in pairs for value in pair]
        try:
            circuits, budgets = await self._exchange(SCRIPT, KEYS, told)
        except BoardAway:
            self._away = True
            self._breakers.tell((*opened, *closed))
            return
        if self._away:
            # It may have lost what it was told before.
            self._away = False
            self._breakers.tell(self._breakers.open())
            self.notice()
        self._breakers.learn(_numbers(circuits))
        self._retries.learn(_numbers(budgets), self._processes())

    async def _until_due(self) -> None:
        if self._away:
            return
        unrest = self._retries.low or self._breakers.open()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(UNREST_SECONDS if unrest else REST_SECONDS):
                await self._moved.wait()
        self._moved.clear()


def _numbers(flat: Sequence[bytes]) -> dict[str, float]:
    """A mapping that Redis gives as a list of names and numbers in turn."""
    return {flat[at].decode(): float(flat[at + 1]) for at in range(0, len(flat), 2)}
