"""What was called lately, in numbers: now, over time, per model, and the models that fail most."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db import OperationalError
from django.db.models import Aggregate, Count, Q, TextField
from django.utils import timezone

from controlplane.base import access
from controlplane.base.web.patience import at_most
from routing.calls import steps
from routing.calls.steps import StepSums
from routing.models import CallRecord
from routing.outcomes import FAILED, OUTCOMES, WHERE

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

    @property
    def length(self) -> timedelta:
        """From its oldest step to now."""
        return timedelta(seconds=self.step_s * self.steps)


SPANS = {"15m": Span(30, 30, 3), "24h": Span(1800, 48, 30), "30d": Span(43200, 60, 300)}


class Commonest(Aggregate):
    """The value that occurs most often."""

    template = "mode() within group (order by %(expressions)s)"
    output_field = TextField()


@dataclass(frozen=True)
class Summary:
    """The last minute in numbers, and a span in steps.

    `error_percent` is the share of failed calls among those that were not refused. `buckets` are steps that are over,
    `current` is the one that is not; `calls` counts them all. `p95_ms` is of answered calls.
    """

    calls_per_s: float
    error_percent: float | None
    p95_ms: float | None
    calls: int
    buckets: tuple[StepSums, ...]
    current: StepSums
    at: datetime

    @property
    def failed(self) -> int:
        """Failed calls of the whole span."""
        return self.current.failed + sum(bucket.failed for bucket in self.buckets)

    @property
    def failed_percent(self) -> float | None:
        """The share of failed calls of the whole span among those that were not refused."""
        every = (*self.buckets, self.current)
        served = sum(bucket.calls - bucket.refused for bucket in every)
        return 100 * self.failed / served if served else None


@dataclass(frozen=True)
class ModelTraffic:
    """One model's calls: those of the last minute, and shares and p95 of the last quarter of an hour."""

    calls_per_min: int
    calls: int
    error_percent: float | None
    p95_ms: float | None


@dataclass(frozen=True)
class FailingModel:
    """A model with failed calls; `cause` is the commonest message."""

    name: str
    failed: int
    calls: int
    cause: str


@dataclass(frozen=True)
class Worst:
    """The models that failed most, worst first, as it was at a moment."""

    rows: tuple[FailingModel, ...]
    at: datetime


def summary(actor: access.Actor | None, span: str = "15m") -> Summary | None:
    """Traffic now and over `span`, a key of SPANS; None if summing takes over two seconds. Raises Forbidden."""
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
        .annotate(minute=Count("id", filter=_since(now)), **steps.sums())
    )
    with at_most(SECONDS):
        return {
            row["model"]: ModelTraffic(row["minute"], sum(row[name] for name in OUTCOMES), _share(row), row["p95_ms"])
            for row in rows
        }


def failing(actor: access.Actor | None, span: str = "15m", most: int = WORST) -> Worst:
    """The models with the most failed calls of `span`; none if it takes too long. Raises Forbidden."""
    access.require(actor, "call.read")
    name = f"{_CACHE}-worst-{span}-{most}"
    known: Worst | None = cache.get(name)
    if known is None:
        now = timezone.now()
        try:
            with at_most(SECONDS):
                known = Worst(_failing(now - SPANS[span].length, most), now)
        except OperationalError:
            known = Worst((), now)
        cache.set(name, known, SPANS[span].kept_s)
    return known


def _failing(since: datetime, most: int) -> tuple[FailingModel, ...]:
    failed: Iterable[Any] = (
        CallRecord.objects.filter(WHERE[FAILED], at__gte=since)
        .values("model")
        .annotate(wrong=Count("id"), cause=Commonest("message"))
        .order_by("-wrong", "model")[:most]
    )
    worst = list(failed)
    rows = CallRecord.objects.filter(model__in=[row["model"] for row in worst], at__gte=since).values("model")
    calls = dict(rows.annotate(calls=Count("id")).values_list("model", "calls"))
    return tuple(
        FailingModel(row["model"], row["wrong"], calls.get(row["model"], row["wrong"]), row["cause"] or "")
        for row in worst
    )


def _since(now: datetime) -> Q:
    return Q(at__gte=now - timedelta(seconds=RECENT_S))


def _share(row: dict[str, Any]) -> float | None:
    served = row["answered"] + row["failed"] + row["left"]
    return 100 * row["failed"] / served if served else None


def _summed(span: Span) -> Summary | None:
    now = timezone.now()
    moments = steps.over(now, span.step_s, span.steps)
    current = steps.start_of(now, span.step_s)
    try:
        with at_most(SECONDS):
            kept = steps.kept(moments, span.step_s) if span.step_s in steps.KEPT else {}
            first = next((moment for moment in moments if moment not in kept), current)
            found = {**kept, **steps.since(first, span.step_s)}
            last = CallRecord.objects.filter(_since(now)).aggregate(**steps.sums())
    except OperationalError:
        return None
    buckets = tuple(found.get(moment, StepSums(moment)) for moment in moments)
    running = found.get(current, StepSums(current))
    calls = sum(bucket.calls for bucket in (*buckets, running))
    minute = sum(last[name] for name in OUTCOMES)
    return Summary(minute / RECENT_S, _share(last), last["p95_ms"], calls, buckets, running, now)
