"""The page of telemetry sources: what each says now, and which of them is not to be believed."""

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.db.models import Count, Max, Q
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext

from controlplane.base.forms import blame
from controlplane.base.messages import Sentence
from controlplane.base.refusals import Missing, Refused
from controlplane.base.web.doors import PersonRequest, go, page, page_of, request_id, safe_back
from controlplane.base.web.paging import page_of_rows
from routing.forms import TelemetryForm, telemetry_draft, telemetry_form
from routing.inventory import endpoints
from routing.models import EndpointState
from routing.pushed import keys
from routing.pushed.hearing import heard_of

SILENT = timedelta(seconds=45)
"""No source was looked at for so long: the collector does not run. One that fails is asked every 30 s at least."""
MOST_AGENTS = 50
"""Agents that are shown beneath the sources; their own page has all."""
FILTERS = (*EndpointState.values, "paused")
MOVES = ("pause", "resume", "remove")
_FIELDS = {"exists": "name", "egress_refused": "url"}


@page("fleet.read")
def sources(request: PersonRequest) -> HttpResponse:
    """Every source by name, with what was wrong within the last minute."""
    number = request.GET.get("edit", "")
    context = _context(request)
    if number.isdecimal() and len(number) < 19:
        row = endpoints.get(request.user, int(number))
        context |= {"edited": row, "edit_form": TelemetryForm(initial=telemetry_form(row))}
    return render(request, "routing/telemetry.html", context)


@page("fleet.change", "POST")
def source_add(request: PersonRequest) -> HttpResponse:
    """Have an address scraped."""
    form = TelemetryForm(request.POST)
    if form.is_valid():
        try:
            row = endpoints.add(request.user, telemetry_draft(form), request_id(request))
        except Refused as refusal:
            blame(form, refusal, _FIELDS)
        else:
            messages.success(request, gettext("%(name)s is asked within two seconds.") % {"name": row.name})
            return go(request, reverse("gpus-telemetry"))
    return render(request, "routing/telemetry.html", {**_context(request), "form": form}, status=422)


@page("fleet.change", "POST")
def source_edit(request: PersonRequest, endpoint_id: int) -> HttpResponse:
    """Change a source."""
    row = endpoints.get(request.user, endpoint_id)
    form = TelemetryForm(request.POST)
    if form.is_valid():
        try:
            endpoints.edit(request.user, endpoint_id, telemetry_draft(form), request_id(request))
        except Refused as refusal:
            blame(form, refusal, _FIELDS)
        else:
            messages.success(request, gettext("%(name)s is changed.") % {"name": form.cleaned_data["name"]})
            return go(request, reverse("gpus-telemetry"))
    context = {**_context(request), "edited": row, "edit_form": form}
    return render(request, "routing/telemetry.html", context, status=422)


@page("fleet.change", "POST")
def source_move(request: PersonRequest, endpoint_id: int, move: str) -> HttpResponse:
    """Pause or resume a source, or forget it."""
    row = endpoints.get(request.user, endpoint_id)
    if move == "remove":
        endpoints.remove(request.user, endpoint_id, request_id(request))
        said = gettext("%(name)s is removed; its devices and their history stay.")
    elif move in ("pause", "resume"):
        endpoints.edit(request.user, endpoint_id, {"enabled": move == "resume"}, request_id(request))
        said = gettext("%(name)s is asked again.") if move == "resume" else gettext("%(name)s is paused.")
    else:
        raise Missing(
            "move", Sentence("{move} is no move; expected one of {known}", move=repr(move[:40]), known=[*MOVES])
        )
    messages.success(request, said % {"name": row.name})
    return go(request, safe_back(request, reverse("gpus-telemetry")))


def _context(request: PersonRequest) -> dict[str, Any]:
    rows = endpoints.listing(request.user)
    on = Q(enabled=True)
    counts = {state: Count("pk", filter=on & Q(state=state)) for state in EndpointState.values}
    sums = rows.aggregate(every=Count("pk"), on=Count("pk", filter=on), last=Max("looked_at", filter=on), **counts)
    sums["paused"] = sums["every"] - sums["on"]
    wanted = request.GET.get("state", "")
    if wanted in FILTERS:
        rows = rows.filter(enabled=False) if wanted == "paused" else rows.filter(on, state=wanted)
    silent = sums["on"] and (sums["last"] is None or timezone.now() - sums["last"] > SILENT)
    return {
        "listing": page_of_rows(rows, page_of(request)),
        "sums": [(state, sums[state]) for state in FILTERS if sums[state]],
        "every": sums["every"],
        "wanted": wanted if wanted in FILTERS else "",
        "silent": silent,
        "last": sums["last"],
        "agents": heard_of(keys.listing(request.user)[:MOST_AGENTS]),
        "form": TelemetryForm(),
    }
