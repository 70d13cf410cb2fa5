"""How much one agent may push: so many requests and frames a second, with room to catch up. Without a framework.

Each console process reads no more of an agent's requests than that, and Redis counts what all of them let in.
"""

import math
from dataclasses import dataclass


@dataclass(slots=True)
class TokenBucket:
    """`rate` tokens a second, `most` at once. Times are monotonic seconds."""

    rate: float
    most: float
    left: float
    at: float

    def wait(self, wanted: float, now: float) -> int:
        """Take tokens and return 0; or take none, and return after how many whole seconds they will be there."""
        self.left = min(self.most, self.left + (now - self.at) * self.rate)
        self.at = now
        if wanted <= self.left:
            self.left -= wanted
            return 0
        return max(1, math.ceil((min(wanted, self.most) - self.left) / self.rate))


REQUESTS, REQUESTS_AT_ONCE = 2.0, 10.0
FRAMES, FRAMES_AT_ONCE = 2.0, 720.0
"""Twice what an agent pushes; at once, what it kept for ten minutes."""
SHARED = """
local now = redis.call('TIME')
now = now[1] + now[2] / 1000000
local found = redis.call('HMGET', KEYS[1], 'at', 'requests', 'frames')
local since = math.max(0, now - tonumber(found[1] or now))
local left, wait = {}, 0
for place = 1, 2 do
  local rate, most, wanted = tonumber(ARGV[3 * place - 2]), tonumber(ARGV[3 * place - 1]), tonumber(ARGV[3 * place])
  local there = math.min(most, tonumber(found[place + 1] or most) + since * rate)
  left[place] = there - wanted
  if left[place] < 0 then wait = math.max(wait, math.ceil((math.min(wanted, most) - there) / rate)) end
end
if wait > 0 then return wait end
redis.call('HSET', KEYS[1], 'at', string.format('%.6f', now), 'requests', left[1], 'frames', left[2])
redis.call('EXPIRE', KEYS[1], 600)
return 0
"""
"""Takes from both budgets of an agent in Redis and returns 0, or takes nothing and returns what `wait` does.

Arguments: rate, most at once and how many are wanted, of requests and of frames.
"""


def shared(frames: int) -> tuple[float, ...]:
    """The arguments of SHARED for a push of so many frames."""
    return REQUESTS, REQUESTS_AT_ONCE, 1.0, FRAMES, FRAMES_AT_ONCE, float(frames)


class AgentBudget:
    """What is left to each key in this process, by its id: which requests are read at all."""

    def __init__(self) -> None:
        self._buckets: dict[int, TokenBucket] = {}

    def request(self, key_id: int, now: float) -> int:
        """Count a request; after how many seconds it may come again, 0 if it may now."""
        bucket = self._buckets.setdefault(key_id, TokenBucket(REQUESTS, REQUESTS_AT_ONCE, REQUESTS_AT_ONCE, now))
        return bucket.wait(1.0, now)
