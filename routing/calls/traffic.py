"""What was called lately, in numbers: now, over time, per model, and the models that fail most."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db import OperationalError
from django.db.models import Aggregate, Count, DateTimeField, F, FloatField, Func, Q, TextField
from django.utils import timezone

from controlplane.base import access
from controlplane.base.web.patience import at_most
from routing.models import CallRecord
from routing.outcomes import ANSWERED, FAILED, OUTCOMES, WHERE

WINDOW = timedelta(minutes=15)
RECENT_S = 60
SECONDS = 2.0
WORST = 5
_CACHE = "traffic-summary"


@dataclass(frozen=True)
class Span:
    """How far back a chart looks, in how many steps, and for how many seconds its sums are kept."""

    step_s: int
    steps: int
    kept_s: int


SPANS = {"15m": Span(30, 30, 3), "24h": Span(1800, 48, 30), "30d": Span(43200, 60, 300)}


class P95(Aggregate):
    """The 95th percentile."""

    template = "percentile_cont(0.95) within group (order by %(expressions)s)"
    output_field = FloatField()


class Commonest(Aggregate):
    """The value that occurs most often."""

    template = "mode() within group (order by %(expressions)s)"
    output_field = TextField()


@dataclass(frozen=True)
class Bucket:
    """One step of a chart: calls by outcome. `p95_ms` is of answered calls, None where there were none."""

    at: datetime
    answered: int = 0
    refused: int = 0
    failed: int = 0
    left: int = 0
    p95_ms: float | None = None

    @property
    def calls(self) -> int:
        """All calls of this step."""
        return self.answered + self.refused + self.failed + self.left


@dataclass(frozen=True)
class Summary:
    """The last minute in numbers, and a span in buckets that are over.

    `error_percent` is the share of failed calls among those that were not refused. `calls` counts the whole span,
    the step that is not over included. `p95_ms` is of answered calls.
    """

    calls_per_s: float
    error_percent: float | None
    p95_ms: float | None
    calls: int
    buckets: tuple[Bucket, ...]
    at: datetime


@dataclass(frozen=True)
class ModelTraffic:
    """One model's calls: those of the last minute, and shares and p95 of the last quarter of an hour."""

    calls_per_min: int
    calls: int
    error_percent: float | None
    p95_ms: float | None


@dataclass(frozen=True)
class Failing:
    """A model with failed calls in the last quarter of an hour; `cause` is the commonest message."""

    name: str
    failed: int
    calls: int
    cause: str


def summary(actor: access.Actor | None, span: str = "15m") -> Summary | None:
    """Traffic now and over `span`, a key of SPANS; None where summing takes over two seconds. Raises Forbidden."""
    access.require(actor, "call.read")
    name = f"{_CACHE}-{span}"
    known: Summary | None = cache.get(name)
    if known is None:
        known = _summed(SPANS[span])
        cache.set(name, known, SPANS[span].kept_s)
    return known


def of_models(actor: access.Actor | None, names: Sequence[str]) -> dict[str, ModelTraffic]:
    """Traffic of these models; those without calls are missing. Raises Forbidden."""
    access.require(actor, "call.read")
    now = timezone.now()
    rows: Iterable[Any] = (
        CallRecord.objects.filter(model__in=names, at__gte=now - WINDOW)
        .values("model")
        .annotate(minute=Count("id", filter=_since(now)), **_counts())
    )
    with at_most(SECONDS):
        return {
            row["model"]: ModelTraffic(row["minute"], sum(row[name] for name in OUTCOMES), _share(row), row["p95_ms"])
            for row in rows
        }


def failing(actor: access.Actor | None, most: int = WORST) -> list[Failing]:
    """The models with the most failed calls lately, worst first; none where it takes too long. Raises Forbidden."""
    access.require(actor, "call.read")
    rows = (
        CallRecord.objects.filter(at__gte=timezone.now() - WINDOW)
        .values("model")
        .annotate(
            calls=Count("id"),
            wrong=Count("id", filter=WHERE[FAILED]),
            cause=Commonest("message", filter=WHERE[FAILED]),
        )
        .filter(wrong__gt=0)
        .order_by("-wrong", "model")[:most]
    )
    try:
        with at_most(SECONDS):
            return [Failing(row["model"], row["wrong"], row["calls"], row["cause"] or "") for row in rows]
    except OperationalError:
        return []


def _counts() -> dict[str, Any]:
    found: dict[str, Any] = {name: Count("id", filter=WHERE[name]) for name in OUTCOMES}
    return {**found, "p95_ms": P95("duration_ms", filter=WHERE[ANSWERED])}


def _since(now: datetime) -> Q:
    return Q(at__gte=now - timedelta(seconds=RECENT_S))


def _share(row: dict[str, Any]) -> float | None:
    served = row["answered"] + row["failed"] + row["left"]
    return 100 * row["failed"] / served if served else None


def _summed(span: Span) -> Summary | None:
    now = timezone.now()
    step = Func(
        F("at"),
        template=f"date_bin(make_interval(secs => {span.step_s}), %(expressions)s, 'epoch')",
        output_field=DateTimeField(),
    )
    rows = CallRecord.objects.filter(at__gte=now - timedelta(seconds=span.step_s * span.steps))
    sums: Iterable[Any] = rows.annotate(bucket=step).values("bucket").annotate(**_counts())
    try:
        with at_most(SECONDS):
            bins = {row.pop("bucket"): row for row in sums}
            last = CallRecord.objects.filter(_since(now)).aggregate(**_counts())
    except OperationalError:
        return None
    buckets = tuple(Bucket(moment, **bins.get(moment, {})) for moment in _moments(now, span))
    minute, every = (sum(row[name] for row in found for name in OUTCOMES) for found in ([last], bins.values()))
    return Summary(minute / RECENT_S, _share(last), last["p95_ms"], every, buckets, now)


def _moments(now: datetime, span: Span) -> list[datetime]:
    last = datetime.fromtimestamp((now.timestamp() // span.step_s - 1) * span.step_s, tz=now.tzinfo)
    return [last - timedelta(seconds=span.step_s * back) for back in range(span.steps - 1, -1, -1)]
