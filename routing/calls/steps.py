"""Sums of calls over steps of time, and those of the long charts kept in a table of their own.

A step that is over does not change, unless a record comes late (a long call, a spool after an outage). `forget` runs in
the transaction that stores the record and `keep` sums again; a lock lets only one of them at the sums at a time.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Aggregate, Count, DateTimeField, F, FloatField, Func
from django.utils import timezone

from controlplane.base import advisory_locks
from routing.models import CallRecord, TrafficStep
from routing.outcomes import ANSWERED, OUTCOMES, WHERE

KEPT = {1800: 48, 43200: 60}
"""Seconds of each kept step, and how many of them are kept."""
SETTLED = timedelta(seconds=60)
"""How long after its end a step is summed for good: by then its records have nearly always come."""


class P95(Aggregate):
    """The 95th percentile."""

    template = "percentile_cont(0.95) within group (order by %(expressions)s)"
    output_field = FloatField()


@dataclass(frozen=True)
class StepSums:
    """One step: calls by outcome. `p95_ms` is of answered calls, None if there were none."""

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

    @property
    def error_percent(self) -> float | None:
        """The share of failed calls among those that were not refused."""
        served = self.calls - self.refused
        return 100 * self.failed / served if served else None


def sums() -> dict[str, Any]:
    """Aggregates of calls: a count for each outcome, and `p95_ms`."""
    found: dict[str, Any] = {name: Count("id", filter=WHERE[name]) for name in OUTCOMES}
    return {**found, "p95_ms": P95("duration_ms", filter=WHERE[ANSWERED])}


def start_of(moment: datetime, step_s: int) -> datetime:
    """The start of the step that `moment` is in."""
    return datetime.fromtimestamp(moment.timestamp() // step_s * step_s, tz=UTC)


def over(now: datetime, step_s: int, count: int) -> list[datetime]:
    """Starts of the last `count` steps that are over, oldest first."""
    current = start_of(now, step_s)
    return [current - timedelta(seconds=step_s * back) for back in range(count, 0, -1)]


def since(start: datetime, step_s: int) -> dict[datetime, StepSums]:
    """Steps from `start` on that have calls, summed from the records; the one that is not over too."""
    step = Func(
        F("at"),
        template=f"date_bin(make_interval(secs => {step_s}), %(expressions)s, 'epoch')",
        output_field=DateTimeField(),
    )
    rows: Iterable[Any] = (
        CallRecord.objects.filter(at__gte=start).annotate(bucket=step).values("bucket").annotate(**sums())
    )
    return {moment: StepSums(moment, **row) for row in rows for moment in [row.pop("bucket")]}


def kept(moments: list[datetime], step_s: int) -> dict[datetime, StepSums]:
    """Those of `moments` whose sums are kept."""
    columns = ("at", *OUTCOMES, "p95_ms")
    rows = TrafficStep.objects.filter(step_s=step_s, at__gte=moments[0]).values(*columns)
    return {row["at"]: StepSums(**row) for row in rows}


def keep() -> int:
    """Sum and keep what is over and not kept, and delete what no chart shows any more. Returns how many were summed."""
    return sum(_keep(step_s, count) for step_s, count in KEPT.items())


@transaction.atomic
def _keep(step_s: int, count: int) -> int:
    _lock()
    wanted = over(timezone.now() - SETTLED, step_s, count)
    TrafficStep.objects.filter(step_s=step_s, at__lt=wanted[0]).delete()
    known = kept(wanted, step_s)
    missing = [moment for moment in wanted if moment not in known]
    if not missing:
        return 0
    found = since(missing[0], step_s)
    steps = [found.get(moment, StepSums(moment)) for moment in missing]
    TrafficStep.objects.bulk_create([TrafficStep(step_s=step_s, **vars(step)) for step in steps])
    return len(steps)


def forget(oldest: datetime) -> None:
    """Forget kept steps from `oldest` on: a record of that time has just come. Runs in the record's transaction."""
    now = timezone.now()
    if start_of(oldest, min(KEPT)) == start_of(now, min(KEPT)):
        return
    _lock()
    for step_s in KEPT:
        TrafficStep.objects.filter(step_s=step_s, at__gte=start_of(oldest, step_s)).delete()


def _lock() -> None:
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", [advisory_locks.TRAFFIC])
