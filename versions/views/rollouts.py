"""Pages of rollouts: all of them, one with its guard lines and buttons, and what the buttons do."""

import json
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext

from controlplane.base import access
from controlplane.base.messages import Sentence
from controlplane.base.refusals import Missing, Refused
from controlplane.base.web.doors import PersonRequest, go, page, page_of, request_id
from controlplane.base.web.paging import page_of_rows
from controlplane.base.web.telling import told
from versions.models import Update, UpdateState
from versions.rollout import plans, reading, verbs
from versions.rollout.in_words import rules
from versions.rollout.plans import RolloutPlan

MOST_POINTS = 20


@page("update.read")
def rollouts(request: PersonRequest) -> HttpResponse:
    """What rolls out now and what did, the newest first; and what is approved and waits for its start."""
    approved = Update.objects.filter(state=UpdateState.APPROVED).select_related("model", "release")
    listing = page_of_rows(reading.rollouts(request.user), page_of(request))
    context = {
        "listing": listing,
        "entries": [reading.state_of(row) for row in listing.rows],
        "approved": approved.order_by("moved_at")[:20],
    }
    return render(request, "versions/rollouts.html", context)


@page("update.read")
def rollout(request: PersonRequest, update_id: uuid.UUID) -> HttpResponse:
    """One rollout as it is now; of an approved update how it would go."""
    rows = Update.objects.select_related("model", "base", "release")
    update = rows.filter(pk=update_id).first()
    if update is None:
        raise Missing("update", Sentence("there is no update {update}", update=repr(str(update_id))))
    if update.state == UpdateState.APPROVED:
        plan = plans.of(update.model)
        context = {"update": update, "plan": _steps_of(plan), "rules": rules(plan.guards)}
        return render(request, "versions/rollout_ahead.html", context)
    found = reading.state(request.user, update_id)
    series = found.rollout.readings.get("series", [])
    context = {
        "update": update,
        "found": found,
        "rules": rules(found.limits),
        "series_text": json.dumps(series),
        "points": [_point(item) for item in series[-MOST_POINTS:][::-1]],
        "may": access.can(request.user, "rollout.control"),
        "undoable": update.state == UpdateState.LIVE and update.model.release_id == update.release_id,
    }
    return render(request, "versions/rollout.html", context)


@page("rollout.control", "POST")
def rollout_move(request: PersonRequest, update_id: uuid.UUID, move: str) -> HttpResponse:
    """Do what a button of the page says."""
    try:
        act, words = _MOVES[move]
    except KeyError as error:
        raise Missing("move", Sentence("a rollout has no move {move}", move=repr(move[:40]))) from error
    try:
        act(request, update_id)
        messages.success(request, words())
    except (Refused, access.Forbidden) as refusal:
        messages.error(request, told(refusal.message if isinstance(refusal, Refused) else refusal.args[0]))
    return go(request, reverse("rollout", args=[update_id]))


def _steps_of(plan: RolloutPlan) -> list[tuple[int, int]]:
    return list(zip(plan.steps, plan.bake_seconds, strict=True))


def _point(item: list[Any]) -> dict[str, Any]:
    """One reading of the chart's series, for the table."""
    at, share, *figures = item
    return {"at": datetime.fromtimestamp(at, UTC), "share": share, "failed": figures[:2], "p95": figures[2:4]}


def _told(request: PersonRequest) -> dict[str, Any]:
    return {"request_id": request_id(request)}


def _reason(request: PersonRequest) -> str:
    return request.POST.get("reason", "").replace("\x00", "")[:2000]


_MOVES: Mapping[str, tuple[Callable[[PersonRequest, uuid.UUID], Any], Callable[[], str]]] = {
    "start": (lambda r, u: verbs.start(r.user, u, **_told(r)), lambda: gettext("The rollout has started.")),
    "step": (lambda r, u: verbs.step_on(r.user, u, **_told(r)), lambda: gettext("At the next step.")),
    "pause": (
        lambda r, u: verbs.pause(r.user, u, _reason(r), **_told(r)),
        lambda: gettext("Paused. The guard lines go on watching."),
    ),
    "resume": (lambda r, u: verbs.resume(r.user, u, **_told(r)), lambda: gettext("The rollout goes on.")),
    "promote": (
        lambda r, u: verbs.promote(r.user, u, _reason(r), **_told(r)),
        lambda: gettext("Live. The new release serves every call."),
    ),
    "roll-back": (
        lambda r, u: verbs.roll_back(r.user, u, _reason(r), **_told(r)),
        lambda: gettext("Rolled back. The old release serves every call."),
    ),
}
