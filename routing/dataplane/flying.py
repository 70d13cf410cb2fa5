"""Calls in flight by model: each process tells Redis once a second while it has any, and rules of alerts add them up.

What is told counts for FRESH_SECONDS by the clock of Redis, so that a process that is killed has none soon after.
"""

import asyncio
from collections.abc import Callable, Mapping
from secrets import token_hex

import msgspec

from controlplane.base import redis_names
from routing.dataplane.board import BoardAway, Exchange

TELL_SECONDS = 1.0
FRESH_SECONDS = 5.0
KEPT_SECONDS = 60
SCRIPT = """
if ARGV[2] == '' then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  redis.call('HSET', KEYS[1], ARGV[1], '[' .. redis.call('TIME')[1] .. ',' .. ARGV[2] .. ']')
end
redis.call('EXPIRE', KEYS[1], ARGV[3])
return {}
"""
_decode = msgspec.json.Decoder(tuple[float, dict[str, int]]).decode


class CallsInFlight:
    """Tells Redis of one process's calls in flight. `run` it beside calls."""

    def __init__(self, exchange: Exchange, count: Callable[[], Mapping[str, int]]) -> None:
        """`exchange` reaches Redis; `count` gives the calls in flight now, by model."""
        self._exchange, self._count = exchange, count
        self._process = token_hex(8)
        self._told = False

    async def run(self) -> None:
        """Tell once a second, for ever; cancel to stop."""
        while True:
            await self.tell()
            await asyncio.sleep(TELL_SECONDS)

    async def tell(self) -> None:
        """Tell what is in flight now; once that it is nothing, and nothing then. Never raises."""
        now = {model: count for model, count in self._count().items() if model}
        if not (now or self._told):
            return
        packed = msgspec.json.encode(now).decode() if now else ""
        try:
            await self._exchange(SCRIPT, (redis_names.IN_FLIGHT,), (self._process, packed, KEPT_SECONDS))
        except BoardAway:
            return
        self._told = bool(now)


def added(told: Mapping[bytes, bytes], now: float) -> tuple[dict[str, int], list[bytes]]:
    """The sum of what processes told, by model, and the processes that told nothing for KEPT_SECONDS."""
    sums: dict[str, int] = {}
    old = []
    for process, packed in told.items():
        at, counts = _decode(packed)
        if now - at > KEPT_SECONDS:
            old.append(process)
        for model, count in counts.items() if now - at <= FRESH_SECONDS else ():
            sums[model] = sums.get(model, 0) + count
    return sums, old
