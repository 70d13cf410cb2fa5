"""What one key may do at once and per minute, and how large a call may be. Local to this process."""

from collections.abc import Callable
from dataclasses import dataclass

from registry.canon import Failure, FailureKind
from routing.table import Caller

BODY_BYTES = 32 * 1024 * 1024
BODY_SECONDS = 60.0


@dataclass(slots=True)
class Bucket:
    """Calls that a key may still make now; refilled evenly over a minute."""

    tokens: float
    at: float


class CallLimits:
    """Admits calls by key: a bucket of `calls_per_minute` and a count of calls in flight."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` gives monotonic seconds."""
        self._clock = clock
        self._buckets: dict[int, Bucket] = {}
        self._in_flight: dict[int, int] = {}

    def admit(self, caller: Caller) -> None:
        """Count a call in. Raises Failure (rate_limited, with `retry_after` seconds) if the key is at its limit."""
        if caller.max_concurrency is not None:
            running = self._in_flight.get(caller.key_id, 0)
            if running >= caller.max_concurrency:
                raise Failure(
                    FailureKind.RATE_LIMITED,
                    f"Key {caller.name!r} has {running} calls in flight; its limit is {caller.max_concurrency}. "
                    "Wait for one to end.",
                    code="concurrency_limit",
                    retry_after=1.0,
                )
        if caller.calls_per_minute is not None:
            self._take(caller, caller.calls_per_minute)
        if caller.max_concurrency is not None:
            self._in_flight[caller.key_id] = self._in_flight.get(caller.key_id, 0) + 1

    def release(self, caller: Caller) -> None:
        """Count an admitted call out."""
        running = self._in_flight.get(caller.key_id)
        if running is None:
            return
        if running <= 1:
            del self._in_flight[caller.key_id]
        else:
            self._in_flight[caller.key_id] = running - 1

    def in_flight(self, caller: Caller) -> int:
        """Calls of this key that are running, if the key has a concurrency limit."""
        return self._in_flight.get(caller.key_id, 0)

    def forget(self, known: set[int]) -> None:
        """Drop buckets of keys that are no longer in the table."""
        self._buckets = {key: bucket for key, bucket in self._buckets.items() if key in known}

    def _take(self, caller: Caller, per_minute: int) -> None:
        now = self._clock()
        bucket = self._buckets.get(caller.key_id)
        if bucket is None:
            bucket = self._buckets[caller.key_id] = Bucket(float(per_minute), now)
        bucket.tokens = min(float(per_minute), bucket.tokens + max(0.0, now - bucket.at) * per_minute / 60.0)
        bucket.at = now
        if bucket.tokens >= 1.0:
            bucket.tokens -= 1.0
            return
        wait = 60.0 if per_minute <= 0 else (1.0 - bucket.tokens) * 60.0 / per_minute
        raise Failure(
            FailureKind.RATE_LIMITED,
            f"Key {caller.name!r} has used its {per_minute} calls per minute. Retry in {wait:.1f} s.",
            code="rate_limit_exceeded",
            retry_after=wait,
        )
