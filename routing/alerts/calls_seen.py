"""What the product itself counts of each model's calls: those of the last minute, those that wait, those in flight."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import cast

from django.db import OperationalError
from django.db.models import Count
from django.utils import timezone

from controlplane.base import events, redis_names
from controlplane.base.models import Job, JobState
from controlplane.base.web.patience import at_most
from routing.calls.jobs import KIND
from routing.dataplane import flying
from routing.models import CallRecord
from routing.outcomes import FAILED, REFUSED, WHERE

WINDOW_SECONDS = 60.0
LONGEST_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class SeenCalls:
    """Calls a second, and the share of failed ones among those that were not refused, which is NaN without any;
    `waiting` durable calls that no worker has taken yet.
    """

    per_second: float = 0.0
    error_ratio: float = math.nan
    waiting: float = 0.0


NONE = SeenCalls()
UNKNOWN = SeenCalls(math.nan, math.nan, math.nan)


def read() -> Mapping[str, SeenCalls] | None:
    """Calls of each model that has any; None if counting takes over a second."""
    since = timezone.now() - timedelta(seconds=WINDOW_SECONDS)
    rows = CallRecord.objects.filter(at__gte=since).order_by().values("model")
    counted = rows.annotate(
        calls=Count("id"), wrong=Count("id", filter=WHERE[FAILED]), no=Count("id", filter=WHERE[REFUSED])
    )
    queued = Job.objects.filter(kind=KIND, state=JobState.QUEUED).order_by().values("input__model")
    try:
        with at_most(LONGEST_SECONDS):
            found = {row["model"]: _seen(row["calls"], row["wrong"], row["calls"] - row["no"]) for row in counted}
            for row in queued.annotate(calls=Count("id")):
                model = row["input__model"]
                found[model] = replace(found.get(model, NONE), waiting=float(row["calls"]))
            return found
    except OperationalError:
        return None


def in_flight(now: float) -> dict[str, int]:
    """Calls of each model that wait for an upstream, in all gateways and workers. Raises redis.RedisError."""
    told = cast(dict[bytes, bytes], events.store().hgetall(redis_names.IN_FLIGHT))
    sums, old = flying.added(told, now)
    if old:
        events.store().hdel(redis_names.IN_FLIGHT, *(process.decode() for process in old))
    return sums


def _seen(calls: int, failed: int, served: int) -> SeenCalls:
    return SeenCalls(calls / WINDOW_SECONDS, failed / served if served else math.nan)
