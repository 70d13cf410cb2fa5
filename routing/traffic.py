"""What was called lately, for people: sums over the last minutes, per model, and the list of calls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db import OperationalError, connection
from django.db.models import Q
from django.utils import timezone

from controlplane.base import access
from controlplane.base.paging import SIZE, Page
from controlplane.base.patience import at_most
from routing.models import CallRecord

WINDOW = timedelta(minutes=15)
BUCKET_S = 30
BUCKETS = int(WINDOW.total_seconds()) // BUCKET_S
RECENT_S = 60
SECONDS = 2.0
COUNTED = 10_000
STATUSES = {"ok": Q(status__lt=400), "refused": Q(status__gte=400, status__lt=500), "failed": Q(status__gte=500)}
_CACHE, _CACHE_S = "traffic-summary", 3
_BINS = """
    select date_bin(make_interval(secs => %s), at, 'epoch') as bucket, count(*), count(*) filter (where status >= 500),
           percentile_cont(0.95) within group (order by duration_ms)
    from routing_callrecord where at >= %s group by bucket
"""
_RECENT = """
    select count(*), count(*) filter (where status >= 500), percentile_cont(0.95) within group (order by duration_ms)
    from routing_callrecord where at >= %s
"""
_MODELS = """
    select model, count(*), count(*) filter (where status >= 500),
           percentile_cont(0.95) within group (order by duration_ms)
    from routing_callrecord where model = any(%s) and at >= %s group by model
"""


@dataclass(frozen=True)
class Bucket:
    """Half a minute of calls. `p95_ms` is None where there were none."""

    at: datetime
    calls: int
    errors: int
    p95_ms: float | None


@dataclass(frozen=True)
class Summary:
    """The last minute in numbers and the last quarter of an hour in buckets. Errors are answers with status 5xx."""

    calls_per_s: float
    error_percent: float | None
    p95_ms: float | None
    calls: int
    buckets: tuple[Bucket, ...]


@dataclass(frozen=True)
class ModelTraffic:
    """One model's last quarter of an hour."""

    calls_per_min: float
    error_percent: float
    p95_ms: float | None


def summary(actor: access.Actor | None) -> Summary | None:
    """Traffic now, at most three seconds old; None where summing takes over two seconds. Raises Forbidden."""
    access.require(actor, "call.read")
    known: Summary | None = cache.get(_CACHE)
    if known is None:
        known = _summed()
        cache.set(_CACHE, known, _CACHE_S)
    return known


def of_models(actor: access.Actor | None, names: Sequence[str]) -> dict[str, ModelTraffic]:
    """Traffic of these models; those without calls are missing. Raises Forbidden."""
    access.require(actor, "call.read")
    minutes = WINDOW.total_seconds() / 60
    with at_most(SECONDS), connection.cursor() as cursor:
        cursor.execute(_MODELS, [list(names), timezone.now() - WINDOW])
        rows = cursor.fetchall()
    return {name: ModelTraffic(calls / minutes, 100 * errors / calls, p95) for name, calls, errors, p95 in rows}


def calls(actor: access.Actor | None, wanted: Mapping[str, str], number: int) -> Page:
    """Calls, newest first. `wanted` may hold model, status, task and key. Counts stop at 10,000. Raises Forbidden."""
    access.require(actor, "call.read")
    rows = CallRecord.objects.filter(_matching(wanted)).order_by("-at")
    with at_most(SECONDS):
        total = rows.order_by()[:COUNTED].count()
        pages = max(1, -(-total // SIZE))
        number = min(max(number, 1), pages)
        return Page(list(rows[(number - 1) * SIZE : number * SIZE]), total, number, pages)


def _matching(wanted: Mapping[str, str]) -> Q:
    found = STATUSES.get(wanted.get("status", ""), Q())
    if wanted.get("model"):
        found &= Q(model=wanted["model"])
    if wanted.get("task"):
        found &= Q(task=wanted["task"])
    key = wanted.get("key", "")
    if key.isascii() and key.isdigit() and len(key) < 18:
        found &= Q(api_key_id=int(key))
    return found


def _summed() -> Summary | None:
    now = timezone.now()
    try:
        with at_most(SECONDS), connection.cursor() as cursor:
            cursor.execute(_BINS, [BUCKET_S, now - WINDOW])
            bins = {row[0]: row for row in cursor.fetchall()}
            cursor.execute(_RECENT, [now - timedelta(seconds=RECENT_S)])
            recent, errors, p95 = cursor.fetchone()
    except OperationalError:
        return None
    buckets = tuple(_bucket(bins, moment) for moment in _moments(now))
    share = 100 * errors / recent if recent else None
    return Summary(recent / RECENT_S, share, p95, sum(bucket.calls for bucket in buckets), buckets)


def _moments(now: datetime) -> list[datetime]:
    last = datetime.fromtimestamp((now.timestamp() // BUCKET_S - 1) * BUCKET_S, tz=now.tzinfo)
    return [last - timedelta(seconds=BUCKET_S * back) for back in range(BUCKETS - 1, -1, -1)]


def _bucket(bins: Mapping[datetime, tuple[Any, ...]], moment: datetime) -> Bucket:
    _, calls, errors, p95 = bins.get(moment, (moment, 0, 0, None))
    return Bucket(moment, calls, errors, p95)
