"""How much one agent may push: so many requests and frames a second, with room to catch up. Without a framework."""

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


class AgentBudget:
    """What is left to each key, by its id."""

    def __init__(self) -> None:
        self._buckets: dict[tuple[str, int], TokenBucket] = {}

    def request(self, key_id: int, now: float) -> int:
        """Count a request; after how many seconds it may come again, 0 if it may now."""
        return self._bucket("request", key_id, now, REQUESTS, REQUESTS_AT_ONCE).wait(1.0, now)

    def frames(self, key_id: int, count: int, now: float) -> int:
        """Count frames; after how many seconds they may come again, 0 if they may now."""
        return self._bucket("frames", key_id, now, FRAMES, FRAMES_AT_ONCE).wait(count, now)

    def _bucket(self, kind: str, key_id: int, now: float, rate: float, most: float) -> TokenBucket:
        return self._buckets.setdefault((kind, key_id), TokenBucket(rate, most, most, now))
