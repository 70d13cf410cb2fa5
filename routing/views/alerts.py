"""Pages of alerts: what fires, what fired, and silences."""

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext

from controlplane.base.forms import blame
from controlplane.base.refusals import Invalid
from controlplane.base.web.doors import PersonRequest, go, page, page_of, request_id, safe_back
from controlplane.base.web.paging import page_of_rows
from routing.alert_forms import SilenceForm
from routing.alerts import reading, silences
from routing.alerts.language import matching
from routing.alerts.models import AlertReceiver, AlertRule, AlertState, Silence

LATE_SECONDS = 15.0
"""Rules that were not evaluated for so long: what the page shows may not be so any more."""
VIEWS = ("open", "resolved")


@page("alert.read")
def alerts(request: PersonRequest) -> HttpResponse:
    """What fires, worst first, then what is about to; or what fired."""
    return render(request, "routing/alerts.html", _context(request))


@page("alert.change", "POST")
def alert_silence(request: PersonRequest, alert_id: int) -> HttpResponse:
    """Hold one alert's messages back for an hour."""
    row = reading.one(request.user, alert_id)
    draft = {
        "matchers": silences.for_alert(row),
        "ends_at": timezone.now() + timedelta(hours=1),
        "reason": gettext("silenced from the list"),
    }
    silences.create(request.user, draft, request_id(request))
    messages.success(request, gettext("%(subject)s is silent for an hour.") % {"subject": row.subject})
    return go(request, safe_back(request, reverse("alerts")))


@page("alert.change", "POST")
def alert_acknowledge(request: PersonRequest, alert_id: int) -> HttpResponse:
    """Say that one looks after an alert."""
    row = silences.acknowledge(request.user, alert_id, request.POST.get("note", ""), request_id(request))
    messages.success(request, gettext("You look after %(subject)s.") % {"subject": row.subject})
    return go(request, safe_back(request, reverse("alerts")))


@page("alert.change", "POST")
def silence_create(request: PersonRequest) -> HttpResponse:
    """Hold back the messages of every alert that matches."""
    form = SilenceForm(request.POST)
    if form.is_valid():
        try:
            silences.create(request.user, form.draft(), request_id(request))
        except Invalid as refusal:
            blame(form, refusal, {"ends_at": "hours"})
        else:
            messages.success(request, gettext("The silence is in force."))
            return go(request, reverse("alerts"))
    return render(request, "routing/alerts.html", {**_context(request), "form": form}, status=422)


@page("alert.change", "POST")
def silence_end(request: PersonRequest, silence_id: int) -> HttpResponse:
    """End a silence now."""
    silences.end(request.user, silence_id, request_id(request))
    messages.success(request, gettext("The silence is over."))
    return go(request, reverse("alerts"))


def _context(request: PersonRequest) -> dict[str, Any]:
    view = request.GET.get("view", "open") if request.method == "GET" else "open"
    words = request.GET.get("q", "").replace("\x00", "").strip()[:200]
    past = view == "resolved"
    found = reading.listing(request.user, AlertState.RESOLVED if past else "", words)
    listing = page_of_rows(found if past else reading.worst_first(found), page_of(request))
    now = timezone.now()
    quiet = reading.silenced_by(now)
    ago = reading.looked_ago()
    everything = reading.firing(request.user, most=0)
    return {
        "view": "resolved" if past else "open",
        "words": words,
        "listing": listing,
        "entries": [(row, reading.shown(row, quiet)) for row in listing.rows],
        "firing": everything,
        "severities": [(name, everything.by_severity.get(name, 0)) for name in reading.SEVERITIES],
        "late": ago is None or ago > LATE_SECONDS,
        "rules": AlertRule.objects.filter(enabled=True).count(),
        "silences": [_silence(row) for row in silences.listing(request.user).filter(ends_at__gt=now)],
        "switched_off": AlertReceiver.objects.filter(enabled=False).exclude(state_reason=""),
        "form": SilenceForm(),
    }


def _silence(row: Silence) -> tuple[Silence, list[str]]:
    return row, [one.told() for one in matching.of_json(row.matchers)]
