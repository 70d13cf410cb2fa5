"""The queue of updates: equal changes of many models as one entry, the most urgent first.

Urgency is traffic over time: calls of the last week that would notice, plus one, by hours that are left.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Count, F, FloatField, Max, Min, Q, QuerySet, Sum, TextField, Value
from django.db.models.functions import Cast, Coalesce, Extract, Greatest, Now, NullIf

from controlplane.base import access
from controlplane.base.messages import Sentence
from controlplane.base.refusals import Missing
from controlplane.base.web.paging import Page, page_of_rows
from versions.models import Update, UpdateState

FILTERS = ("q", "state", "verdict", "origin", "model", "fingerprint", "mine")
WAITING = (UpdateState.REVIEW, UpdateState.UNREADABLE)
"""States that a person looks at when nothing else is asked for."""
STATES: Mapping[str, tuple[UpdateState, ...]] = {
    "": WAITING,
    "moving": (UpdateState.SEEN, UpdateState.TESTING, UpdateState.APPROVED, UpdateState.ROLLING, UpdateState.PAUSED),
    "done": (UpdateState.LIVE, UpdateState.SUPERSEDED),
    "stopped": (UpdateState.REJECTED, UpdateState.EXPIRED, UpdateState.ROLLED_BACK),
    "all": tuple(UpdateState),
}
_WORST = ("breaking", "review", "compatible", "")
_SHOWN_NAMES = 3


@dataclass(frozen=True)
class QueueEntry:
    """Updates of one fingerprint and state. `update` is the one that its page opens; it has the most calls."""

    update: Update
    count: int
    models: tuple[str, ...]
    calls: int
    callers: int
    deadline: datetime | None

    @property
    def more(self) -> int:
        """How many models are not named."""
        return self.count - len(self.models)


def listing(actor: Any, wanted: Mapping[str, str], number: int) -> Page:
    """One page of entries. `wanted` may hold any of FILTERS. Raises Forbidden."""
    access.require(actor, "update.read")
    hours = Extract(Min("deadline") - Now(), "epoch") / Value(3600.0)
    groups = (
        matching(actor, wanted)
        .annotate(group=Coalesce(NullIf("fingerprint", Value("")), Cast("id", TextField()), output_field=TextField()))
        .values("group", "state")
        .annotate(
            count=Count("id"),
            calls=Sum("calls_hurt"),
            callers=Max("callers_hurt"),
            deadline_first=Min("deadline"),
            moved=Max("moved_at"),
            ids=ArrayAgg("id", order_by=("-calls_hurt", "created_at")),
            urgency=Cast(Sum("calls_hurt") + Value(1), FloatField()) / Greatest(hours, Value(1.0)),
        )
        .order_by(F("urgency").desc(nulls_last=True), "-moved", "group")
    )
    page = page_of_rows(groups, number)
    return page.showing(_entries(page.rows))


def matching(actor: Any, wanted: Mapping[str, str]) -> QuerySet[Update]:
    """Updates that meet the filter."""
    found = Q(state__in=STATES.get(wanted.get("state", ""), ())) | Q(state=wanted.get("state") or "-")
    for name in ("verdict", "origin", "fingerprint"):
        if wanted.get(name):
            found &= Q(**{name: wanted[name]})
    if wanted.get("model"):
        found &= Q(model__name=wanted["model"])
    if wanted.get("q"):
        found &= Q(model__sought__contains=wanted["q"].lower())
    if wanted.get("mine"):
        mine = getattr(actor, "id", None)
        decided = Q(approvals__user=mine, approvals__voided_at=None)
        return Update.objects.filter(found).exclude(author=mine).exclude(plan_author=mine).exclude(decided)
    return Update.objects.filter(found)


def get(actor: Any, update_id: uuid.UUID) -> Update:
    """One update with what its page names. Raises Forbidden, Missing."""
    access.require(actor, "update.read")
    rows = Update.objects.select_related("model", "base", "release", "source", "scan", "author", "plan_author")
    update = rows.filter(pk=update_id).first()
    if update is None:
        raise Missing("update", Sentence("there is no update {update}", update=repr(str(update_id))))
    return update


def waiting(actor: Any) -> int:
    """How many updates wait for a person. Raises Forbidden."""
    access.require(actor, "update.read")
    return count()


def count() -> int:
    """The same for the navigation, which asks for all who may see it."""
    return Update.objects.filter(state__in=WAITING).count()


def emergencies(actor: Any) -> list[Update]:
    """Updates that one admin approved alone and nobody has looked at yet. Raises Forbidden."""
    access.require(actor, "update.read")
    return list(Update.objects.filter(emergency=True).select_related("model").order_by("-moved_at")[:5])


def equal_to(actor: Any, update: Update) -> list[Update]:
    """Other updates in review that are the same change, most calls first. Raises Forbidden."""
    access.require(actor, "update.read")
    if not update.fingerprint:
        return []
    rows = Update.objects.filter(fingerprint=update.fingerprint, state=UpdateState.REVIEW).exclude(pk=update.pk)
    return list(rows.select_related("model", "base", "release").order_by("-calls_hurt", "model__name")[:500])


def beside(actor: Any, update: Update) -> tuple[uuid.UUID | None, uuid.UUID | None]:
    """The updates before and after this one in the queue that waits. Raises Forbidden."""
    ids = [entry.update.pk for entry in listing(actor, {}, 1).rows]
    if update.pk not in ids:
        return None, ids[0] if ids else None
    place = ids.index(update.pk)
    return (ids[place - 1] if place else None), (ids[place + 1] if place + 1 < len(ids) else None)


def _entries(groups: list[dict[str, Any]]) -> list[QueueEntry]:
    wanted = [update_id for group in groups for update_id in group["ids"][:_SHOWN_NAMES]]
    rows = Update.objects.select_related("model", "base", "release", "source").in_bulk(wanted)
    return [
        QueueEntry(
            rows[group["ids"][0]],
            group["count"],
            tuple(rows[update_id].model.name for update_id in group["ids"][:_SHOWN_NAMES]),
            group["calls"] or 0,
            group["callers"] or 0,
            group["deadline_first"],
        )
        for group in groups
    ]
