"""What the gateways have counted of rollouts, out of Redis."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import redis

from controlplane.base import events, redis_names
from routing.dataplane.colours import SplitCounts, read_told

FRESH_SECONDS = 5.0
KEPT_SECONDS = 24 * 3600.0


@dataclass(frozen=True)
class LiveCounts:
    """Sums by the green deployment's id; `fresh` are those of which a gateway told in the last seconds."""

    splits: Mapping[int, SplitCounts] = field(default_factory=dict)
    fresh: frozenset[int] = frozenset()


def read() -> LiveCounts:
    """The sums of all gateways; nothing while Redis is away. Calls under way count only if they were just told."""
    try:
        told = cast(Any, events.store().hgetall(redis_names.COLOURS))
    except redis.RedisError:
        return LiveCounts()
    now = time.time()
    splits: dict[int, SplitCounts] = {}
    fresh: set[int] = set()
    old = []
    for process, counts in read_told(told):
        age = now - counts.at
        if age > KEPT_SECONDS:
            old.append(process)
        for number, found in counts.splits.items():
            if age < FRESH_SECONDS:
                fresh.add(number)
            else:
                found.blue.waiting = found.green.waiting = [0] * len(found.blue.waits)
            splits[number] = splits[number] + found if number in splits else found
    if old:
        events.store().hdel(redis_names.COLOURS, *(process.decode() for process in old))
    return LiveCounts(splits, frozenset(fresh))
