"""Which models end, when, and who still calls them: days left against callers, the most urgent first."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, F, Q
from django.utils import timezone

from controlplane.base import access
from registry.models import Model
from routing.models import CallRecord

WINDOW = timedelta(days=7)
NO_END = 365
"""Days that a deprecated model without a date counts as having left."""
DATES = ("deprecated_at", "sunset_at", "upstream_deprecated_at", "upstream_sunset_at")


@dataclass(frozen=True, slots=True)
class CalendarEntry:
    """A model that is deprecated or ends. `days_left` is None without a date, and negative once it is over.

    The dates are those that callers are told: the spec's, else the upstream's. `callers` are keys that called it in the
    last seven days, `calls` their calls.
    """

    model: str
    deprecated_at: datetime | None
    sunset_at: datetime | None
    upstream_deprecated_at: datetime | None
    upstream_sunset_at: datetime | None
    days_left: int | None
    callers: int
    calls: int

    @property
    def urgency(self) -> float:
        """Callers over the days that are left: what sorts the calendar."""
        days = NO_END if self.days_left is None else max(self.days_left, 1)
        return self.callers / days


def entries(actor: access.Actor | None) -> list[CalendarEntry]:
    """Every model with an end in sight, the most urgent first. Two queries. Raises Forbidden."""
    access.require(actor, "update.read")
    now = timezone.now()
    ending = Q(deprecated_at__isnull=False) | Q(sunset_at__isnull=False)
    rows = list(Model.objects.filter(ending).order_by("name").values(*DATES, model=F("name")))
    recent = CallRecord.objects.filter(at__gte=now - WINDOW, model__in=[row["model"] for row in rows]).order_by()
    counted = recent.values_list("model").annotate(callers=Count("api_key_id", distinct=True), calls=Count("id"))
    used = {name: (callers, calls) for name, callers, calls in counted}
    found = []
    for row in rows:
        callers, calls = used.get(row["model"], (0, 0))
        found.append(CalendarEntry(**row, days_left=_days(row["sunset_at"], now), callers=callers, calls=calls))
    return sorted(found, key=lambda one: (-one.urgency, one.sunset_at or now + WINDOW * 1000, one.model))


def _days(until: datetime | None, now: datetime) -> int | None:
    return (until - now).days if until else None
