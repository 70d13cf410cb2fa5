"""The ledger of outages: caller errors above the objective within hours after a change of that model.

A change is an update that began to serve, or a person's edit. Errors are what callers got: failed calls, and calls that
were refused for what they asked. Only the share beyond that of the hours before the change counts, so that a model that
fails anyway is no outage of its change.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Min, Q
from django.utils import timezone

from controlplane.base import access
from controlplane.base.models import Change
from controlplane.base.web.paging import Page, page_of_rows
from routing.models import CallRecord
from routing.outcomes import FAILED, LEFT, REFUSED, WHERE
from versions.models import Outage, Rollout, Update, UpdateState

AFTER = timedelta(hours=6)
OBJECTIVE = 0.01
FEWEST_CALLS, FEWEST_ERRORS = 20, 3
QUIET = timedelta(minutes=10)
"""An outage is over once the model has answered within the objective for this long."""
MONTHS = 12
_OWN_FAULT = ("authentication", "permission", "rate_limited", "not_found")
_ERRORS = WHERE[FAILED] | (WHERE[REFUSED] & ~Q(failure__in=_OWN_FAULT))
_EDITS = ("model.change", "model.import", "model.restore")


@dataclass(frozen=True)
class ModelChange:
    """Something that changed what a model serves. `cause` is "update" or "edit"."""

    model: str
    at: datetime
    cause: str
    update_id: Any = None


@dataclass
class LedgerMonth:
    """One month: outages by cause, and beside them updates that callers would have noticed and did not.

    `spared` counts those that were adapted, rejected or undone; `calls_spared` their calls in the week before.
    """

    month: datetime
    outages: int = 0
    errors: int = 0
    by_cause: dict[str, int] = field(default_factory=dict)
    spared: int = 0
    calls_spared: int = 0


def keep(now: datetime | None = None) -> int:
    """Look at every change of the last hours and write down its outage, if it is one. Returns how many are open."""
    now = now or timezone.now()
    found = 0
    for change in changes(now - AFTER, now):
        found += _weigh(change, now)
    Outage.objects.filter(ended_at=None, changed_at__lt=now - AFTER).update(ended_at=now)
    return found


def changes(since: datetime, until: datetime) -> list[ModelChange]:
    """What changed models in this time: updates that began to serve, and edits of one model by people."""
    rollouts = Rollout.objects.filter(started_at__range=(since, until)).select_related("update__model")
    found = [ModelChange(row.update.model.name, row.started_at, "update", row.update_id) for row in rollouts]
    edits = Change.objects.filter(verb__in=_EDITS, object_type="model", at__range=(since, until))
    return found + [ModelChange(row.object_id, row.at, "edit") for row in edits]


def listing(actor: Any) -> list[LedgerMonth]:
    """The last twelve months that had an outage or a spared one, newest first. Raises Forbidden."""
    access.require(actor, "update.read")
    since = timezone.now() - timedelta(days=31 * MONTHS)
    months: dict[datetime, LedgerMonth] = {}
    for outage in Outage.objects.filter(began_at__gte=since):
        found = months.setdefault(_month_of(outage.began_at), LedgerMonth(_month_of(outage.began_at)))
        found.outages += 1
        found.errors += outage.errors
        found.by_cause[outage.cause] = found.by_cause.get(outage.cause, 0) + 1
    kept = Q(state=UpdateState.REJECTED) | Q(state=UpdateState.ROLLED_BACK) | ~Q(plan=[])
    spared = Update.objects.filter(kept, callers_hurt__gt=0, created_at__gte=since)
    for at, calls in spared.values_list("created_at", "calls_hurt"):
        found = months.setdefault(_month_of(at), LedgerMonth(_month_of(at)))
        found.spared += 1
        found.calls_spared += calls
    return sorted(months.values(), key=lambda one: one.month, reverse=True)


def outages(actor: Any, number: int) -> Page:
    """A page of outages, newest first. Raises Forbidden."""
    access.require(actor, "update.read")
    return page_of_rows(Outage.objects.order_by("-began_at"), number)


def _month_of(moment: datetime) -> datetime:
    return moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _weigh(change: ModelChange, now: datetime) -> int:
    calls = CallRecord.objects.filter(model=change.model).exclude(WHERE[LEFT])
    after = calls.filter(at__range=(change.at, min(now, change.at + AFTER)))
    sums = after.aggregate(calls=Count("id"), errors=Count("id", filter=_ERRORS), began=Min("at", filter=_ERRORS))
    if sums["calls"] < FEWEST_CALLS or sums["errors"] < FEWEST_ERRORS:
        return 0
    before = calls.filter(at__range=(change.at - AFTER, change.at)).aggregate(
        calls=Count("id"), errors=Count("id", filter=_ERRORS)
    )
    usual = before["errors"] / before["calls"] if before["calls"] else 0.0
    if sums["errors"] / sums["calls"] - usual <= OBJECTIVE:
        return 0
    lately = after.filter(at__gte=now - QUIET).aggregate(calls=Count("id"), errors=Count("id", filter=_ERRORS))
    over = lately["errors"] <= OBJECTIVE * lately["calls"]
    Outage.objects.update_or_create(
        model=change.model,
        changed_at=change.at,
        defaults={
            "update_id": change.update_id,
            "cause": change.cause,
            "began_at": sums["began"],
            "ended_at": now if over else None,
            "calls": sums["calls"],
            "errors": sums["errors"],
            "objective": OBJECTIVE,
        },
    )
    return 0 if over else 1
